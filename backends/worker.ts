// One backend for all four: the embedded engine, Deno, Bun and Node run this file unchanged.
import process from 'node:process'
import { serve, systemInfo } from './serve.ts'
import type { WorkerApi } from './shared-api.ts'

const api: WorkerApi = {
  async add(a, b) {
    return a + b
  },
  async echo(message) {
    return message
  },
  async getSystemInfo() {
    return systemInfo()
  },
  async fail(message) {
    throw new Error(message)
  },
  async count(n, onTick) {
    for (let tick = 1; tick <= n; tick++) onTick(tick)
    return n
  },
  async sleep(ms) {
    await new Promise((resolve) => setTimeout(resolve, ms))
  },
  async memory() {
    const { heapUsed, rss } = process.memoryUsage()
    return { heapUsed, rss }
  },
  async exit(code) {
    process.exit(code)
  },
}

serve(api)
