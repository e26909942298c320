/** The demonstration for a terminal: one worker runs on every runtime side by side. */
import { root } from './paths.mjs'
import { run, runForCode } from './run.mjs'

/** Builds and runs it; its exit code. */
export async function runDemo(env, args, { release = false } = {}) {
  const options = { cwd: root, env }
  const profile = release ? ['--release'] : []
  await run('cargo', ['build', ...profile, '-p', 'js-runtime', '--bins', '--examples'], options)
  const demo = [
    'run',
    '--quiet',
    ...profile,
    '-p',
    'js-runtime',
    '--example',
    'demo',
    '--',
    ...args,
  ]
  return runForCode('cargo', demo, options)
}
