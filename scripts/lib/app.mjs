/** Builds and runs the sample app, the demonstration and `jsproc`. */
import { copyFileSync, existsSync, mkdirSync, readdirSync, renameSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { buildExecutable, crateProgress, firstError, progressEnv } from './cargo.mjs'
import { UserError } from './log.mjs'
import { root } from './paths.mjs'
import { capture, runForCode } from './run.mjs'
import { runStep } from './step.mjs'

const name = 'tauri-js-demo'

/** File name of the app's executable. */
export const executable = process.platform === 'win32' ? `${name}.exe` : name

/** Embeds the page and adds the commands that the tests use. */
const features = ['--features', `${name}/custom-protocol,${name}/tests,js-runtime/ts`]

/**
 * The packages and features of every debug build: the app of `npm start`, the tests and the demonstration. Cargo
 * compiles a crate once per set of features, so all builds share this set.
 */
export const workspace = ['--workspace', ...features]

/** The same without the engine. */
export const withoutEngine = [
  ...['js-runtime', 'jsproc', 'tauri-plugin-js', name].flatMap((crate) => ['-p', crate]),
  '--no-default-features',
  ...features,
]

/** True if a window can open. Assumes a desktop on all systems but Linux. */
export function hasDisplay(env = process.env, platform = process.platform) {
  return platform !== 'linux' || Boolean(env.DISPLAY || env.WAYLAND_DISPLAY)
}

/** The command line that runs a tool of node_modules with this Node. */
function tool(script, args) {
  return [process.execPath, [join(root, 'node_modules', script), ...args]]
}

/** Bundles the page into dist/. */
export function buildPage(env) {
  const [program, args] = tool('vite/bin/vite.js', ['build', '--logLevel', 'warn'])
  const step = { name: 'page', part: 'build', doing: 'bundling the page', usually: '5 seconds' }
  return runStep(step, [program, args, { cwd: root, env }])
}

/** Runs Tauri's command line. Returns its exit code. */
export function runTauri(args, env) {
  return runForCode(...tool('@tauri-apps/cli/tauri.js', args), { cwd: root, env })
}

/** Builds the optimised executable and its packages with `tauri build`. */
export function bundleApp(args, env) {
  const [program, command] = tool('@tauri-apps/cli/tauri.js', ['build', '--ci', ...args])
  const step = {
    name: 'tauri build',
    part: 'build',
    doing: 'compiling and packing the optimised app',
    usually: firstBuild(true),
    progress: crateProgress,
    excerpt: firstError,
    remedy: 'Fix the errors above, then run the same command again: it continues there',
  }
  return runStep(step, [program, command, { cwd: root, env: { ...env, ...progressEnv } }])
}

/** The packages in a build folder that were written after `since`. */
export function packagesOf(folder, since) {
  const packages = join(folder, 'bundle')
  if (!existsSync(packages)) return []
  return readdirSync(packages, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && /\.(?:deb|rpm|dmg|msi|exe)$/.test(entry.name))
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .filter((file) => statSync(file).mtimeMs >= since)
}

/** Cargo's target folder. */
export function targetFolder(env) {
  const metadata = capture('cargo', ['metadata', '--no-deps', '--format-version', '1'], {
    cwd: root,
    env,
  })
  return JSON.parse(metadata).target_directory
}

/** Builds the app with its page. Returns the path of the executable. */
export async function buildApp(env, { release = false } = {}) {
  await buildPage(env)
  // The optimised app is for users and has no test commands.
  const options = release ? ['--workspace', '--features', `${name}/custom-protocol`] : workspace
  const step = {
    name: 'build the app',
    doing: 'compiling the app with its page, its backends and the engine',
    usually: firstBuild(release),
  }
  return buildExecutable(step, name, [...profile(release), '--bin', name, ...options], env)
}

/**
 * Builds the app with child runtimes only and returns the path of the executable. Cargo uses one file name for both
 * apps, so this one is copied to a folder of its own. `page: false` uses the existing page.
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
  const copy = join(dirname(built), 'without-engine', executable)
  mkdirSync(dirname(copy), { recursive: true })
  // A running executable can be replaced but not overwritten.
  copyFileSync(built, `${copy}.new`)
  renameSync(`${copy}.new`, copy)
  return copy
}

/** Builds the command line `jsproc`. Returns the path of the executable. */
export function buildEngine(env) {
  const step = {
    name: 'build jsproc',
    doing: 'compiling the engine',
    usually: firstBuild(false),
  }
  return buildExecutable(step, 'jsproc', [...profile(false), '--bin', 'jsproc', ...workspace], env)
}

/** Expected duration of a build with the engine. */
export function firstBuild(release) {
  return release
    ? 'less than half an hour on two cores the first time'
    : 'about 10 minutes on two cores the first time, seconds later'
}

/** Cargo's option for the profile. */
export function profile(release) {
  return release ? ['--release'] : []
}

/** Throws if no window can open. */
export function requireDisplay(env = process.env) {
  if (hasDisplay(env)) return
  throw new UserError(
    'there is no display: neither DISPLAY nor WAYLAND_DISPLAY is set. ' +
      '`npm run demo` works without one.',
  )
}

/** Builds and runs the demonstration for a terminal: one worker on every runtime. Returns its exit code. */
export async function runDemo(env, args, { release = false } = {}) {
  const step = {
    name: 'build the demonstration',
    doing: 'compiling the demonstration with the engine',
    usually: firstBuild(release),
  }
  const options = release ? ['-p', 'js-runtime'] : workspace
  const build = [...profile(release), '--example', 'demo', ...options]
  return runForCode(await buildExecutable(step, 'demo', build, env), args, { cwd: root, env })
}
