// kkrpc on Node, as its README shows it. The embedded engine runs it too.
import process from 'node:process'
import { NodeIo, RPCChannel } from 'kkrpc'
import { api } from './api.mjs'

new RPCChannel(new NodeIo(process.stdin, process.stdout), { expose: api })
