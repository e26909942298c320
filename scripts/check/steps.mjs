/** The checks of `npm test`, in the order in which they run: the quick ones first. */
import { readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { buildApp, buildAppWithoutEngine, withoutEngine, workspace } from '../lib/app.mjs'
import { say } from '../lib/log.mjs'
import { root } from '../lib/paths.mjs'
import { runStep } from '../lib/step.mjs'
import { cargoTest, nodeTest, vitest } from '../lib/tests.mjs'
import { ensureRustLinters } from '../setup/rust.mjs'
import { setUp } from '../setup.mjs'
import { checkDependencies } from './deny.mjs'
import { lint } from './lint.mjs'

/** What has a tsconfig.json of its own, beside the page, which svelte-check checks. */
const typeScriptFolders = ['.', 'runtime/plugin/guest-js', 'runtime/plugin/guest-js/test', 'e2e']

/**
 * `env` is what cargo and the tests get. The first step makes node_modules and V8 for the others. A check may
 * return what it counted.
 */
export function checks(env) {
  const nodeTests = (name, folder) => nodeTest({ name }, testsIn(folder), env)
  let app
  return [
    ['set-up', () => prepare(env)],
    ['scripts', () => nodeTests('the tests of the scripts', 'scripts/test')],
    ['prettier', () => tool(env, 'formatting', 'prettier/bin/prettier.cjs', '--check', '.')],
    ['typescript', () => checkTypes(env)],
    ['svelte', () => tool(env, 'svelte', 'svelte-check/bin/svelte-check', ...svelteFlags)],
    [
      'guest API',
      () => vitest({ name: 'the tests of the guest API' }, 'runtime/plugin/guest-js', env),
    ],
    ['page', () => vitest({ name: 'the tests of the page' }, 'src', env)],
    ['rustfmt', () => checkFormat(env)],
    ['app, built', async () => void (app = await buildApp(env))],
    ['clippy', () => lint('workspace', workspace, env)],
    [
      'cargo test',
      () =>
        cargoTest(
          { name: 'the tests of the workspace', usually: 'four to eight minutes' },
          workspace,
          env,
        ),
    ],
    ['wake-ups', () => checkWakes(env)],
    ['app', () => drive('the app', (file) => !isWithoutEngine(file), { ...env, JS_DEMO_APP: app })],
    ['without the engine', () => checkWithoutEngine(env)],
    ['cargo-deny', () => checkDependencies(env)],
  ].map(([name, check]) => ({ name, check }))
}

const svelteFlags = ['--tsconfig', 'src/tsconfig.json', '--fail-on-warnings']

async function prepare(env) {
  await setUp({ env, purposes: ['engine', 'window', 'test'] })
  ensureRustLinters(env)
}

/** A checker among the npm packages. */
function tool(env, name, script, ...args) {
  const step = {
    name,
    part: 'check',
    doing: `checking ${name}`,
    remedy: 'Correct what the lines above name',
  }
  const command = [join('node_modules', script), ...args]
  return runStep(step, [process.execPath, command, { cwd: root, env }])
}

/** The model checker needs crates that the engine does not allow: it has a workspace of its own. */
function checkWakes(env) {
  const step = {
    name: 'wake-ups',
    part: 'check',
    doing: 'checking wake-ups in thousands of orders of threads',
    usually: 'a minute',
    remedy:
      'Correct what the lines above name; SHUTTLE_CAPTURE_BACKTRACE=1 shows where each thread waits',
  }
  const manifest = join('runtime', 'core', 'wakes', 'Cargo.toml')
  const target = join('target', 'wakes')
  const args = ['run', '--quiet', '--manifest-path', manifest, '--target-dir', target]
  return runStep(step, ['cargo', args, { cwd: root, env }])
}

function checkFormat(env) {
  const step = {
    name: 'rustfmt',
    part: 'check',
    doing: 'checking rustfmt',
    remedy: 'Run `cargo fmt --all`',
  }
  return runStep(step, ['cargo', ['fmt', '--all', '--check'], { cwd: root, env }])
}

/** The files one by one: Node changed what a folder after --test means. */
export function testsIn(folder) {
  const files = readdirSync(join(root, folder)).filter((name) => name.endsWith('.test.mjs'))
  return files.sort().map((name) => join(root, folder, name))
}

async function checkTypes(env) {
  for (const folder of typeScriptFolders) {
    const project = join(folder, 'tsconfig.json')
    await tool(env, `types of ${folder}`, 'typescript/bin/tsc', '--noEmit', '--project', project)
  }
}

/** The workspace as it is for users who do not take the engine. */
async function checkWithoutEngine(env) {
  await lint('without the engine', withoutEngine, env)
  const tests = await cargoTest({ name: 'the tests without the engine' }, withoutEngine, env)
  const app = await buildAppWithoutEngine(env, { page: false })
  const driven = await drive('the app without the engine', isWithoutEngine, {
    ...env,
    JS_DEMO_APP_WITHOUT_ENGINE: app,
  })
  return tests + driven
}

function isWithoutEngine(file) {
  return file.endsWith('without-engine.test.mjs')
}

/** Tests that drive the app itself; how many passed. One file after the other: two apps at a time would be slow. */
async function drive(name, isMeant, env) {
  if (process.platform !== 'linux') {
    say('app', `${name} is driven on Linux only; it is built`)
    return 0
  }
  const files = testsIn('e2e').filter(isMeant)
  let count = 0
  for (const [index, file] of files.entries()) {
    const title = `${basename(file)} (${index + 1} of ${files.length}) on ${name}`
    count += await nodeTest({ name: title, usually: 'less than a minute' }, [file], env)
  }
  return count
}
