// Gives Node the JavaScript that the application compiled from a script's TypeScript and JSX. Node loads this module
// before the script, with the URL of the sources file as fragment of its own URL. Where hooks run on a thread of their
// own, Node loads it there too, without a fragment.
import { readFileSync, realpathSync, unlinkSync } from 'node:fs'
import * as module from 'node:module'
import { fileURLToPath } from 'node:url'
import { getEnvironmentData, isMainThread, setEnvironmentData } from 'node:worker_threads'

const types = /^file:[^?#]*\.(?:[cm]?ts|[jt]sx)(?:[?#]|$)/
let sources = {}

export function initialize(data) {
  sources = data
}

export function load(url, context, nextLoad) {
  if (!types.test(url)) return nextLoad(url, context)
  const path = fileURLToPath(url)
  const { source, error } = sources[path] ?? sources[realpathSync.native(path)] ?? {}
  if (error !== undefined) throw Object.assign(new SyntaxError(error), { stack: error })
  if (source !== undefined) {
    return { format: path.endsWith('.cts') ? 'commonjs' : 'module', source, shortCircuit: true }
  }
  if (process.features.typescript && !path.endsWith('x')) return nextLoad(url, context)
  const reason = /[\\/]node_modules[\\/]/.test(path)
    ? 'a package has to ship JavaScript'
    : 'Node gets the types stripped only of what the script imports by a literal name, or by a ' +
      'computed one from the folder that the name begins with'
  throw new TypeError(`Cannot load '${path}': ${reason}`)
}

/** Reads and removes the sources file. A missing file was for a parent process. */
function take(file) {
  const key = 'js-runtime:types'
  if (!isMainThread) return getEnvironmentData(key)
  try {
    const text = readFileSync(file, 'utf8')
    unlinkSync(file)
    const data = JSON.parse(text)
    // Worker threads inherit the flag that loads this module, and the environment data.
    setEnvironmentData(key, data)
    return data
  } catch (error) {
    if (error.code !== 'ENOENT') throw error
  }
}

const { hash, href } = new URL(import.meta.url)
const data = hash && take(new URL(hash.slice(1)))
if (data && module.registerHooks) {
  initialize(data)
  module.registerHooks({ load })
} else if (data) {
  module.register(href.slice(0, -hash.length), { data })
}
