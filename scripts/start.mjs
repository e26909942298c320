/**
 * `npm start`: the app, built and opened. Where there is no display, and with `--headless` (`npm run
 * demo`), the demonstration for a terminal instead. With `--release` it is built optimised. Other
 * arguments after `npm start --` go to what is started; its exit code is the script's.
 */
import { buildApp, hasDisplay } from './lib/app.mjs'
import { runDemo } from './lib/demo.mjs'
import { runMain, say } from './lib/log.mjs'
import { buildEnv } from './lib/paths.mjs'
import { runForCode } from './lib/run.mjs'
import { setUp } from './setup.mjs'
import { buildPackages, enginePackages } from './setup/system.mjs'

const ours = ['--release', '--headless']

await runMain(async (args) => {
  const env = buildEnv()
  const release = args.includes('--release')
  const headless = args.includes('--headless')
  const own = args.filter((arg) => !ours.includes(arg))
  const window = !headless && hasDisplay(env)

  await setUp(window ? buildPackages : enginePackages)
  if (!headless && !window) {
    say('start', 'no display (neither DISPLAY nor WAYLAND_DISPLAY is set): without a window')
  }
  const time = release ? '30' : '10'
  say('build', `the first build takes about ${time} minutes, later ones seconds`)
  if (!window) return runDemo(env, own, { release })
  const app = await buildApp(env, { release })
  say('start', 'the app is open; it ends with its last window')
  return runForCode(app, own, { env })
})
