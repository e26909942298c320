// A backend written for Deno only. The embedded engine runs it unchanged.
import { DenoIo, RPCChannel } from 'npm:kkrpc/deno'
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
      runtime: 'deno',
      version: Deno.version.deno,
      pid: Deno.pid,
      platform: Deno.build.os,
      arch: Deno.build.arch,
    }
  },
}

new RPCChannel(new DenoIo(Deno.stdin.readable), { expose: api })
