/** The checks of `npm test` and `npm run test:quick`, in order: quick ones first. */
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
import { quickCargoTest, quickCargoTestSkips } from './quick.mjs'

/** Folders with a tsconfig.json, except the page, which svelte-check checks. */
const typeScriptFolders = ['.', 'runtime/plugin/guest-js', 'runtime/plugin/guest-js/test', 'e2e']

/** A dynamic import, because it uses npm packages, which the set-up installs. */
const documents = () => import('./documents.mjs')

/**
 * `env` is the environment of cargo and the tests. The first check installs node_modules and V8 for the others. A
 * check may return its number of tests.
 *
 * `npm run test:quick` runs the checks with `quick`: `true` for the whole check, or a function for a part of it.
 * `skips` describes the rest of such a check.
 */
function allChecks(env) {
  const nodeTests = (name, folder) => nodeTest({ name }, testsIn(folder), env)
  let app
  return [
    { name: 'set-up', check: () => prepare(env), quick: true },
    {
      name: 'scripts',
      check: () => nodeTests('the tests of the scripts', 'scripts/test'),
      quick: true,
    },
    { name: 'documents', check: async () => (await documents()).checkDocuments(env), quick: true },
    {
      name: 'prettier',
      check: () => tool(env, 'formatting', 'prettier/bin/prettier.cjs', '--check', '--cache', '.'),
      quick: true,
    },
    { name: 'typescript', check: () => checkTypes(env), quick: true },
    {
      name: 'svelte',
      check: () => tool(env, 'svelte', 'svelte-check/bin/svelte-check', ...svelteFlags),
      quick: true,
    },
    {
      name: 'guest API',
      check: () => vitest({ name: 'the tests of the guest API' }, 'runtime/plugin/guest-js', env),
      quick: true,
    },
    {
      name: 'page',
      check: () => vitest({ name: 'the tests of the page' }, 'src', env),
      quick: true,
    },
    { name: 'rustfmt', check: () => checkFormat(env), quick: true },
    { name: 'app, built', check: async () => void (app = await buildApp(env)) },
    {
      name: 'Rust in documents',
      check: async () => (await documents()).checkRustOfDocuments(workspace, env),
      quick: true,
    },
    { name: 'clippy', check: () => lint('workspace', workspace, env) },
    {
      name: 'cargo test',
      check: () =>
        cargoTest(
          { name: 'the tests of the workspace', usually: 'four to eight minutes' },
          workspace,
          env,
        ),
      quick: () => quickCargoTest(env),
      skips: quickCargoTestSkips,
    },
    { name: 'wake-ups', check: () => checkWakes(env) },
    {
      name: 'app',
      check: () =>
        driveApp('the app', (file) => !isWithoutEngine(file), { ...env, JS_DEMO_APP: app }),
    },
    { name: 'without the engine', check: () => checkWithoutEngine(env) },
    { name: 'cargo-deny', check: () => checkDependencies(env) },
  ]
}

/** The checks of `npm test`. */
export function checks(env) {
  return allChecks(env).map(({ name, check }) => ({ name, check }))
}

/**
 * The checks of `npm run test:quick`: `setUp` runs first, then the `concurrent` ones, the longest first. `skipped`
 * describes the other checks of `npm test`.
 */
export function quickChecks(env) {
  const all = allChecks(env)
  const [setUp, ...concurrent] = all
    .filter(({ quick }) => quick)
    .map(({ name, quick, check }) => ({ name, check: quick === true ? check : quick }))
  return {
    setUp,
    concurrent: [...concurrent.filter(isLong), ...concurrent.filter((entry) => !isLong(entry))],
    skipped: all.flatMap(({ name, quick, skips }) => {
      if (!quick) return [name]
      return skips ? [`${name}: ${skips}`] : []
    }),
  }
}

function isLong({ name }) {
  return ['cargo test', 'guest API'].includes(name)
}

const svelteFlags = ['--tsconfig', 'src/tsconfig.json', '--fail-on-warnings']

async function prepare(env) {
  await setUp({ env, purposes: ['engine', 'window', 'test'] })
  ensureRustLinters(env)
}

/** Runs a checker of node_modules. */
function tool(env, name, script, ...args) {
  const step = {
    name,
    part: 'check',
    doing: `checking ${name}`,
    remedy: 'Fix the lines above',
  }
  const command = [join('node_modules', script), ...args]
  return runStep(step, [process.execPath, command, { cwd: root, env }])
}

/** The model checker is a separate workspace: its crates conflict with those of the engine. */
function checkWakes(env) {
  const step = {
    name: 'wake-ups',
    part: 'check',
    doing: 'checking wake-ups in thousands of thread schedules',
    usually: 'a minute',
    remedy: 'Fix the failures above; SHUTTLE_CAPTURE_BACKTRACE=1 shows where each thread waits',
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

/** The test files of a folder. Versions of Node treat a folder after --test differently. */
export function testsIn(folder) {
  const files = readdirSync(join(root, folder)).filter((name) => name.endsWith('.test.mjs'))
  return files.sort().map((name) => join(root, folder, name))
}

async function checkTypes(env) {
  for (const folder of typeScriptFolders) {
    const project = ['--project', join(folder, 'tsconfig.json')]
    const name = folder === '.' ? 'backends' : folder.replaceAll('/', '-')
    const cache = join('node_modules', '.cache', 'typescript', `${name}.tsbuildinfo`)
    const options = ['--noEmit', '--incremental', '--tsBuildInfoFile', cache, ...project]
    await tool(env, `types of ${folder}`, 'typescript/bin/tsc', ...options)
  }
}

/** Lints and tests the workspace without the feature `embedded`. */
async function checkWithoutEngine(env) {
  await lint('without the engine', withoutEngine, env)
  const tests = await cargoTest({ name: 'the tests without the engine' }, withoutEngine, env)
  const app = await buildAppWithoutEngine(env, { page: false })
  const driven = await driveApp('the app without the engine', isWithoutEngine, {
    ...env,
    JS_DEMO_APP_WITHOUT_ENGINE: app,
  })
  return tests + driven
}

function isWithoutEngine(file) {
  return file.endsWith('without-engine.test.mjs')
}

/**
 * Runs the tests that drive the app and returns the number of passed ones. Sequential, because two apps at a time are
 * slow.
 */
async function driveApp(name, isIncluded, env) {
  if (process.platform !== 'linux') {
    say('app', `the tests of ${name} run on Linux only; it was built`)
    return 0
  }
  const files = testsIn('e2e').filter(isIncluded)
  let count = 0
  for (const [index, file] of files.entries()) {
    const title = `${basename(file)} (${index + 1} of ${files.length}) on ${name}`
    count += await nodeTest({ name: title, usually: 'less than a minute' }, [file], env)
  }
  return count
}
