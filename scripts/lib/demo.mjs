/** The demonstration for a terminal: one worker runs on every runtime side by side. */
import { firstBuild, profile, workspace } from './app.mjs'
import { buildExecutable } from './cargo.mjs'
import { root } from './paths.mjs'
import { runForCode } from './run.mjs'

/** Builds and runs it; its exit code. */
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
