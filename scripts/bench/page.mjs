/**
 * The page's side: the same page on this plugin with an embedded backend, and on tauri-plugin-js with
 * each of its runtimes, in two small apps of `bench/page`.
 */
import { spawn } from 'node:child_process'
import { copyFileSync, mkdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { openScreen } from '../../e2e/lib/desktop.mjs'
import { targetFolder } from '../lib/app.mjs'
import { UserError, say } from '../lib/log.mjs'
import { root } from '../lib/paths.mjs'
import { run } from '../lib/run.mjs'
import { rowsOf } from './rows.mjs'

const folder = join(root, 'bench/page')
const runtimes = ['bun', 'deno', 'node']

/** Starts of each app to its first answer. */
const starts = 7

/** No run takes nearly so long, unless something hangs. */
const patienceMs = 300_000

/** Builds both apps, and gives the figures as rows. */
export async function measurePage(env) {
  const apps = await build(env)
  const screen = await openScreen()
  try {
    const subjects = [
      { subject: 'embedded', app: apps.ours, more: {} },
      ...runtimes.map((runtime) => ({ subject: runtime, app: apps.peer, more: peer(runtime) })),
    ]
    const answers = subjects.map(() => [])
    for (let count = 0; count < starts; count++) {
      for (const [index, { app, more }] of subjects.entries()) {
        const env = { ...screen.env, ...more, PAGE_BENCH_ONLY_START: '1' }
        answers[index].push(await answerTime(app, env))
      }
    }
    const rows = []
    for (const [index, { subject, app, more }] of subjects.entries()) {
      const found = await open(app, { ...screen.env, ...more })
      const bytes = statSync(app).size
      rows.push(...rowsOf(subject, { ...found, answers: answers[index], bytes }))
    }
    return rows
  } finally {
    await screen.close()
  }
}

function peer(runtime) {
  return { PAGE_BENCH_RUNTIME: runtime, PAGE_BENCH_SCRIPT: join(folder, 'backend.mjs') }
}

async function build(env) {
  await bundlePage()
  const target = targetFolder(env)
  say('bench', 'the two apps of bench/page')
  const app = async (name) => {
    const options = { cwd: join(folder, name), env: { ...env, CARGO_TARGET_DIR: target } }
    await run('cargo', ['build', '--release', '--locked'], options)
    return join(target, 'release', `page-bench-${name}`)
  }
  return { peer: await app('peer'), ours: await app('ours') }
}

async function bundlePage() {
  const { rolldown } = await import('rolldown')
  const into = join(folder, 'page/dist')
  mkdirSync(into, { recursive: true })
  copyFileSync(join(folder, 'page/index.html'), join(into, 'index.html'))
  const alias = { 'tauri-plugin-js-api': join(root, 'runtime/plugin/guest-js/src/index.ts') }
  const bundle = await rolldown({
    input: join(folder, 'page/main.js'),
    cwd: root,
    tsconfig: false,
    platform: 'browser',
    // The page makes no calls over kkrpc.
    external: /^kkrpc/,
    resolve: { alias },
  })
  await bundle.write({ dir: into, format: 'es', entryFileNames: 'main.js', codeSplitting: false })
  await bundle.close()
}

/** From the start of the app to the first answer of a backend that its page has started; microseconds. */
async function answerTime(app, env) {
  const began = Date.now()
  const { answered } = await open(app, env)
  return (answered - began) * 1000
}

/** Runs an app to its end; what its page reported. */
async function open(app, env) {
  const child = spawn(app, [], { env, stdio: ['ignore', 'pipe', 'pipe'], timeout: patienceMs })
  let said = ''
  let complained = ''
  child.stdout.setEncoding('utf8').on('data', (text) => (said += text))
  child.stderr.setEncoding('utf8').on('data', (text) => (complained += text))
  const code = await new Promise((resolve, reject) => {
    child.once('error', reject).once('close', resolve)
  })
  const line = said.split('\n').find((line) => line.startsWith('{'))
  const result = line && JSON.parse(line)
  if (!result || result.error) {
    const why = result?.error ?? `it ended with ${code}: ${complained.trim()}`
    throw new UserError(`${app} did not measure: ${why}`)
  }
  return result
}
