/** The checks of `npm test`, in the order in which they run: the quick ones first. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { buildApp, buildPage } from '../lib/app.mjs'
import { say } from '../lib/log.mjs'
import { root } from '../lib/paths.mjs'
import { run } from '../lib/run.mjs'
import { setUp } from '../setup.mjs'
import { ensureRustLinters } from '../setup/rust.mjs'
import { buildPackages, testPackages } from '../setup/system.mjs'
import { denyChecks, ensureCargoDeny } from './deny.mjs'

const clippyFlags = ['--all-targets', '--', '-D', 'warnings']

/** What has a tsconfig.json of its own, beside the page, which svelte-check checks. */
const typeScriptFolders = ['.', 'runtime/plugin/guest-js', 'runtime/plugin/guest-js/test', 'e2e']

/** `env` is what cargo and the tests get; the first step makes node_modules and V8 for the others. */
export function checks(env) {
  const cargo = (...args) => run('cargo', args, { cwd: root, env })
  const node = (...args) => run(process.execPath, args, { cwd: root, env })
  const tool = (script, ...args) => node(join('node_modules', script), ...args)
  const nodeTests = (folder) => node('--test', '--test-reporter=spec', ...testsIn(folder))
  const vitest = (folder) => tool('vitest/vitest.mjs', 'run', '--root', folder)
  return [
    ['set-up', prepare],
    ['scripts', () => nodeTests('scripts/test')],
    ['prettier', () => tool('prettier/bin/prettier.cjs', '--check', '.')],
    ['typescript', () => checkTypes(tool)],
    ['svelte', () => tool('svelte-check/bin/svelte-check', ...svelteFlags)],
    ['guest API', () => vitest('runtime/plugin/guest-js')],
    ['page', () => vitest('src')],
    ['page, bundled', () => buildPage(env)],
    ['rustfmt', () => cargo('fmt', '--all', '--check')],
    ['clippy', () => cargo('clippy', '--workspace', ...clippyFlags)],
    [
      'clippy without the engine',
      () => cargo('clippy', '-p', 'js-runtime', '--no-default-features', ...clippyFlags),
    ],
    ['cargo-deny', () => checkDependencies(env)],
    ['cargo test', () => cargo('test', '--workspace')],
    ['app', () => checkApp(env)],
  ].map(([name, check]) => ({ name, check }))
}

const svelteFlags = ['--tsconfig', 'src/tsconfig.json', '--fail-on-warnings']

async function prepare() {
  await setUp([...buildPackages, ...testPackages])
  ensureRustLinters()
}

/** The files one by one: Node changed what a folder after --test means. */
export function testsIn(folder) {
  const files = readdirSync(join(root, folder)).filter((name) => name.endsWith('.test.mjs'))
  return files.sort().map((name) => join(root, folder, name))
}

async function checkTypes(tool) {
  for (const folder of typeScriptFolders) {
    await tool('typescript/bin/tsc', '--noEmit', '--project', join(folder, 'tsconfig.json'))
  }
}

async function checkDependencies(env) {
  const tool = await ensureCargoDeny(env)
  await run(tool, ['check', ...(await denyChecks())], { cwd: root, env })
}

/** Tests that drive the app itself. One file after the other: two apps at a time would be slow. */
async function checkApp(env) {
  const app = await buildApp(env)
  if (process.platform !== 'linux') return say('app', 'it is driven on Linux only; built it is')
  for (const file of testsIn('e2e')) {
    const args = ['--test', '--test-reporter=spec', file]
    await run(process.execPath, args, { cwd: root, env: { ...env, JS_DEMO_APP: app } })
  }
}
