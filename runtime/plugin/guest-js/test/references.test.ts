// @vitest-environment node
// Functions and streams that cross a connection, until they are released.
import { expect, test } from 'vitest'
import { Endpoint } from '../src/rpc/endpoint.ts'
import { remote } from '../src/rpc/remote.ts'
import { collectUntil } from './support/gc.ts'
import { Pipe, endpointOn, pair, turn } from './support/endpoints.ts'

test('a call that cannot be sent hands nothing over', async () => {
  const { page, calls } = pair()
  await turn()
  const heard: unknown[] = []
  const hear = (value: unknown) => heard.push(value)
  await expect(calls.echo([hear, Symbol('s')])).rejects.toThrow('symbol')
  // The ids of references count up.
  const sent = `${page.endpoint.id}.1`
  page.endpoint.receive(JSON.stringify({ t: 'cb', id: sent, a: ['x'] }))
  expect(heard).toEqual([])
  await calls.echo([hear])
  page.endpoint.receive(JSON.stringify({ t: 'cb', id: `${page.endpoint.id}.2`, a: ['y'] }))
  expect(heard).toEqual(['y'])
})

test('a call that waits for a peer of kkrpc hands nothing over', async () => {
  const sent: string[] = []
  const endpoint = new Endpoint({ send: (line) => void sent.push(line) })
  endpoint.greet()
  const heard: unknown[] = []
  const call = endpoint.call({ op: 'call', path: ['f'], args: [[() => heard.push(1)]] })
  const { id } = JSON.parse(sent[0]!) as { id: string }
  endpoint.receive(JSON.stringify({ id, method: '', args: { error: 'no' }, type: 'response' }))
  await expect(call).rejects.toThrow('cannot be sent to this peer')
  endpoint.receive(JSON.stringify({ t: 'cb', id: `${endpoint.id}.1`, a: [] }))
  expect(heard).toEqual([])
})

/** Two calls with the same function before the peer is known: both use one id. */
function callsWithOneFunction() {
  const sent: string[] = []
  const endpoint = new Endpoint({ send: (line) => void sent.push(line) })
  const heard: unknown[] = []
  const hear = (value: unknown) => heard.push(value)
  const calls = [1, 2].map(() => endpoint.call({ op: 'call', path: ['on'], args: [hear] }))
  const frames = sent.map((line) => JSON.parse(line) as { id: string; a: { id: string }[] })
  return { endpoint, heard, calls, frames }
}

test('a function that was sent twice stays until both are released', async () => {
  const { endpoint, heard, calls, frames } = callsWithOneFunction()
  const [first, second] = frames.map(({ a }) => a[0]!.id)
  expect(second).toBe(first)
  for (const { id } of frames) endpoint.receive(JSON.stringify({ t: 'r', js: 1, id }))
  await Promise.all(calls)
  endpoint.receive(JSON.stringify({ t: 'cbr', ids: [first] }))
  endpoint.receive(JSON.stringify({ t: 'cb', id: first, a: ['still'] }))
  endpoint.receive(JSON.stringify({ t: 'cbr', ids: [first] }))
  endpoint.receive(JSON.stringify({ t: 'cb', id: first, a: ['gone'] }))
  expect(heard).toEqual(['still'])
})

test('kkrpc releases a function at once', async () => {
  const { endpoint, heard, calls, frames } = callsWithOneFunction()
  for (const { id } of frames) endpoint.receive(JSON.stringify({ t: 'r', id }))
  await Promise.all(calls)
  const callback = frames[0]!.a[0]!.id
  endpoint.receive(JSON.stringify({ t: 'cbr', ids: [callback] }))
  endpoint.receive(JSON.stringify({ t: 'cb', id: callback, a: ['gone'] }))
  expect(heard).toEqual([])
})

test('a callback of kkrpc is released when it is not used any more', async () => {
  const sent: string[] = []
  const kept: unknown[] = []
  const endpoint = new Endpoint({
    api: { on: (callback: unknown) => void kept.push(callback) },
    send: (line) => void sent.push(line),
  })
  const a = [{ __kkrpc_next_arg__: 'callback', id: 'cb1' }]
  for (const id of ['1', '2']) {
    endpoint.receive(JSON.stringify({ t: 'q', id, op: 'call', p: ['on'], a }))
  }
  expect(kept[0]).toBe(kept[1])
  expect(sent.join()).not.toContain('cbr')
  kept.length = 0
  await collectUntil(() => sent.join().includes('cbr'), 'the release')
  expect(sent.filter((line) => line.includes('cbr'))).toEqual(['{"t":"cbr","ids":["cb1"]}'])
})

test('functions of the other side are released when they are not used any more', async () => {
  const { calls, up, down } = pair()
  await turn()
  let received: unknown = await calls.echo([() => {}, () => {}])
  const released = () =>
    down.lines
      .filter((line) => line.includes('cbr'))
      .flatMap((line) => (JSON.parse(line) as { ids: string[] }).ids).length
  expect(received).toHaveLength(2)
  received = null
  await collectUntil(() => released() === 2, 'the release by the backend')
  expect(up.lines.filter((line) => line.includes('cbr'))).toHaveLength(2)
})

test('a peer that is forgotten for a newer one loses what it has asked for', async () => {
  const { calls, backend } = pair()
  await turn()
  let reason: unknown
  void calls.waitFor(new AbortController().signal).catch((error: unknown) => (reason = error))
  await turn()
  for (let peer = 0; peer < 256; peer++) {
    backend.endpoint.receive(
      JSON.stringify({
        t: 'q',
        js: 1,
        id: `p${peer}.1`,
        op: 'call',
        p: ['$hello'],
        a: [{ from: `p${peer}`, offers: [] }],
      }),
    )
  }
  await turn()
  // The answer cannot reach the peer any more; its signal was aborted.
  expect(backend.sent.length).toBeGreaterThan(256)
  expect(reason).toBeDefined()
})

test('the proxies of members with many names are collected', async () => {
  const [up, down] = [new Pipe(), new Pipe()]
  const { endpoint } = endpointOn(down, up, {})
  const calls = remote<Record<string, () => void>>((request, options) =>
    endpoint.call(request, options),
  )
  const first = new WeakRef(calls['first']!)
  expect(calls['first']).toBe(first.deref())
  // References that were read stay for the turn.
  await turn()
  for (let name = 0; name < 2000; name++) void calls[`user ${name}`]
  await collectUntil(() => first.deref() === undefined, 'the end of the first proxy')
})
