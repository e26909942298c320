/**
 * Measures one page on this plugin with an embedded backend, and on tauri-plugin-js with each of its runtimes, in the
 * two apps of `bench/page`.
 */
import { spawn } from 'node:child_process'
import { copyFileSync, mkdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { openScreen } from '../../e2e/lib/desktop.mjs'
import { targetFolder } from '../lib/app.mjs'
import { UserError, say } from '../lib/log.mjs'
import { root } from '../lib/paths.mjs'
import { run } from '../lib/run.mjs'
import { pageRows } from './report.mjs'

const folder = join(root, 'bench/page')
const runtimes = ['bun', 'deno', 'node']

/** Measured starts of each app. */
const starts = 7

/** Timeout of a run in milliseconds. */
const timeoutMs = 300_000

/** Builds and measures both apps. Returns the rows. */
export async function measurePage(env) {
  const apps = await build(env)
  const screen = await openScreen()
  try {
    const subjects = [
      { subject: 'embedded', app: apps.ours, variables: {} },
      ...runtimes.map((runtime) => ({
        subject: runtime,
        app: apps.peer,
        variables: peer(runtime),
      })),
    ]
    const answers = subjects.map(() => [])
    for (let count = 0; count < starts; count++) {
      for (const [index, { app, variables }] of subjects.entries()) {
        const env = { ...screen.env, ...variables, PAGE_BENCH_ONLY_START: '1' }
        answers[index].push(await answerTime(app, env))
      }
    }
    const rows = []
    for (const [index, { subject, app, variables }] of subjects.entries()) {
      const measured = await runApp(app, { ...screen.env, ...variables })
      const bytes = statSync(app).size
      rows.push(...pageRows(subject, { ...measured, answers: answers[index], bytes }))
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

/** Microseconds from the start of the app to the first answer of a backend that its page starts. */
async function answerTime(app, env) {
  const start = Date.now()
  const { answered } = await runApp(app, env)
  return (answered - start) * 1000
}

/** Runs an app until it exits. Returns the report of its page. */
async function runApp(app, env) {
  const child = spawn(app, [], { env, stdio: ['ignore', 'pipe', 'pipe'], timeout: timeoutMs })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text) => (stderr += text))
  const code = await new Promise((resolve, reject) => {
    child.once('error', reject).once('close', resolve)
  })
  const line = stdout.split('\n').find((line) => line.startsWith('{'))
  const result = line && JSON.parse(line)
  if (!result || result.error) {
    const why = result?.error ?? `it exited with ${code}: ${stderr.trim()}`
    throw new UserError(`${app} reported no measurements: ${why}`)
  }
  return result
}
