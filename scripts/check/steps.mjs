/** The checks of `npm test`, in the order in which they run: the quick ones first. */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { say } from '../lib/log.mjs'
import { root } from '../lib/paths.mjs'
import { run } from '../lib/run.mjs'
import { setUp } from '../setup.mjs'
import { ensureRustLinters } from '../setup/rust.mjs'
import { denyChecks, ensureCargoDeny } from './deny.mjs'

const clippyFlags = ['--all-targets', '--', '-D', 'warnings']

/** `env` is what cargo and the tests get; the first step makes node_modules and V8 for the others. */
export function checks(env) {
  const cargo = (...args) => run('cargo', args, { cwd: root, env })
  const node = (...args) => run(process.execPath, args, { cwd: root, env })
  return [
    ['set-up', prepare],
    ['scripts', () => node('--test', '--test-reporter=spec', ...scriptTests())],
    ['prettier', () => node('node_modules/prettier/bin/prettier.cjs', '--check', '.')],
    ['typescript', () => checkTypes(node)],
    ['rustfmt', () => cargo('fmt', '--all', '--check')],
    ['clippy', () => cargo('clippy', '--workspace', ...clippyFlags)],
    [
      'clippy without the engine',
      () => cargo('clippy', '-p', 'js-runtime', '--no-default-features', ...clippyFlags),
    ],
    ['cargo-deny', () => checkDependencies(env)],
    ['cargo test', () => cargo('test', '--workspace')],
  ].map(([name, check]) => ({ name, check }))
}

async function prepare() {
  await setUp()
  ensureRustLinters()
}

/** The files one by one: Node changed what a folder after --test means. */
export function scriptTests(folder = join(root, 'scripts', 'test')) {
  const files = readdirSync(folder).filter((name) => name.endsWith('.test.mjs'))
  return files.sort().map((name) => join(folder, name))
}

async function checkTypes(node) {
  if (!existsSync(join(root, 'tsconfig.json')))
    return say('types', 'no tsconfig.json: nothing to check')
  await node('node_modules/typescript/bin/tsc', '--noEmit')
}

async function checkDependencies(env) {
  const tool = await ensureCargoDeny(env)
  await run(tool, ['check', ...(await denyChecks())], { cwd: root, env })
}
