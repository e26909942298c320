/** Runs programs that may hang or leave processes behind: with a limit of time, and several at once. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, readdirSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { cannotStart } from './run.mjs'

const windows = process.platform === 'win32'

/** How much of each stream is kept: its last characters. */
const kept = 64 * 1024

/** How long the pipes of a process that has ended may stay open, in milliseconds. */
const pipesStayOpen = 2_000

/**
 * Runs a program in a process group of its own and ends the group when the program ends or the limit of time
 * passes.
 *
 * @param {string} program
 * @param {string[]} args
 * @param {{ cwd?: string, env?: object, seconds: number }} options
 * @returns {Promise<{ code: number | null, signal: string | null, late: boolean, stdout: string, stderr: string }>}
 *   `late`: the limit of time has passed
 */
export async function runLimited(program, args, { seconds, ...options }) {
  const stdio = ['ignore', 'pipe', 'pipe']
  const child = spawn(program, args, { ...options, stdio, detached: !windows })
  const closed = once(child, 'close').catch(() => {})
  const stdout = tail(child.stdout)
  const stderr = tail(child.stderr)
  let late = false
  const timer = setTimeout(() => {
    late = true
    endGroup(child)
  }, seconds * 1000)
  try {
    const [code, signal] = await once(child, 'exit')
    endGroup(child)
    await Promise.race([closed, sleep(pipesStayOpen, undefined, { ref: false })])
    return { code, signal, late, stdout: stdout(), stderr: stderr() }
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
  stream.on('data', (chunk) => (text = (text + chunk).slice(-kept)))
  return () => text
}

function endGroup(child) {
  try {
    if (windows) child.kill()
    else process.kill(-child.pid, 'SIGKILL')
  } catch (error) {
    // Every process of the group has ended.
    if (error.code !== 'ESRCH') throw error
  }
}

/**
 * Ends the processes whose environment contains `mark`: what a program has started in a process group or
 * session of its own. Linux only.
 */
export function endMarked(mark) {
  if (process.platform !== 'linux') return
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    if (Number(pid) === process.pid) continue
    try {
      if (readFileSync(`/proc/${pid}/environ`, 'latin1').includes(mark))
        process.kill(pid, 'SIGKILL')
    } catch {
      // The process has ended, or belongs to another user.
    }
  }
}

/** Calls `work` for each item, `jobs` at a time; the results in the order of the items. */
export async function mapLimited(items, jobs, work) {
  const results = []
  const queue = items.entries()
  const one = async () => {
    for (const [index, item] of queue) results[index] = await work(item, index)
  }
  await Promise.all(Array.from({ length: jobs }, one))
  return results
}
