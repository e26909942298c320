/**
 * Measures one page on this plugin with embedded backends, and on tauri-plugin-js with each of its runtimes, in the
 * two apps of `bench/page`. The starts and the runs of the subjects alternate.
 */
import { spawn } from 'node:child_process'
import { copyFileSync, mkdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { openScreen } from '../../e2e/lib/desktop.mjs'
import { targetFolder } from '../lib/app.mjs'
import { UserError, say } from '../lib/log.mjs'
import { root } from '../lib/paths.mjs'
import { run } from '../lib/run.mjs'
import { bundleBenchBackend } from './backends.mjs'
import { pageRows } from './report.mjs'

const folder = join(root, 'bench/page')
const runtimes = ['bun', 'deno', 'node']

/** Measured starts of each app, and runs of all other measurements. */
const starts = 7
const runs = 3

/** Timeout of a run in milliseconds. */
const timeoutMs = 300_000

/** Measures both apps. `backends` is the folder of the bundled backends. Returns the rows. */
export async function measurePage(apps, backends) {
  const screen = await openScreen()
  try {
    const subjects = [
      { subject: 'embedded', app: apps.ours, variables: {} },
      ...runtimes.map((runtime) => ({
        subject: runtime,
        app: apps.peer,
        variables: peer(runtime, backends),
      })),
    ]
    const measured = subjects.map(({ app }) => ({
      starts: [],
      runs: [],
      bytes: statSync(app).size,
    }))
    const alternate = async (count, measure) => {
      for (let done = 0; done < count; done++) {
        for (const [index, { app, variables }] of subjects.entries()) {
          await measure(measured[index], app, { ...screen.env, ...variables })
        }
      }
    }
    await alternate(starts, async (result, app, env) => result.starts.push(await start(app, env)))
    await alternate(runs, async (result, app, env) => result.runs.push(await runApp(app, env)))
    return subjects.flatMap(({ subject }, index) => pageRows(subject, measured[index]))
  } finally {
    await screen.close()
  }
}

function peer(runtime, backends) {
  return {
    PAGE_BENCH_RUNTIME: runtime,
    PAGE_BENCH_LINES: join(folder, 'lines.mjs'),
    PAGE_BENCH_RPC: join(backends, `kkrpc-${runtime}.mjs`),
  }
}

/** Builds both apps. Returns the paths of their executables. */
export async function buildPageApps(env) {
  await bundlePage()
  await bundleBenchBackend('serve', join(folder, 'dist'))
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
    // kkrpc's entry file imports one of its adapters for its side effects only.
    treeshake: { moduleSideEffects: (id) => !id.includes('node_modules') },
    resolve: { alias },
  })
  await bundle.write({ dir: into, format: 'es', entryFileNames: 'main.js', codeSplitting: false })
  await bundle.close()
}

/**
 * Starts an app, whose page starts a backend. Returns the microseconds to the first answer and the memory of both in
 * KiB.
 */
async function start(app, env) {
  const started = Date.now()
  const { answered, memory } = await runApp(app, { ...env, PAGE_BENCH_ONLY_START: '1' })
  return { answerMicros: (answered - started) * 1000, memory }
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
