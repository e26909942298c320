/**
 * `npm start`: the demonstration. One worker runs on every runtime side by side. Arguments after
 * `npm start --` go to it, and its exit code is the script's.
 */
import { runMain, say } from './lib/log.mjs'
import { buildEnv, root } from './lib/paths.mjs'
import { run, runForCode } from './lib/run.mjs'
import { setUp } from './setup.mjs'

await runMain(async (args) => {
  await setUp()
  const options = { cwd: root, env: buildEnv() }
  say('build', 'the first build takes about 5 to 10 minutes, later ones seconds')
  await run('cargo', ['build', '-p', 'js-runtime', '--bins', '--examples'], options)
  const demo = ['run', '--quiet', '-p', 'js-runtime', '--example', 'demo', '--', ...args]
  return runForCode('cargo', demo, options)
})
