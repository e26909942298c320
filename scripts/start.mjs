/**
 * `npm start`: the demonstration. One worker runs on every runtime side by side. With `--release` it
 * is built optimised. Other arguments after `npm start --` go to it; its exit code is the script's.
 */
import { runMain, say } from './lib/log.mjs'
import { buildEnv, root } from './lib/paths.mjs'
import { run, runForCode } from './lib/run.mjs'
import { setUp } from './setup.mjs'

await runMain(async (args) => {
  await setUp()
  const release = args.includes('--release')
  const profile = release ? ['--release'] : []
  const options = { cwd: root, env: buildEnv() }
  const time = release ? '15 to 20' : '5 to 10'
  say('build', `the first build takes about ${time} minutes, later ones seconds`)
  await run('cargo', ['build', ...profile, '-p', 'js-runtime', '--bins', '--examples'], options)
  const own = args.filter((arg) => arg !== '--release')
  const demo = ['run', '--quiet', ...profile, '-p', 'js-runtime', '--example', 'demo', '--', ...own]
  return runForCode('cargo', demo, options)
})
