// A fake of the demo worker, with delays similar to those of the real runtimes.
import type { AppInfo, PrimeCount, WorkerApi } from '../../backends/shared-api.ts'
import { Endpoint } from '../../runtime/plugin/guest-js/src/rpc/endpoint.ts'
import type { FakeProcess } from './fake-process'

const UNRESPONSIVE_MS = 5000

const FAKE_APP: AppInfo = {
  name: 'JS Backends',
  version: '0.1.0',
  identifier: 'dev.tauri-js-runtime.demo',
  tauri: '2.12.5',
}

/** The least duration of a round trip, and its random part, in milliseconds. */
const ROUND_TRIP_MS: Record<string, [number, number]> = {
  embedded: [0.18, 0.1],
  deno: [0.9, 0.5],
  bun: [0.7, 0.4],
  node: [1.1, 0.7],
}

const macrotasks = new MessageChannel()
const queue: (() => void)[] = []
macrotasks.port1.onmessage = () => queue.shift()?.()

/** Waits for one event-loop iteration: timers are too coarse for fractions of a millisecond. */
const nextIteration = () =>
  new Promise<void>((resolve) => {
    queue.push(resolve)
    macrotasks.port2.postMessage(null)
  })

async function delay(runtime: string): Promise<void> {
  const [base, spread] = ROUND_TRIP_MS[runtime] ?? [1, 1]
  const tail = Math.random() < 0.02 ? 4 : 1
  const until = performance.now() + (base + Math.random() * spread) * tail
  do await nextIteration()
  while (performance.now() < until)
}

const pendingForever = () => new Promise<never>(() => {})
const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

/** Counts with the approximation of the prime number theorem. */
export async function* fakeCounts(limit: number): AsyncGenerator<PrimeCount> {
  for (let step = 1; step <= 50; step++) {
    await sleep(20)
    const checked = Math.floor((limit * step) / 50)
    yield { checked, found: Math.round(checked / Math.log(checked)) }
  }
}

function refuse(process: FakeProcess, kind: string, target: string): never | void {
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
    async appInfo() {
      return FAKE_APP
    },
    countPrimes: fakeCounts,
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
      refuse(process, 'read', path)
      return 'workstation\n'
    },
    async fetchText(url) {
      refuse(process, 'net', `${new URL(url).host}:443`)
      return '<!doctype html>'
    },
    async env(name) {
      refuse(process, 'env', name)
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
      process.block(UNRESPONSIVE_MS)
      return pendingForever()
    },
    async allocate() {
      await sleep(600)
      process.exit({ kind: 'heapLimit' })
      return pendingForever()
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
      return pendingForever()
    },
    async abort() {
      process.exit({ kind: 'killed', signal: 6 })
      return pendingForever()
    },
  }
}

/** Answers frames on the stdin of the process with frames on its stdout. Returns the reader of stdin. */
export function serveFake(process: FakeProcess): (line: string) => void {
  const { generation } = process.info
  const endpoint = new Endpoint({
    api: fakeApi(process),
    send(frame) {
      if (process.isBlocked || process.info.generation !== generation) return
      process.send([`o${frame}`])
    },
  })
  return (line) => void endpoint.receive(line)
}
