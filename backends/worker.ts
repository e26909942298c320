// The demo worker. The embedded engine, Deno, Bun and Node run this file unchanged.
import { readFile } from 'node:fs/promises'
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { serve, withCallOptions } from 'tauri-plugin-js-api/backend'
import { faults } from './faults.ts'
import { countPrimes } from './primes.ts'
import type { HostApi, WorkerApi } from './shared-api.ts'
import { systemInfo } from './system-info.ts'

const HOST_TIMEOUT_MS = 5000

const api: WorkerApi = {
  ...faults,
  async add(a, b) {
    return a + b
  },
  async echo(message) {
    return message
  },
  async getSystemInfo() {
    return systemInfo()
  },
  async appInfo() {
    return host.appInfo()
  },
  countPrimes,
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
  async sleep(ms) {
    await sleep(ms)
  },
  async memory() {
    const { heapUsed, rss } = process.memoryUsage()
    return { heapUsed, rss }
  },
  async readFile(path) {
    return readFile(path, 'utf8')
  },
  async fetchText(url) {
    const response = await fetch(url)
    if (!response.ok) throw new Error(`${url}: ${response.status} ${response.statusText}`)
    return response.text()
  },
  async env(name) {
    return process.env[name] ?? null
  },
}

const { remote } = serve<HostApi>(api)
/** The app's Rust code. In another program than the app, nothing answers its calls. */
const host = withCallOptions(remote, { timeout: HOST_TIMEOUT_MS })
