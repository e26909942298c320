/** Runs one of Node's tests on one runtime, in its own temporary folder. */
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import { join } from 'node:path'
import { killMarked, runLimited } from '../lib/limited.mjs'
import { environment } from './tests.mjs'

/**
 * The command for each runtime, with all permissions. Deno's flags are those of its own runs of these tests.
 */
export function commands({ deno, jsproc }) {
  const unstable = ['--unstable-unsafe-proto', '--unstable-bare-node-builtins']
  return {
    deno: (script) => [deno, ['run', '-A', '--quiet', ...unstable, script]],
    engine: (script) => [jsproc, ['run', '--runtime', 'embedded', '-A', script]],
  }
}

/** Returns the outcome ("passed", "exit code 1", "SIGSEGV" or "no end") and the output. */
export async function runTest(test, command, { env, seconds }) {
  const folder = mkdtempSync(join(os.tmpdir(), 'node-suite-'))
  try {
    const [program, args] = command(test.path)
    const options = { cwd: folder, env: environment(test, folder, env), seconds }
    const { stdout, stderr, ...exit } = await runLimited(program, args, options)
    return { outcome: outcomeOf(exit), output: stdout + stderr }
  } finally {
    killMarked(`NODE_TEST_DIR=${folder}`)
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
  }
}

export function outcomeOf({ code, signal, timedOut }) {
  if (timedOut) return 'no end'
  if (signal) return signal
  return code === 0 ? 'passed' : `exit code ${code}`
}
