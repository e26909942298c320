/** Programs with a limit of time, and several at once. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { endMarked, mapLimited, runLimited } from '../lib/limited.mjs'

const node = (code, seconds) => runLimited(process.execPath, ['-e', code], { seconds })

test('a program gives its exit code and what it has printed', async () => {
  const end = await node('console.log("out"); console.error("err"); process.exitCode = 3', 100)
  assert.deepEqual(
    { ...end },
    { code: 3, signal: null, late: false, stdout: 'out\n', stderr: 'err\n' },
  )
})

test('only the last part of much output is kept', async () => {
  const { stdout } = await node('process.stdout.write("a".repeat(1e6) + "end")', 100)
  assert.ok(stdout.length < 1e5 && stdout.endsWith('aend'))
})

test(
  'the limit of time ends a program with what it has started',
  { timeout: 120_000 },
  async () => {
    const child = 'require("child_process").spawn("sleep", ["1000"], { stdio: "inherit" })'
    const { late, stdout } = await node(`console.log(${child}.pid); setInterval(() => {}, 1000)`, 3)
    assert.equal(late, true)
    const pid = Number(stdout)
    // A zombie that nobody has collected yet can still be signalled.
    while (pid > 0 && isRunning(pid)) await new Promise((resolve) => setTimeout(resolve, 50))
  },
)

function isRunning(pid) {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

test('a missing program is an error with its name', async () => {
  await assert.rejects(runLimited('no-such-program', [], { seconds: 1 }), /no-such-program/)
})

const linux = { skip: process.platform !== 'linux' }

test('processes are found by a mark in their environment', linux, async () => {
  const env = { ...process.env, MARK: `mark-${process.pid}` }
  const child = spawn('sleep', ['1000'], { env, detached: true, stdio: 'ignore' })
  await once(child, 'spawn')
  endMarked(`MARK=mark-${process.pid}`)
  const [, signal] = await once(child, 'exit')
  assert.equal(signal, 'SIGKILL')
})

test('so many at a time, with results in order', async () => {
  let [now, most] = [0, 0]
  const results = await mapLimited([3, 1, 2], 2, async (n, index) => {
    most = Math.max(most, (now += 1))
    await new Promise((resolve) => setTimeout(resolve, n * 5))
    now -= 1
    return [n, index]
  })
  assert.deepEqual(results, [
    [3, 0],
    [1, 1],
    [2, 2],
  ])
  assert.equal(most, 2)
})
