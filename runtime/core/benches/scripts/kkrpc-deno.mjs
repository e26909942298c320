// kkrpc on Deno, as its README shows it. The embedded engine runs it too.
import { DenoIo, RPCChannel } from 'kkrpc/deno'
import { api } from './api.mjs'

new RPCChannel(new DenoIo(Deno.stdin.readable), { expose: api })
