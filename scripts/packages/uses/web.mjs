/** Uses of packages for HTTP and sockets: local round trips. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import { echo, listening, textOf } from './local.mjs'

const get = (server, path) => listening(server, (port) => textOf(`http://127.0.0.1:${port}${path}`))

export const uses = {
  async express() {
    const { default: express } = await import('express')
    const app = express()
    app.use(express.json())
    app.post('/sum/:a', (request, response) => {
      response.json({ sum: Number(request.params.a) + request.body.b })
    })
    return listening(createServer(app), (port) =>
      textOf(`http://127.0.0.1:${port}/sum/1`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: '{"b":2}',
      }),
    )
  },

  async fastify() {
    const { default: fastify } = await import('fastify')
    const app = fastify()
    const querystring = { type: 'object', properties: { n: { type: 'integer' } } }
    app.get('/', { schema: { querystring } }, async ({ query }) => ({ twice: query.n * 2 }))
    const address = await app.listen({ port: 0, host: '127.0.0.1' })
    const texts = [await textOf(`${address}/?n=21`), await textOf(`${address}/?n=x`)]
    await app.close()
    return texts
  },

  async koa() {
    const { default: Koa } = await import('koa')
    const app = new Koa()
    app.use(async (context, next) => {
      await next()
      context.set('x-seen', 'yes')
    })
    app.use((context) => (context.body = { path: context.path }))
    return get(createServer(app.callback()), '/here')
  },

  async hono() {
    const { Hono } = await import('hono')
    const { createAdaptorServer } = await import('@hono/node-server')
    const app = new Hono().get('/hello/:name', (c) => c.json({ hello: c.req.param('name') }))
    return get(createAdaptorServer({ fetch: app.fetch }), '/hello/you')
  },

  async axios() {
    const { default: axios } = await import('axios')
    return echo(async (url) => (await axios.post(`${url}/a`, { b: 1 }, { params: { c: 2 } })).data)
  },

  async undici() {
    const { request, Agent } = await import('undici')
    const dispatcher = new Agent()
    return echo(async (url) => {
      const { statusCode, body } = await request(`${url}/u`, {
        method: 'PUT',
        body: 'x',
        dispatcher,
      })
      const result = { statusCode, body: await body.json() }
      await dispatcher.close()
      return result
    })
  },

  async got() {
    const { default: got } = await import('got')
    return echo((url) => got.post(`${url}/g`, { json: { a: 1 } }).json())
  },

  async 'node-fetch'() {
    const { default: fetch } = await import('node-fetch')
    return echo(async (url) => (await fetch(`${url}/f`, { method: 'POST', body: 'text' })).json())
  },

  async ws() {
    const { WebSocket, WebSocketServer } = await import('ws')
    const http = createServer()
    const server = new WebSocketServer({ server: http })
    server.on('connection', (socket) => socket.on('message', (data) => socket.send(`echo ${data}`)))
    return listening(http, async (port) => {
      const client = new WebSocket(`ws://127.0.0.1:${port}`)
      await once(client, 'open')
      client.send('hello')
      const [data] = await once(client, 'message')
      client.close()
      const [code] = await once(client, 'close')
      server.close()
      return [String(data), code]
    })
  },

  async 'socket.io'() {
    const { Server } = await import('socket.io')
    const { io } = await import('socket.io-client')
    const http = createServer()
    const server = new Server(http)
    server.on('connection', (socket) => socket.on('add', (a, b, reply) => reply(a + b)))
    return listening(http, async (port) => {
      const client = io(`http://127.0.0.1:${port}`)
      const sum = await client.emitWithAck('add', 2, 3)
      const transport = client.io.engine.transport.name
      client.close()
      await server.close()
      return { sum, transport: ['polling', 'websocket'].includes(transport) }
    })
  },
}
