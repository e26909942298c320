/** The demonstration app: its page, its executable, and whether it can be shown. */
import { join } from 'node:path'
import { UserError, say } from './log.mjs'
import { root } from './paths.mjs'
import { capture, run, runForCode } from './run.mjs'

const name = 'tauri-js-demo'

/** The file that cargo makes of it. */
export const executable = process.platform === 'win32' ? `${name}.exe` : name

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
  return run(...tool('vite/bin/vite.js', ['build', '--logLevel', 'warn']), { cwd: root, env })
}

/** Runs Tauri's command line; its exit code. */
export function runTauri(args, env) {
  return runForCode(...tool('@tauri-apps/cli/tauri.js', args), { cwd: root, env })
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
  say('build', 'the app with its page, its backends and the engine')
  // The whole workspace, for its features: cargo would build the engine once more for one package.
  const packages = ['--workspace', '--bin', name, '--features', `${name}/custom-protocol`]
  await run('cargo', ['build', ...(release ? ['--release'] : []), ...packages], { cwd: root, env })
  return join(targetFolder(env), release ? 'release' : 'debug', executable)
}

/** For what makes no sense without a window. */
export function requireDisplay(env = process.env) {
  if (hasDisplay(env)) return
  throw new UserError(
    'there is no display: neither DISPLAY nor WAYLAND_DISPLAY is set. ' +
      '`npm run demo` works without one.',
  )
}
