/** Finds the processes of a test run by an environment variable, which children inherit. */
import { spawn } from 'node:child_process'
import { readFileSync, readdirSync, readlinkSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

/** Enables the test hook of the app. The value identifies a test run. */
export const runIdVariable = 'JS_DEMO_E2E'

/** @typedef {{ pid: number, command: string, executable: string }} Found */

/**
 * The running processes of a test run.
 * @param {string} id
 * @returns {Found[]}
 */
export function processesOfRun(id) {
  const variable = `${runIdVariable}=${id}`
  const pids = readdirSync('/proc').map(Number).filter(Number.isInteger)
  return pids.flatMap((pid) => {
    try {
      const environment = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0')
      if (!environment.includes(variable)) return []
      // The environment of a zombie reads as empty, so zombies are not included.
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()
      return [{ pid, command, executable: readlinkSync(`/proc/${pid}/exe`) }]
    } catch {
      // The process has ended, or belongs to another user.
      return []
    }
  })
}

/**
 * Starts a program in its own process group. `failed` rejects with its output when it ends.
 * @param {string} program
 * @param {string[]} args
 * @param {{ env: NodeJS.ProcessEnv, pipes?: number }} options
 */
export function start(program, args, { env, pipes = 3 }) {
  const stdio = Array.from({ length: pipes }, (_, fd) => (fd === 0 ? 'ignore' : 'pipe'))
  const child = spawn(program, args, {
    env,
    detached: true,
    stdio: /** @type {('ignore' | 'pipe')[]} */ (stdio),
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text) => (output = (output + text).slice(-20_000)))
  }
  /** @type {Promise<never>} */
  const failed = new Promise((_, reject) => {
    child.once('error', (error) =>
      reject(
        new Error(
          `${program} cannot be started: ${error.message}. On Debian, \`npm test\` installs what is missing.`,
        ),
      ),
    )
    child.once('exit', (code, signal) =>
      reject(new Error(`${program} ended (${signal ?? code}): ${output}`)),
    )
  })
  // `stop` ends the program too, which is not an unhandled rejection.
  failed.catch(() => {})
  const stop = async () => {
    if (child.pid === undefined) return
    signal(-child.pid, 'SIGTERM')
    await until(() => child.exitCode !== null || child.signalCode !== null, 'its end', 3_000).catch(
      () => {},
    )
    signal(-Number(child.pid), 'SIGKILL')
  }
  return { child, failed, stop, output: () => output }
}

/**
 * @param {number} pid of a process, or of a group when negative
 * @param {NodeJS.Signals} name
 */
export function signal(pid, name) {
  try {
    process.kill(pid, name)
  } catch {
    // The process has ended.
  }
}

/**
 * Polls every 50 ms until the result is truthy, and returns it.
 * @template T
 * @param {() => T | Promise<T>} poll
 * @param {string} [description] the name of the condition in the error message
 * @param {number} [timeoutMs] much longer than a successful wait takes
 * @returns {Promise<T>}
 */
export async function until(poll, description = poll.toString(), timeoutMs = 100_000) {
  const end = Date.now() + timeoutMs
  for (;;) {
    const result = await poll()
    if (result) return result
    if (Date.now() > end) throw new Error(`timed out after ${timeoutMs / 1000} s: ${description}`)
    await sleep(50)
  }
}
