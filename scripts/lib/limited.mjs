/** Runs programs with a time limit, and ends the processes that they leave behind. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, readdirSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { cannotStart } from './run.mjs'

const windows = process.platform === 'win32'

/** Characters of each stream that are returned: the last ones. */
const tailLength = 64 * 1024

/** Milliseconds that the pipes of an exited process may stay open. */
const pipeTimeout = 2_000

/**
 * Runs a program in its own process group. Kills the group when the program exits or the time limit passes.
 *
 * @param {string} program
 * @param {string[]} args
 * @param {{ cwd?: string, env?: object, seconds: number }} options
 * @returns {Promise<{ code: number | null, signal: string | null, timedOut: boolean, stdout: string, stderr: string }>}
 */
export async function runLimited(program, args, { seconds, ...options }) {
  const stdio = ['ignore', 'pipe', 'pipe']
  const child = spawn(program, args, { ...options, stdio, detached: !windows })
  const closed = once(child, 'close').catch(() => {})
  const stdout = tail(child.stdout)
  const stderr = tail(child.stderr)
  let timedOut = false
  const timer = setTimeout(() => {
    timedOut = true
    killGroup(child)
  }, seconds * 1000)
  try {
    const [code, signal] = await once(child, 'exit')
    killGroup(child)
    await Promise.race([closed, sleep(pipeTimeout, undefined, { ref: false })])
    return { code, signal, timedOut, stdout: stdout(), stderr: stderr() }
  } catch (error) {
    throw cannotStart(program, error)
  } finally {
    clearTimeout(timer)
    child.stdout?.destroy()
    child.stderr?.destroy()
  }
}

function tail(stream) {
  let text = ''
  stream.setEncoding('utf8')
  stream.on('data', (chunk) => (text = (text + chunk).slice(-tailLength)))
  return () => text
}

function killGroup(child) {
  try {
    if (windows) child.kill()
    else process.kill(-child.pid, 'SIGKILL')
  } catch (error) {
    // ESRCH: every process of the group has exited.
    if (error.code !== 'ESRCH') throw error
  }
}

/**
 * Kills the processes whose environment contains `mark`. This finds processes that have left the process group.
 * Linux only.
 */
export function killMarked(mark) {
  if (process.platform !== 'linux') return
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    if (Number(pid) === process.pid) continue
    try {
      if (readFileSync(`/proc/${pid}/environ`, 'latin1').includes(mark))
        process.kill(pid, 'SIGKILL')
    } catch {
      // The process has exited, or belongs to another user.
    }
  }
}

/** Calls `work` for each item, `jobs` at a time. Returns the results in the order of the items. */
export async function mapLimited(items, jobs, work) {
  const results = []
  const queue = items.entries()
  const worker = async () => {
    for (const [index, item] of queue) results[index] = await work(item, index)
  }
  await Promise.all(Array.from({ length: jobs }, worker))
  return results
}
