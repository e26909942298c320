// A backend written for Bun only.
import { BunIo, RPCChannel } from 'kkrpc'
import type { BackendApi } from './shared-api.ts'

const api: BackendApi = {
  async add(a, b) {
    return a + b
  },
  async echo(message) {
    return message
  },
  async getSystemInfo() {
    return {
      runtime: 'bun',
      version: Bun.version,
      pid: process.pid,
      platform: process.platform,
      arch: process.arch,
    }
  },
}

new RPCChannel(new BunIo(Bun.stdin.stream()), { expose: api })
