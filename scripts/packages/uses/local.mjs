/** Local HTTP and TCP servers and temporary folders for the uses. */
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { createServer as createTcpServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Listens on a free local port while `work` runs. */
export async function listening(server, work) {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    return await work(server.address().port)
  } finally {
    server.closeAllConnections?.()
    server.close()
  }
}

/** An HTTP server that echoes method, path and body as JSON. */
export function echo(work) {
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ method: request.method, path: request.url, body }))
  })
  return listening(server, (port) => work(`http://127.0.0.1:${port}`))
}

/** An HTTP server that answers each request with `document`. */
export function answering(document, work) {
  const server = createServer((request, response) => {
    request.resume()
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify(document))
  })
  return listening(server, (port) => work(`http://127.0.0.1:${port}`))
}

/** A TCP server. `answer` maps a received chunk to the answer. */
export function tcp(answer, work) {
  const sockets = new Set()
  const server = createTcpServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('data', (chunk) => socket.write(answer(chunk)))
  })
  return listening(server, work).finally(() => sockets.forEach((socket) => socket.destroy()))
}

/** Runs `work` with a temporary folder, then removes it. */
export async function inFolder(work) {
  const folder = await mkdtemp(join(tmpdir(), 'package-'))
  try {
    return await work(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

export const textOf = async (url, options) => (await fetch(url, options)).text()
