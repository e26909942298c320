// A backend written for Node only.
import process from 'node:process'
import { NodeIo, RPCChannel } from 'kkrpc'

/** @type {import('./shared-api.ts').BackendApi} */
const api = {
  async add(a, b) {
    return a + b
  },
  async echo(message) {
    return message
  },
  async getSystemInfo() {
    return {
      runtime: 'node',
      version: process.versions.node,
      pid: process.pid,
      platform: process.platform,
      arch: process.arch,
    }
  },
}

new RPCChannel(new NodeIo(process.stdin, process.stdout), { expose: api })
