// kkrpc on Bun, as its README shows it.
import { BunIo, RPCChannel } from 'kkrpc'
import { api } from './api.mjs'

new RPCChannel(new BunIo(Bun.stdin.stream()), { expose: api })
