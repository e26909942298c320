/**
 * `npm start`: builds and opens the app. Options:
 *
 * - `--headless` (`npm run demo`) runs the demonstration for a terminal instead. So does a system without a display.
 * - `--without-engine` builds the app without the embedded engine: Deno, Bun and Node run its backends.
 * - `--release` builds an optimised executable.
 *
 * Other arguments after `npm start --` are passed to the program. The script exits with the program's exit code.
 */
import { buildApp, buildAppWithoutEngine, hasDisplay, requireDisplay, runDemo } from './lib/app.mjs'
import { UserError, runMain, say } from './lib/log.mjs'
import { buildEnv } from './lib/paths.mjs'
import { runForCode } from './lib/run.mjs'
import { setUp } from './setup.mjs'

const scriptOptions = ['--release', '--headless', '--without-engine']

await runMain(async (args) => {
  const env = buildEnv()
  const [release, headless, withoutEngine] = scriptOptions.map((name) => args.includes(name))
  const programArgs = args.filter((arg) => !scriptOptions.includes(arg))
  if (headless && withoutEngine)
    throw new UserError('--headless needs the engine: remove --headless or --without-engine')
  if (withoutEngine) requireDisplay(env)
  const window = !headless && hasDisplay(env)
  if (!headless && !window) {
    say('start', 'no display (neither DISPLAY nor WAYLAND_DISPLAY is set): without a window')
  }

  const engine = !withoutEngine
  await setUp({ env, engine, purposes: window ? ['engine', 'window'] : ['engine'] })
  if (!window) return runDemo(env, programArgs, { release })
  const app = await (engine ? buildApp(env, { release }) : buildAppWithoutEngine(env, { release }))
  say('start', 'the app is open; it exits when its last window is closed')
  return runForCode(app, programArgs, { env })
})
