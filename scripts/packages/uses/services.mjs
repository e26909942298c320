/** Uses of clients for databases, mail and models, with minimal local servers. */
import { once } from 'node:events'
import { answering, tcp } from './local.mjs'

const int32 = (n) => Buffer.from(Uint8Array.of(n >>> 24, n >>> 16, n >>> 8, n))
const int16 = (n) => int32(n).subarray(2)

/** A message of PostgreSQL's protocol. */
function message(type, ...parts) {
  const body = Buffer.concat(parts.map((part) => Buffer.from(part)))
  return Buffer.concat([Buffer.from(type), int32(body.length + 4), body])
}

/** Answers PostgreSQL's start-up message and the query "select 1 as n". */
function postgres(chunk) {
  const ready = message('Z', 'I')
  if (chunk[0] === 0) return Buffer.concat([message('R', int32(0)), ready])
  if (chunk[0] !== 'Q'.charCodeAt(0)) return Buffer.alloc(0)
  const column = [int32(0), int16(0), int32(23), int16(4), int32(-1), int16(0)]
  return Buffer.concat([
    message('T', int16(1), 'n\0', ...column),
    message('D', int16(1), int32(1), '1'),
    message('C', 'SELECT 1\0'),
    ready,
  ])
}

/** Answers a few of Redis's commands. */
function redis() {
  const values = new Map()
  const commands = {
    SET: ([key, value]) => (values.set(key, value), '+OK\r\n'),
    GET: ([key]) => `$${values.get(key).length}\r\n${values.get(key)}\r\n`,
    INFO: () => '$14\r\nredis_version:\r\n',
  }
  return (chunk) =>
    String(chunk)
      .split(/(?=\*\d+\r\n)/)
      .map((text) => {
        const words = text.split('\r\n').filter((_, index) => index > 0 && index % 2 === 0)
        const [command, ...rest] = words
        return (commands[command.toUpperCase()] ?? (() => '+OK\r\n'))(rest)
      })
      .join('')
}

export const uses = {
  async pg() {
    const { default: pg } = await import('pg')
    return tcp(postgres, async (port) => {
      const client = new pg.Client({ host: '127.0.0.1', port, user: 'u', database: 'd' })
      await client.connect()
      const { rows } = await client.query('select 1 as n')
      await client.end()
      return rows
    })
  },

  async mysql2() {
    const { default: mysql } = await import('mysql2/promise')
    const { default: server } = await import('mysql2')
    const listening = server.createServer()
    listening.on('connection', (connection) => {
      connection.serverHandshake({
        protocolVersion: 10,
        serverVersion: '8.0.0',
        connectionId: 1,
        statusFlags: 2,
        characterSet: 8,
        capabilityFlags: 0xffffff ^ 0x800 ^ 0x20,
      })
      connection.on('query', () => connection.writeOk({ affectedRows: 3 }))
      connection.on('error', () => {})
    })
    listening.listen(0)
    await once(listening._server, 'listening')
    const { port } = listening._server.address()
    const client = await mysql.createConnection({ host: '127.0.0.1', port, user: 'u' })
    const [{ affectedRows }] = await client.query('delete from t where a = ?', [1])
    client.destroy()
    listening.close()
    return [affectedRows, mysql.format('a = ?', ["it's"])]
  },

  async mongodb() {
    const { BSON, MongoClient } = await import('mongodb')
    const bytes = BSON.serialize({ a: new Date(0), n: BSON.Long.fromNumber(7) })
    const options = { serverSelectionTimeoutMS: 200 }
    const client = new MongoClient('mongodb://127.0.0.1:1', options)
    const error = await client.connect().catch((error) => error)
    await client.close()
    return [BSON.deserialize(bytes), error.name, error.message]
  },

  async ioredis() {
    const { Redis } = await import('ioredis')
    return tcp(redis(), async (port) => {
      const client = new Redis(port, '127.0.0.1', { disableClientInfo: true, protocol: 2 })
      await client.set('key', 'value')
      const value = await client.get('key')
      client.disconnect()
      return value
    })
  },

  async nodemailer() {
    const { default: nodemailer } = await import('nodemailer')
    const transport = nodemailer.createTransport({ streamTransport: true, buffer: true })
    const mail = { from: 'a@example.com', to: 'b@example.com', subject: 'ü', text: 'Hello' }
    const { envelope, message } = await transport.sendMail(mail)
    return [envelope, /Subject: (.+)/.exec(String(message))[1].trim()]
  },

  async '@modelcontextprotocol/sdk'() {
    const { McpServer } = await import('@modelcontextprotocol/sdk/server/mcp.js')
    const { Client } = await import('@modelcontextprotocol/sdk/client/index.js')
    const { InMemoryTransport } = await import('@modelcontextprotocol/sdk/inMemory.js')
    const { z } = await import('zod')
    const server = new McpServer({ name: 's', version: '1.0.0' })
    const inputSchema = { a: z.number(), b: z.number() }
    server.registerTool('add', { inputSchema }, async ({ a, b }) => ({
      content: [{ type: 'text', text: String(a + b) }],
    }))
    const [one, other] = InMemoryTransport.createLinkedPair()
    const client = new Client({ name: 'c', version: '1.0.0' })
    await Promise.all([server.connect(one), client.connect(other)])
    const { content } = await client.callTool({ name: 'add', arguments: { a: 2, b: 3 } })
    await client.close()
    return content
  },

  async openai() {
    const { default: OpenAI } = await import('openai')
    const message = { role: 'assistant', content: 'hello' }
    return answering({ choices: [{ index: 0, message }] }, async (url) => {
      const client = new OpenAI({ apiKey: 'none', baseURL: url })
      const messages = [{ role: 'user', content: 'hi' }]
      const { choices } = await client.chat.completions.create({ model: 'm', messages })
      return choices[0].message.content
    })
  },

  async '@anthropic-ai/sdk'() {
    const { default: Anthropic } = await import('@anthropic-ai/sdk')
    const content = [{ type: 'text', text: 'hello' }]
    return answering({ type: 'message', role: 'assistant', content }, async (url) => {
      const client = new Anthropic({ apiKey: 'none', baseURL: url })
      const messages = [{ role: 'user', content: 'hi' }]
      const reply = await client.messages.create({ model: 'm', max_tokens: 9, messages })
      return reply.content[0].text
    })
  },
}
