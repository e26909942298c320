/** Processes by a mark in their environment, which children inherit: what a test started, it can find. */
import { spawn } from 'node:child_process'
import { readFileSync, readdirSync, readlinkSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

/** The app turns its test hook on when it is set; the value tells one test run from another. */
export const mark = 'JS_DEMO_E2E'

/** @typedef {{ pid: number, command: string, executable: string }} Found */

/**
 * Every live process with that mark.
 * @param {string} value
 * @returns {Found[]}
 */
export function marked(value) {
  const wanted = `${mark}=${value}`
  const pids = readdirSync('/proc').map(Number).filter(Number.isInteger)
  return pids.flatMap((pid) => {
    try {
      const environment = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0')
      if (!environment.includes(wanted)) return []
      // A zombie has ended; its parent has not looked yet. Its environment reads as empty.
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()
      return [{ pid, command, executable: readlinkSync(`/proc/${pid}/exe`) }]
    } catch {
      // Gone meanwhile, or another user's.
      return []
    }
  })
}

/**
 * Starts a program in a process group of its own, keeps what it says, and passes it on when it fails.
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
  let said = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text) => (said = (said + text).slice(-20_000)))
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
      reject(new Error(`${program} ended (${signal ?? code}): ${said}`)),
    )
  })
  // Nobody may be listening when it ends as it should.
  failed.catch(() => {})
  const stop = async () => {
    if (child.pid === undefined) return
    signal(-child.pid, 'SIGTERM')
    await until(() => child.exitCode !== null || child.signalCode !== null, 'its end', 3_000).catch(
      () => {},
    )
    signal(-Number(child.pid), 'SIGKILL')
  }
  return { child, failed, stop, said: () => said }
}

/**
 * @param {number} pid of a process, or of a group when negative
 * @param {NodeJS.Signals} name
 */
export function signal(pid, name) {
  try {
    process.kill(pid, name)
  } catch {
    // It has ended.
  }
}

/**
 * Waits for something to become true and gives what it became.
 * @template T
 * @param {() => T | Promise<T>} look
 * @param {string} [what] that is waited for
 * @param {number} [patience] in milliseconds: much longer than anything takes that happens
 * @returns {Promise<T>}
 */
export async function until(look, what = look.toString(), patience = 100_000) {
  const end = Date.now() + patience
  for (;;) {
    const seen = await look()
    if (seen) return seen
    if (Date.now() > end) throw new Error(`not within ${patience / 1000} s: ${what}`)
    await sleep(50)
  }
}
