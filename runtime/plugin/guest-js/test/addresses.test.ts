// Which window answers a request of a backend.
import { describe, expect, it, vi } from 'vitest'
import { Endpoint } from '../src/rpc/endpoint.ts'
import { Pipe, turn } from './support/endpoints.ts'
import { until } from './support/page.ts'

describe('a backend with several windows', () => {
  function connected(...windows: object[]) {
    const up = new Pipe()
    const answered: string[] = []
    const pages: Endpoint[] = []
    const backend = new Endpoint({
      api: {},
      send: (line) => queueMicrotask(() => pages.forEach((page) => page.receive(line))),
    })
    up.receive = (line) => backend.receive(line)
    const claims = new Map<string, 'claimed' | Set<number>>()
    const count = { claims: 0, declined: 0 }
    /** As the plugin does. */
    const claim = async (id: string, offers: boolean, index: number) => {
      count.claims++
      const declined = claims.get(id) ?? new Set()
      if (declined === 'claimed') return 'taken'
      claims.set(id, declined.add(index))
      if (!offers) count.declined++
      if (!offers && declined.size < windows.length) return 'wait'
      claims.set(id, 'claimed')
      return 'granted'
    }
    windows.forEach((offered, index) => {
      const page = new Endpoint({
        api: offered,
        send: (line) => {
          if (line.includes('"t":"r"')) answered.push(`window ${index}`)
          up.send(line)
        },
        claim: (id, offers) => claim(id, offers, index),
      })
      pages.push(page)
    })
    return { backend, pages, answered, count }
  }

  const ask = (backend: Endpoint, name: string) =>
    backend.call({ op: 'call', path: [name], args: [] })

  it('is answered once, by the window that connected last among those that offer the function', async () => {
    const { backend, pages, answered } = connected(
      { title: () => 'first', only: () => 'here' },
      { title: () => 'second' },
    )
    for (const page of pages) page.greet()
    await turn()
    expect(await ask(backend, 'title')).toBe('second')
    expect(await ask(backend, 'only')).toBe('here')
    expect(answered).toEqual(['window 1', 'window 0'])
    backend.forget(pages[1]!.id)
    expect(await ask(backend, 'title')).toBe('first')
  })

  it('is answered once before any window has greeted', async () => {
    const { backend, answered } = connected({ title: () => 'first' }, { title: () => 'second' })
    expect(await ask(backend, 'title')).toBe('first')
    await turn()
    expect(answered).toEqual(['window 0'])
  })

  it('rejects once if no window offers a function', async () => {
    const { backend, answered } = connected({ title: () => 1 }, { title: () => 2 })
    await expect(ask(backend, 'none')).rejects.toThrow('none is not a function')
    await turn()
    expect(answered).toHaveLength(1)
  })

  it('reads and sets properties of the window that offers them', async () => {
    const state = { theme: 'dark', later: {} as Record<string, unknown> }
    const { backend, pages, answered } = connected({ state }, { title: () => 'second' })
    for (const page of pages) page.greet()
    await turn()
    expect(await backend.call({ op: 'get', path: ['state', 'theme'], args: [] })).toBe('dark')
    await backend.call({ op: 'set', path: ['state', 'theme'], args: [], value: 'light' })
    expect(state.theme).toBe('light')
    // Members that come later are not listed; the window that has them claims the request.
    state.later['n'] = new Map([[1, 2]])
    const later = await backend.call({ op: 'get', path: ['state', 'later', 'n'], args: [] })
    expect(later).toEqual(new Map([[1, 2]]))
    expect(answered).toEqual(['window 0', 'window 0', 'window 0'])
  })

  it('waits for a busy window that may offer the function', async () => {
    const { backend, pages, answered, count } = connected(
      { title: () => 1 },
      { slow: () => 'here' },
    )
    // The second window takes frames later than the time after which the first one declines.
    const frames: string[] = []
    const receive = pages[1]!.receive.bind(pages[1])
    pages[1]!.receive = (line) => frames.push(line) > 0
    const asked = ask(backend, 'slow')
    await until(() => count.declined > 0, 'the first window to decline')
    expect(answered).toEqual([])
    for (const line of frames) receive(line)
    expect(await asked).toBe('here')
    expect(answered).toEqual(['window 1'])
  })

  it('asks the plugin no more when a connection has ended', async () => {
    vi.useFakeTimers()
    try {
      const { backend, pages, count } = connected({ title: () => 1 }, {})
      pages[1]!.receive = () => true
      void ask(backend, 'none').catch(() => {})
      await vi.advanceTimersByTimeAsync(60_000)
      const before = count.claims
      expect(before).toBeGreaterThan(5)
      pages[0]!.close(new Error('left'))
      await vi.advanceTimersByTimeAsync(60_000)
      expect(count.claims).toBe(before)
    } finally {
      vi.useRealTimers()
    }
  })

  it('answers requests for it though it offers nothing', async () => {
    const sent: string[] = []
    const endpoint = new Endpoint({
      send: (line) => void sent.push(line),
      claim: () => Promise.resolve('taken'),
    })
    endpoint.receive(
      JSON.stringify({ t: 'q', js: 1, id: 'b.1', op: 'call', p: ['f'], to: endpoint.id }),
    )
    expect(JSON.parse(sent[0]!)).toMatchObject({
      id: 'b.1',
      e: { m: 'Method f is not a function' },
    })
  })

  it.each(['before', 'after'])(
    'sends rich values to peers that greet %s the call and list nothing',
    async (when) => {
      const sent: string[] = []
      const backend = new Endpoint({ api: {}, send: (line) => void sent.push(line) })
      const greet = () => {
        const a = [{ from: 'rust', offers: [] }]
        backend.receive(
          JSON.stringify({ t: 'q', js: 1, id: 'rust.1', op: 'call', p: ['$hello'], a }),
        )
      }
      if (when === 'before') greet()
      const call = backend.call({ op: 'call', path: ['save'], args: [new Date(5)] })
      if (when === 'after') greet()
      const frame = JSON.parse(sent.find((line) => line.includes('save'))!) as { id: string }
      expect(frame).toMatchObject({ js: 1, a: [{ $: 'date' }], x: 1 })
      expect(frame).not.toHaveProperty('to')
      backend.receive(JSON.stringify({ t: 'r', js: 1, id: frame.id, v: 'saved' }))
      expect(await call).toBe('saved')
    },
  )
})
