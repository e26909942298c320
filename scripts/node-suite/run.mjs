/** Runs one of Node's tests on one runtime, in a temporary folder of its own. */
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import { join } from 'node:path'
import { endMarked, runLimited } from '../lib/limited.mjs'
import { environment } from './tests.mjs'

/**
 * The command for each runtime. Both get every permission; the flags of Deno are those with which Deno runs
 * these tests itself.
 */
export function commands({ deno, jsproc }) {
  const unstable = ['--unstable-unsafe-proto', '--unstable-bare-node-builtins']
  return {
    deno: (script) => [deno, ['run', '-A', '--quiet', ...unstable, script]],
    engine: (script) => [jsproc, ['run', '--runtime', 'embedded', '-A', script]],
  }
}

/** How it ended, in a word or two ("passed", "exit code 1", "SIGSEGV", "no end"), and what it printed. */
export async function runTest(test, command, { env, seconds }) {
  const folder = mkdtempSync(join(os.tmpdir(), 'node-suite-'))
  try {
    const [program, args] = command(test.path)
    const options = { cwd: folder, env: environment(test, folder, env), seconds }
    const { stdout, stderr, ...end } = await runLimited(program, args, options)
    return { outcome: outcomeOf(end), output: stdout + stderr }
  } finally {
    endMarked(`NODE_TEST_DIR=${folder}`)
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
  }
}

/** A word or two for how a process ended. */
export function outcomeOf({ code, signal, late }) {
  if (late) return 'no end'
  if (signal) return signal
  return code === 0 ? 'passed' : `exit code ${code}`
}
