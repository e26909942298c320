// Endpoints against both eras of kkrpc.
import { describe, expect, it } from 'vitest'
import { Endpoint } from '../src/rpc/endpoint.ts'
import { remote } from '../src/rpc/remote.ts'
import type { Remote } from '../src/rpc/types.ts'
import {
  Pipe,
  api,
  compactOn,
  endpointOn,
  kkrpcOn,
  rich,
  turn,
  type Api,
} from './support/endpoints.ts'

describe.each(['superjson', 'json'] as const)('kkrpc 0.2.2 with %s', (version) => {
  it('calls an endpoint', async () => {
    const [up, down] = [new Pipe(), new Pipe()]
    endpointOn(up, down, { api })
    const calls = kkrpcOn(down, up, {}, version).getAPI() as unknown as Remote<Api>
    expect(await calls.add(2, 3)).toBe(5)
    expect(await calls.nested.deep.double(4)).toBe(8)
    expect(await calls.echo({ text: 'ü\n' })).toEqual({ text: 'ü\n' })
    expect(await calls.echo(new Uint8Array([1, 255]))).toEqual(new Uint8Array([1, 255]))
    if (version === 'superjson') expect(await calls.echo(rich)).toEqual(rich)
    await expect(calls.fail()).rejects.toThrow('no')
    await expect((calls as unknown as { none(): Promise<void> }).none()).rejects.toThrow(
      'none is not a function',
    )
    const ticks: number[] = []
    await calls.count(3, (tick) => ticks.push(tick))
    expect(ticks).toEqual([1, 2, 3])
    await expect(calls.rows(3)).rejects.toThrow('cannot be sent to this peer')
  })

  it('is called by an endpoint', async () => {
    const [up, down] = [new Pipe(), new Pipe()]
    kkrpcOn(up, down, api, version)
    const page = endpointOn(down, up, {})
    page.endpoint.greet()
    const calls = remote<Api>((request, options) => page.endpoint.call(request, options))
    // The first call goes out before the peer is known.
    expect(await calls.add(2, 3)).toBe(5)
    expect(await calls.nested.deep.double(4)).toBe(8)
    expect(await calls.echo(new Uint8Array([1, 255]))).toEqual(new Uint8Array([1, 255]))
    if (version === 'superjson') expect(await calls.echo(rich)).toEqual(rich)
    await expect(calls.fail()).rejects.toThrow('no')
    const ticks: number[] = []
    await calls.count(3, (tick) => ticks.push(tick))
    await turn()
    expect(ticks).toEqual([1, 2, 3])
    await expect(calls.sum(api.rows(3))).rejects.toThrow('cannot be sent to this peer')
  })
})

describe('kkrpc from 1.0 on', () => {
  it('calls an endpoint', async () => {
    const [up, down] = [new Pipe(), new Pipe()]
    endpointOn(up, down, { api })
    const calls = compactOn(down, up, {}).getAPI() as Remote<Api>
    expect(await calls.add(2, 3)).toBe(5)
    expect(await calls.echo({ text: 'ü\n' })).toEqual({ text: 'ü\n' })
    await expect(calls.fail()).rejects.toMatchObject({
      name: 'TypeError',
      message: 'no',
      code: 'E_NO',
    })
    const ticks: number[] = []
    await calls.count(3, (tick) => ticks.push(tick))
    expect(ticks).toEqual([1, 2, 3])
  })

  it('is called by an endpoint', async () => {
    const [up, down] = [new Pipe(), new Pipe()]
    compactOn(up, down, api)
    const page = endpointOn(down, up, {})
    page.endpoint.greet()
    const calls = remote<Api>((request, options) => page.endpoint.call(request, options))
    expect(await calls.add(2, 3)).toBe(5)
    expect(await calls.echo({ text: 'ü' })).toEqual({ text: 'ü' })
    await expect(calls.fail()).rejects.toMatchObject({ name: 'TypeError', message: 'no' })
    const ticks: number[] = []
    await calls.count(3, (tick) => ticks.push(tick))
    await turn()
    expect(ticks).toEqual([1, 2, 3])
  })

  it('reads and sets properties of an endpoint, and constructs', () => {
    const answers: unknown[] = []
    const endpoint = new Endpoint({ api, send: (line) => void answers.push(JSON.parse(line)) })
    const requests = [
      { t: 'q', id: '1', op: 'get', p: ['version'] },
      {
        t: 'q',
        id: '2',
        op: 'set',
        p: ['settings', 'theme'],
        v: { __kkrpc_next_arg__: 'value', v: 'blue' },
      },
      { t: 'q', id: '3', op: 'new', p: ['Point'], a: [{ __kkrpc_next_arg__: 'value', v: 4 }] },
      { t: 'q', id: '4', op: 'call', p: ['add'], a: [1, 2] },
    ]
    for (const request of requests) endpoint.receive(JSON.stringify(request))
    expect(answers).toEqual([
      { t: 'r', id: '1', v: 3 },
      { t: 'r', id: '2', v: true },
      { t: 'r', id: '3', v: { x: 4 } },
      { t: 'r', id: '4', v: 3 },
    ])
    expect(api.settings.theme).toBe('blue')
  })
})
