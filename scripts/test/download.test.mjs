/** Tests of downloads from local servers. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { test } from 'node:test'
import { downloadFile } from '../lib/download.mjs'
import { archive, temporaryFolder } from './helpers.mjs'

/** Starts a server that runs until the test ends. Returns its URL. */
async function serve(t, answer) {
  const server = createServer(answer)
  await new Promise((ready) => server.listen(0, '127.0.0.1', ready))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${server.address().port}/v8.a.gz`
}

test('a redirect is followed', async (t) => {
  const file = join(temporaryFolder(t), 'v8')
  const url = await serve(t, (request, response) => {
    if (request.url === '/moved') return response.end(archive)
    response.writeHead(302, { location: '/moved' }).end()
  })
  assert.equal(await downloadFile(url, file, 'test'), true)
  assert.deepEqual(readFileSync(file), archive)
})

test('a missing file is not an error', async (t) => {
  const url = await serve(t, (request, response) => response.writeHead(404).end('no such thing'))
  assert.equal(await downloadFile(url, join(temporaryFolder(t), 'v8'), 'test'), false)
})

test('an unreachable server is not an error', async (t) => {
  const url = 'http://127.0.0.1:1/v8.a.gz'
  assert.equal(await downloadFile(url, join(temporaryFolder(t), 'v8'), 'test'), false)
})

// Without our timeout, the HTTP client gives up after five minutes.
test('a silent server times out', { timeout: 120_000 }, async (t) => {
  const url = await serve(t, () => {})
  assert.equal(await downloadFile(url, join(temporaryFolder(t), 'v8'), 'test', 200), false)
})

test('an interrupted download reports the received bytes', async (t) => {
  const url = await serve(t, (request, response) => {
    response.writeHead(200, { 'content-length': '2000000' })
    response.write(Buffer.alloc(1024 * 1024), () => response.destroy())
  })
  const download = downloadFile(url, join(temporaryFolder(t), 'v8'), 'test')
  await assert.rejects(download, { name: 'UserError', message: /broke off after \d/ })
})
