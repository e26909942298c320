/** The same worker on every runtime, started and called from the page. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { openApp } from './lib/app.mjs'

/** @type {import('./lib/app.mjs').App} */
let app
before(async () => (app = await openApp()))
after(() => app?.close())

for (const runtime of ['embedded', 'deno', 'bun', 'node']) {
  test(`${runtime}: starts, answers, calls back and ends`, async () => {
    const seen = await app.run(async (js, name) => {
      const info = await js.spawn(name)
      const worker = await js.worker(name)
      const system = await worker.getSystemInfo()
      const sum = await worker.add(2, 40)
      /** @type {number[]} */
      const ticks = []
      const counted = await worker.count(100, (tick) => ticks.push(tick))
      const items = []
      const stream = js.toAsyncIterable((/** @type {(item: number) => void} */ emit) =>
        worker.stream(20, 5, emit),
      )
      for await (const item of stream) items.push(item)
      const failed = await worker.fail('on purpose').catch((error) => String(error.message))
      return { info, system, sum, ticks, counted, items, failed }
    }, runtime)
    assert.deepEqual([seen.info.state.state, seen.info.runtime], ['running', runtime])
    assert.equal(seen.system.runtime, runtime)
    assert.equal(seen.sum, 42)
    assert.deepEqual(seen.ticks, upTo(100))
    assert.equal(seen.counted, 100)
    assert.deepEqual(seen.items, upTo(20))
    assert.match(seen.failed, /on purpose/)

    const child = seen.info.pid
    assert.equal(child === null, runtime === 'embedded')
    if (child) assert.ok(app.processes().some(({ pid }) => pid === child))

    const end = await app.run(async (js, name) => {
      /** @type {Promise<number | null>} */
      const exited = new Promise((resolve) => void js.onExit(name, resolve))
      await js.kill(name)
      await exited
      return js.getStatus(name)
    }, runtime)
    assert.deepEqual([end.running, end.state.state], [false, 'exited'])
    assert.equal(end.state.state === 'exited' && end.state.reason.kind, 'killed')
    assert.ok(!app.processes().some(({ pid }) => pid === child))
  })

  test(`${runtime}: a mebibyte of text and of bytes makes a round trip`, async () => {
    const same = await app.run(async (js, name) => {
      await js.ensure(name)
      const worker = await js.worker(name)
      // Four bytes per character, so that a split character would be detected.
      const text = 'x' + '😀'.repeat(256 * 1024)
      const bytes = Uint8Array.from({ length: 1024 * 1024 }, (_, index) => (index * 31) % 251)
      const textBack = await worker.echo(text)
      const bytesBack = await worker.bytes(bytes)
      await js.kill(name)
      const reversed = bytes.toReversed()
      return {
        text: textBack === text,
        bytes:
          bytesBack.length === bytes.length && bytesBack.every((byte, n) => byte === reversed[n]),
      }
    }, runtime)
    assert.deepEqual(same, { text: true, bytes: true })
  })
}

test('a backend written for Deno only answers calls', async () => {
  const sum = await app.run(async (js) => {
    await js.spawn('native-deno')
    const sum = await (await js.worker('native-deno')).add(2, 3)
    await js.kill('native-deno')
    return sum
  })
  assert.equal(sum, 5)
})

test('backends with autostart are running', async () => {
  const { declared, status } = await app.run(async (js) => {
    const declared = (await js.listBackends()).filter(({ autostart }) => autostart)
    return { declared: declared.map(({ name }) => name), status: await js.getStatus('worker') }
  })
  assert.deepEqual(declared, ['worker'])
  assert.deepEqual([status.running, status.runtime], [true, 'embedded'])
})

/** @param {number} n */
function upTo(n) {
  return Array.from({ length: n }, (_, index) => index + 1)
}
