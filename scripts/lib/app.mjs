/** The sample app: its page, its executable, and whether it can be shown. */
import { copyFileSync, mkdirSync, renameSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { buildExecutable, crateProgress, firstError, progressEnv } from './cargo.mjs'
import { UserError } from './log.mjs'
import { root } from './paths.mjs'
import { capture, runForCode } from './run.mjs'
import { runStep } from './step.mjs'

const name = 'tauri-js-demo'

/** The file name of its executable. */
export const executable = process.platform === 'win32' ? `${name}.exe` : name

/** The page inside the executable, and what the tests need. */
const features = ['--features', `${name}/custom-protocol,${name}/tests,js-runtime/ts`]

/**
 * The packages and features of every debug build: the app of `npm start`, the tests and the demonstration for a
 * terminal. Cargo compiles a crate once for each set of features, so all of them use this one.
 */
export const workspace = ['--workspace', ...features]

/** The same without the engine: app, tests and lints share one build. */
export const withoutEngine = [
  ...['js-runtime', 'jsproc', 'tauri-plugin-js', name].flatMap((crate) => ['-p', crate]),
  '--no-default-features',
  ...features,
]

/** Whether a window can open. Elsewhere than on Linux there always is a desktop. */
export function hasDisplay(env = process.env, platform = process.platform) {
  return platform !== 'linux' || Boolean(env.DISPLAY || env.WAYLAND_DISPLAY)
}

/** A tool of node_modules, to be run with this Node. */
function tool(script, args) {
  return [process.execPath, [join(root, 'node_modules', script), ...args]]
}

/** Bundles the page into dist/. */
export function buildPage(env) {
  const [program, args] = tool('vite/bin/vite.js', ['build', '--logLevel', 'warn'])
  const step = { name: 'page', part: 'build', doing: 'bundling the page', usually: '5 seconds' }
  return runStep(step, [program, args, { cwd: root, env }])
}

/** Runs Tauri's command line; its exit code. */
export function runTauri(args, env) {
  return runForCode(...tool('@tauri-apps/cli/tauri.js', args), { cwd: root, env })
}

/** Builds the optimised executable and the packages of it: `tauri build`. */
export function bundleApp(args, env) {
  const [program, command] = tool('@tauri-apps/cli/tauri.js', ['build', '--ci', ...args])
  const step = {
    name: 'tauri build',
    part: 'build',
    doing: 'compiling and packing the optimised app',
    usually: firstBuild(true),
    progress: crateProgress,
    excerpt: firstError,
    remedy: 'Correct what the lines above name, then run the same command again: it goes on there',
  }
  return runStep(step, [program, command, { cwd: root, env: { ...env, ...progressEnv } }])
}

/** Where cargo puts what it builds. */
export function targetFolder(env) {
  const metadata = capture('cargo', ['metadata', '--no-deps', '--format-version', '1'], {
    cwd: root,
    env,
  })
  return JSON.parse(metadata).target_directory
}

/** Builds the executable with the page inside; its path. */
export async function buildApp(env, { release = false } = {}) {
  await buildPage(env)
  // An optimised app is for users: it has nothing that only tests need.
  const options = release ? ['--workspace', '--features', `${name}/custom-protocol`] : workspace
  const step = {
    name: 'build the app',
    doing: 'compiling the app with its page, its backends and the engine',
    usually: firstBuild(release),
  }
  return buildExecutable(step, name, [...profile(release), '--bin', name, ...options], env)
}

/**
 * Builds the app with nothing but child runtimes; its path. Cargo names it like the app with the engine, so
 * it is copied to where the other does not take its place. `page: false` keeps the page that is built.
 */
export async function buildAppWithoutEngine(env, { release = false, page = true } = {}) {
  if (page) await buildPage(env)
  const step = {
    name: 'build the app without the engine',
    doing: 'compiling the app without the engine',
    usually: 'about 3 minutes on two cores the first time, seconds later',
  }
  const args = [...profile(release), '--bin', name, ...withoutEngine]
  const built = await buildExecutable(step, name, args, env)
  const own = join(dirname(built), 'without-engine', executable)
  mkdirSync(dirname(own), { recursive: true })
  // The system refuses to write to an executable that runs, not to replace it.
  copyFileSync(built, `${own}.new`)
  renameSync(`${own}.new`, own)
  return own
}

/** Builds the command line of the engine, `jsproc`; its path. */
export function buildEngine(env) {
  const step = {
    name: 'build jsproc',
    doing: 'compiling the engine',
    usually: firstBuild(false),
  }
  return buildExecutable(step, 'jsproc', [...profile(false), '--bin', 'jsproc', ...workspace], env)
}

/** What a build with the engine takes. */
export function firstBuild(release) {
  return release
    ? 'less than half an hour on two cores the first time'
    : 'about 10 minutes on two cores the first time, seconds later'
}

/** The profile of a build, as cargo's option. */
export function profile(release) {
  return release ? ['--release'] : []
}

/** Fails where no window can open. */
export function requireDisplay(env = process.env) {
  if (hasDisplay(env)) return
  throw new UserError(
    'there is no display: neither DISPLAY nor WAYLAND_DISPLAY is set. ' +
      '`npm run demo` works without one.',
  )
}
