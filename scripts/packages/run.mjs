/** Imports and uses a package on Node and on the embedded engine, and compares the results. */
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { runLimited } from '../lib/limited.mjs'
import { entries } from './list.mjs'

/** Time limit of one import or use, in seconds: many times the usual duration. */
const seconds = 120

const mark = /^result: (.*)$/m

/**
 * Tests a package on the engine: `import` with default permissions, `use` with all permissions. Each verdict is
 * "works" or describes the difference from Node.
 */
export async function tryPackage(name, { folder, jsproc, env }) {
  const script = join(folder, 'uses/main.mjs')
  const run = (program, ...args) => runLimited(program, args, { cwd: folder, env, seconds })
  const engine = (permissions, ...args) =>
    run(jsproc, 'run', '--runtime', 'embedded', ...permissions, script, ...args)
  const both = async (permissions, ...args) => ({
    node: await run(process.execPath, script, ...args),
    engine: await engine(permissions, ...args),
  })
  const imported = await both([], 'import', entries[name] ?? name)
  const used = await both(['-A'], 'use', name)
  return {
    name,
    import: verdict(imported, hasAll),
    use: verdict(used),
    output: [imported, used].map(({ engine }) => engine.stdout + engine.stderr).join('\n'),
  }
}

/** Compares the engine's run with Node's. `isSame` compares their results. */
export function verdict({ node, engine }, isSame = isDeepStrictEqual) {
  const [expected, actual] = [resultOf(node), resultOf(engine)]
  if (expected === undefined) return actual === undefined ? 'fails on Node too' : 'fails on Node'
  if (engine.timedOut) return 'no end'
  if (actual === undefined) return 'fails'
  return isSame(actual.value, expected.value) ? 'works' : 'differs'
}

/** True if a module exports at least the names of Node. The engine may find more names of a CommonJS module. */
export function hasAll(actual, expected) {
  return expected.every((name) => actual.includes(name))
}

/** The printed result of a run with exit code 0. A use may return undefined. */
function resultOf({ code, stdout }) {
  const text = code === 0 ? mark.exec(stdout)?.[1] : undefined
  if (text === undefined) return undefined
  return { value: text === 'undefined' ? undefined : JSON.parse(text) }
}
