// Two endpoints of this package.
import { describe, expect, it, vi } from 'vitest'
import { Endpoint } from '../src/rpc/endpoint.ts'
import { remote, get, set, withCallOptions } from '../src/rpc/remote.ts'
import { Pipe, api, collected, endpointOn, pair, rich, turn } from './support/endpoints.ts'

describe('two endpoints', () => {
  it('call functions, nested ones and constructors', async () => {
    const { calls } = pair()
    expect(await calls.add(2, 3)).toBe(5)
    expect(await calls.addLater(2, 3)).toBe(5)
    expect(await calls.nested.deep.double(4)).toBe(8)
    const Point = calls.Point as unknown as new (x: number) => Promise<{ x: number }>
    expect(await new Point(7)).toEqual({ x: 7 })
  })

  it('read and set properties', async () => {
    const { calls } = pair()
    expect(await get(calls.version)).toBe(3)
    await set(calls.settings.theme, 'dark')
    expect(api.settings.theme).toBe('dark')
    await expect(set(calls.settings.theme, 'light')).resolves.toBeUndefined()
  })

  it('carry values that JSON does not keep', async () => {
    const { calls } = pair()
    expect(await calls.echo(rich)).toEqual(rich)
    expect(await calls.echo({ $: 'function', id: 'x' })).toEqual({ $: 'function', id: 'x' })
    expect(await calls.echo(undefined)).toBeUndefined()
  })

  it('carry binary data as base64', async () => {
    const { calls, up } = pair()
    await turn()
    const bytes = Uint8Array.from({ length: 70_000 }, (_, index) => index % 256)
    expect(await calls.echo(bytes)).toEqual(bytes)
    const line = up.lines.find((sent) => sent.includes('bytes'))!
    expect(line.length).toBeLessThan(bytes.length * 1.4)
    expect(await calls.echo({ floats: new Float64Array([0.5, -1]) })).toEqual({
      floats: new Float64Array([0.5, -1]),
    })
    const buffer = (await calls.echo(new Uint8Array([1, 2]).buffer)) as ArrayBuffer
    expect([...new Uint8Array(buffer)]).toEqual([1, 2])
    const part = new Uint8Array([1, 2, 3, 4]).subarray(1, 3)
    expect(await calls.echo(part)).toEqual(new Uint8Array([2, 3]))
  })

  it('carry errors with name, message, stack, cause and own fields', async () => {
    const { calls } = pair()
    await expect(calls.fail()).rejects.toMatchObject({
      name: 'TypeError',
      message: 'no',
      code: 'E_NO',
      stack: expect.stringContaining('endpoints.ts') as string,
      cause: { message: 'inner' },
    })
  })

  it('refuse members that every object has', async () => {
    const { page } = pair()
    for (const path of [
      ['Point', 'prototype', 'double'],
      ['list', 'push'],
      ['constructor'],
      ['add', 'call'],
      ['nested', '__proto__', 'x'],
      ['toString'],
    ]) {
      const call = page.endpoint.call({ op: 'call', path, args: [] })
      await expect(call).rejects.toThrow(/is not a function|not found/)
    }
    const setting = page.endpoint.call({ op: 'set', path: ['__proto__'], args: [], value: {} })
    await expect(setting).rejects.toThrow('cannot be set')
    const replacing = page.endpoint.call({ op: 'set', path: ['add'], args: [], value: 5 })
    await expect(replacing).rejects.toThrow('cannot be set')
  })

  it('call callbacks in order, before the answer', async () => {
    const { calls } = pair()
    const ticks: number[] = []
    expect(await calls.count(3, (tick) => ticks.push(tick))).toBe(3)
    expect(ticks).toEqual([1, 2, 3])
  })

  it('stream results and arguments', async () => {
    const { calls } = pair()
    const rows = await calls.rows(2_000)
    expect(await collected(rows)).toEqual(Array.from({ length: 2_000 }, (_, row) => row))
    expect(await calls.sum(api.rows(100))).toBe(4950)
  })

  it('slow a producer down that the consumer does not keep up with', async () => {
    let produced = 0
    const [up, down] = [new Pipe(), new Pipe()]
    endpointOn(up, down, {
      api: {
        async *endless() {
          for (;;) yield produced++
        },
      },
    })
    const page = endpointOn(down, up, {})
    page.endpoint.greet()
    const calls = remote<{ endless(): AsyncIterable<number> }>((request, options) =>
      page.endpoint.call(request, options),
    )
    const iterator = (await calls.endless())[Symbol.asyncIterator]()
    expect(await iterator.next()).toEqual({ done: false, value: 0 })
    for (let turns = 0; turns < 20; turns++) await turn()
    expect(produced).toBeLessThan(100)
    await iterator.return?.()
  })

  it('end a producer when the consumer leaves the loop', async () => {
    let isOver = false
    const [up, down] = [new Pipe(), new Pipe()]
    endpointOn(up, down, {
      api: {
        async *endless() {
          try {
            for (let row = 0; ; row++) yield row
          } finally {
            isOver = true
          }
        },
      },
    })
    const page = endpointOn(down, up, {})
    page.endpoint.greet()
    const calls = remote<{ endless(): AsyncIterable<number> }>((request, options) =>
      page.endpoint.call(request, options),
    )
    for await (const row of await calls.endless()) if (row === 5) break
    for (let turns = 0; turns < 50 && !isOver; turns++) await turn()
    expect(isOver).toBe(true)
  })

  it('end a stream with the error of its producer', async () => {
    const { calls } = pair()
    const broken = async function* () {
      yield 1
      throw new RangeError('broken')
    }
    await expect(calls.sum(broken())).rejects.toMatchObject({
      name: 'RangeError',
      message: 'broken',
    })
  })

  it('abort with the reason of the caller', async () => {
    const { calls } = pair()
    const controller = new AbortController()
    const call = calls.waitFor(controller.signal)
    setTimeout(() => controller.abort(new Error('stop')))
    await expect(call).rejects.toThrow('stop')
    await expect(calls.waitFor(AbortSignal.abort(new Error('late')))).rejects.toThrow('late')
  })

  it('fail a call that takes too long, or that is cancelled', async () => {
    const { calls } = pair()
    const never = new AbortController().signal
    const slow = withCallOptions(calls, { timeout: 5 }).waitFor(never)
    await expect(slow).rejects.toMatchObject({ kind: 'timeout' })
    const controller = new AbortController()
    const cancelled = withCallOptions(calls, { signal: controller.signal }).waitFor(never)
    controller.abort(new Error('changed my mind'))
    await expect(cancelled).rejects.toThrow('changed my mind')
  })

  it('end what a peer has asked for when it goes', async () => {
    const { calls, backend, page } = pair()
    await turn()
    let reason: unknown
    const signal = new AbortController().signal
    void calls.waitFor(signal).catch((error: unknown) => (reason = error))
    const iterator = (await calls.rows(1e9))[Symbol.asyncIterator]()
    await iterator.next()
    backend.endpoint.receive(JSON.stringify({ t: 'bye', id: page.endpoint.id }))
    await turn()
    expect(reason).toMatchObject({ message: 'the other side of the connection has gone' })
  })

  it('release the stream of an answer that comes too late', async () => {
    let isOver = false
    const [up, down] = [new Pipe(), new Pipe()]
    let answer: () => void = () => {}
    endpointOn(up, down, {
      api: {
        later: () =>
          new Promise((resolve) => {
            answer = () =>
              resolve({
                [Symbol.asyncIterator]: () => ({
                  next: () => new Promise(() => {}),
                  return: () => (isOver = true),
                }),
              })
          }),
      },
    })
    const page = endpointOn(down, up, {})
    page.endpoint.greet()
    await turn()
    const call = page.endpoint.call({ op: 'call', path: ['later'], args: [] }, { timeout: 5 })
    await expect(call).rejects.toMatchObject({ kind: 'timeout' })
    answer()
    await turn()
    await turn()
    expect(down.lines.at(-1)).toContain('stream')
    expect(up.lines.at(-1)).toContain('return')
    expect(isOver).toBe(false)
  })

  it('keep what a peer has asked for when it greets again', async () => {
    const { calls, page, backend } = pair({ title: () => 'one' })
    await turn()
    let reason: unknown
    void calls.waitFor(new AbortController().signal).catch((error: unknown) => (reason = error))
    page.endpoint.expose({ other: () => 'two' })
    await turn()
    expect(await backend.endpoint.call({ op: 'call', path: ['other'], args: [] })).toBe('two')
    backend.endpoint.receive(JSON.stringify({ t: 'bye', id: page.endpoint.id }))
    await turn()
    expect(reason).toBeDefined()
  })

  it('fail pending and later calls when the connection ends', async () => {
    const { calls, page } = pair()
    const call = calls.waitFor(new AbortController().signal)
    const error = new Error('process "math" exited with code 1')
    page.endpoint.close(error)
    await expect(call).rejects.toBe(error)
    await expect(calls.add(1, 2)).rejects.toBe(error)
  })

  it('ignore lines that are not frames', () => {
    const { page } = pair()
    for (const line of [
      '',
      'text',
      '{',
      '{}',
      '{"t":1}',
      '[]',
      '{"json":null}',
      '{"type":5}',
      '{"t":"zz"}',
    ]) {
      page.endpoint.receive(line)
    }
  })

  it('greet again when the greeting was lost', async () => {
    vi.useFakeTimers()
    try {
      const [up, down] = [new Pipe(), new Pipe()]
      endpointOn(up, down, { api })
      let sent = 0
      const endpoint = new Endpoint({
        send: (line) => (++sent === 1 ? Promise.reject(new Error('lost')) : up.send(line)),
      })
      down.receive = (line) => endpoint.receive(line)
      endpoint.greet()
      const call = endpoint.call({ op: 'call', path: ['echo'], args: [new Date(5)] })
      await vi.advanceTimersByTimeAsync(1000)
      expect(await call).toEqual(new Date(5))
    } finally {
      vi.useRealTimers()
    }
  })
})
