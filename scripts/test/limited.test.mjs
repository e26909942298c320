/** Tests of time limits and concurrency limits. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { killMarked, mapLimited, runLimited } from '../lib/limited.mjs'

const node = (code, seconds) => runLimited(process.execPath, ['-e', code], { seconds })

test('a run returns the exit code and the output', async () => {
  const end = await node('console.log("out"); console.error("err"); process.exitCode = 3', 100)
  assert.deepEqual(
    { ...end },
    { code: 3, signal: null, timedOut: false, stdout: 'out\n', stderr: 'err\n' },
  )
})

test('only the end of long output is returned', async () => {
  const { stdout } = await node('process.stdout.write("a".repeat(1e6) + "end")', 100)
  assert.ok(stdout.length < 1e5 && stdout.endsWith('aend'))
})

test('the time limit kills a program and its children', { timeout: 120_000 }, async () => {
  const child = 'require("child_process").spawn("sleep", ["1000"], { stdio: "inherit" })'
  const { timedOut, stdout } = await node(
    `console.log(${child}.pid); setInterval(() => {}, 1000)`,
    3,
  )
  assert.equal(timedOut, true)
  const pid = Number(stdout)
  // A zombie can still be signalled.
  while (pid > 0 && isRunning(pid)) await new Promise((resolve) => setTimeout(resolve, 50))
})

function isRunning(pid) {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

test('the error for a missing program has its name', async () => {
  await assert.rejects(runLimited('no-such-program', [], { seconds: 1 }), /no-such-program/)
})

const linux = { skip: process.platform !== 'linux' }

test('processes are killed by a mark in their environment', linux, async () => {
  const env = { ...process.env, MARK: `mark-${process.pid}` }
  const child = spawn('sleep', ['1000'], { env, detached: true, stdio: 'ignore' })
  await once(child, 'spawn')
  killMarked(`MARK=mark-${process.pid}`)
  const [, signal] = await once(child, 'exit')
  assert.equal(signal, 'SIGKILL')
})

test('concurrency is limited, and results are in order', async () => {
  let [running, max] = [0, 0]
  const results = await mapLimited([3, 1, 2], 2, async (n, index) => {
    max = Math.max(max, (running += 1))
    await new Promise((resolve) => setTimeout(resolve, n * 5))
    running -= 1
    return [n, index]
  })
  assert.deepEqual(results, [
    [3, 0],
    [1, 1],
    [2, 2],
  ])
  assert.equal(max, 2)
})
