// The demo worker's API, answered in the page with delays like those of the real runtimes.
import { RPCChannel } from 'kkrpc/browser'
import type { WorkerApi } from '../../backends/shared-api.ts'
import type { FakeProcess } from './fake-process'

const UNRESPONSIVE_MS = 5000

/** Milliseconds of a round trip, without and with luck. */
const TRIP: Record<string, [number, number]> = {
  embedded: [0.18, 0.1],
  deno: [0.9, 0.5],
  bun: [0.7, 0.4],
  node: [1.1, 0.7],
}

const soon = new MessageChannel()
const queue: (() => void)[] = []
soon.port1.onmessage = () => queue.shift()?.()

/** A turn of the event loop: timers are too coarse for a part of a millisecond. */
const turn = () =>
  new Promise<void>((resolve) => {
    queue.push(resolve)
    soon.port2.postMessage(null)
  })

async function delay(runtime: string): Promise<void> {
  const [base, spread] = TRIP[runtime] ?? [1, 1]
  const tail = Math.random() < 0.02 ? 4 : 1
  const until = performance.now() + (base + Math.random() * spread) * tail
  do await turn()
  while (performance.now() < until)
}

const forever = () => new Promise<never>(() => {})
const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

function refused(process: FakeProcess, kind: string, target: string): never | void {
  if (process.runtime !== 'embedded' && process.runtime !== 'deno') return
  const message = `Requires ${kind} access to "${target}", run again with the --allow-${kind} flag`
  throw new Error(message)
}

function fakeApi(process: FakeProcess): WorkerApi {
  const { runtime } = process
  const crash = (message: string) =>
    process.exit({
      kind: 'error',
      message: `Error: ${message}`,
      stack: `Error: ${message}\n    at Timeout._onTimeout (file:///app/backends/faults.ts:19:13)`,
    })
  return {
    async add(a, b) {
      return a + b
    },
    async echo(message) {
      await delay(runtime)
      return message
    },
    async getSystemInfo() {
      const version = { embedded: '2.9.5', deno: '2.9.5', bun: '1.4.5', node: '24.1.0' }[runtime]
      return { runtime, version, pid: process.pid ?? 4100, platform: 'linux', arch: 'x64' }
    },
    async count(n, onTick) {
      for (let tick = 1; tick <= n; tick++) onTick(tick)
      return n
    },
    async stream(n, intervalMs, onItem) {
      for (let item = 1; item <= n; item++) {
        await sleep(intervalMs)
        onItem(item)
      }
      return n
    },
    async bytes(data) {
      return data.toReversed()
    },
    sleep,
    async memory() {
      return { heapUsed: 12 << 20, rss: 88 << 20 }
    },
    async readFile(path) {
      refused(process, 'read', path)
      return 'workstation\n'
    },
    async fetchText(url) {
      refused(process, 'net', `${new URL(url).host}:443`)
      return '<!doctype html>'
    },
    async env(name) {
      refused(process, 'env', name)
      return null
    },
    async fail(message) {
      throw new Error(message)
    },
    async crash() {
      setTimeout(() => crash('crashed on request'), 10)
    },
    async throwLater(ms) {
      setTimeout(() => crash('rejected on request'), ms)
    },
    async loop() {
      process.hang(UNRESPONSIVE_MS)
      return forever()
    },
    async allocate() {
      await sleep(600)
      process.exit({ kind: 'heapLimit' })
      return forever()
    },
    async flood(lines) {
      for (let from = 1; from <= lines; from += 2000) {
        const numbers = Array.from({ length: 2000 }, (_, i) => `eline ${from + i} of ${lines}`)
        process.send(numbers)
        await sleep(0)
      }
      return lines
    },
    async exit(code) {
      process.exit({ kind: 'completed' }, code)
      return forever()
    },
    async abort() {
      process.exit({ kind: 'killed', signal: 6 })
      return forever()
    },
  }
}

/** Serves the API on what is written to the process; its frames go to stdout. */
export function serveFake(process: FakeProcess): void {
  const { generation } = process.info
  new RPCChannel(
    {
      name: 'fake',
      read: () => process.nextInput(),
      async write(frame: string) {
        if (process.hung || process.info.generation !== generation) return
        process.send([`o${frame.trimEnd()}`])
      },
    },
    { expose: { ...fakeApi(process) } },
  )
}
