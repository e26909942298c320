/**
 * `npm start`: the app, built and opened. Where there is no display, and with `--headless` (`npm run
 * demo`), the demonstration for a terminal instead. With `--without-engine` the app has no embedded engine:
 * no V8 is compiled, and Deno, Bun and Node run its backends. With `--release` it is built optimised. Other
 * arguments after `npm start --` go to the program; its exit code is the script's.
 */
import { buildApp, buildAppWithoutEngine, hasDisplay, requireDisplay } from './lib/app.mjs'
import { runDemo } from './lib/demo.mjs'
import { UserError, runMain, say } from './lib/log.mjs'
import { buildEnv } from './lib/paths.mjs'
import { runForCode } from './lib/run.mjs'
import { setUp } from './setup.mjs'

const ours = ['--release', '--headless', '--without-engine']

await runMain(async (args) => {
  const env = buildEnv()
  const [release, headless, withoutEngine] = ours.map((name) => args.includes(name))
  const own = args.filter((arg) => !ours.includes(arg))
  if (headless && withoutEngine)
    throw new UserError(
      '--headless shows the engine beside the other runtimes: leave out one of the two',
    )
  if (withoutEngine) requireDisplay(env)
  const window = !headless && hasDisplay(env)
  if (!headless && !window) {
    say('start', 'no display (neither DISPLAY nor WAYLAND_DISPLAY is set): without a window')
  }

  const engine = !withoutEngine
  await setUp({ env, engine, purposes: window ? ['engine', 'window'] : ['engine'] })
  if (!window) return runDemo(env, own, { release })
  const app = await (engine ? buildApp(env, { release }) : buildAppWithoutEngine(env, { release }))
  say('start', 'the app is open; it ends with its last window')
  return runForCode(app, own, { env })
})
