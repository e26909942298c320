/** The demonstration for a terminal: one worker runs on every runtime side by side. */
import { join } from 'node:path'
import { targetFolder, workspace } from './app.mjs'
import { runCargo } from './cargo.mjs'
import { root } from './paths.mjs'
import { runForCode } from './run.mjs'

/** Builds and runs it; its exit code. */
export async function runDemo(env, args, { release = false } = {}) {
  const features = release ? ['-p', 'js-runtime'] : workspace
  await runCargo(
    {
      name: 'build the demonstration',
      doing: 'compiling the demonstration with the engine',
      usually: release
        ? 'FIRST_RELEASE the first time'
        : 'FIRST_DEBUG the first time, seconds later',
    },
    ['build', ...(release ? ['--release'] : []), '--example', 'demo', ...features],
    { env },
  )
  const program = join(targetFolder(env), release ? 'release' : 'debug', 'examples', 'demo')
  return runForCode(program, args, { cwd: root, env })
}
