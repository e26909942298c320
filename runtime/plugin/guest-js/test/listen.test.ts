import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { ProcessEvent } from '../src/index.ts'
import { FakeHost } from './support/host.ts'
import { load, rejection, idle, until, type Page } from './support/page.ts'

let host: FakeHost
let page: Page

beforeEach(async () => {
  sessionStorage.clear()
  host = new FakeHost()
  page = await load(host)
})

afterEach(() => vi.restoreAllMocks())

test('listeners registered later receive the history', async () => {
  const process = host.start('p')
  process.print('1')
  process.log('a')
  const received: unknown[] = []
  await page.onStdout('p', (line) => received.push(line))
  process.print('2')
  await idle()
  process.exit(3)
  await idle()
  await page.onStderr('p', (line) => received.push(line))
  await page.onExit('p', (code) => received.push(code))
  await idle()
  expect(received).toEqual(['1', '2', 'a', 3])
})

test('listeners share one attachment, which the last one ends', async () => {
  host.start('p')
  const [first, second] = await Promise.all([
    page.onStdout('p', () => {}),
    page.onExit('p', () => {}),
  ])
  expect(host.countOf('attach')).toBe(1)
  first()
  first()
  expect(host.countOf('detach')).toBe(0)
  second()
  await idle()
  expect(host.countOf('detach')).toBe(1)
  expect(host.bridges.size).toBe(0)
})

test('an error of one listener is reported and does not affect others', async () => {
  const reported = vi.fn()
  vi.stubGlobal('reportError', reported)
  const process = host.start('p')
  const received: string[] = []
  await page.onStdout('p', () => {
    throw new Error('mine')
  })
  await page.onStdout('p', (line) => received.push(line))
  process.print('1', '2')
  await until(() => received.length === 2)
  expect(reported.mock.calls.map(([error]) => (error as Error).message)).toEqual(['mine', 'mine'])
  vi.unstubAllGlobals()
})

test('a removed listener receives nothing more', async () => {
  const process = host.start('p')
  const ended: string[] = []
  const received: string[] = []
  const unlisten = await page.onStdout('p', (line) => ended.push(line))
  await page.onStdout('p', (line) => received.push(line))
  process.print('1')
  await until(() => received.length === 1)
  unlisten()
  process.print('2')
  await until(() => received.length === 2)
  expect(ended).toEqual(['1'])
})

test('the history for late listeners is bounded in events and size', async () => {
  const process = host.start('p')
  let count = 0
  await page.onStdout('p', () => count++)
  process.print(...Array.from({ length: 3000 }, (_, index) => String(index)))
  await until(() => count === 3000)
  const late: string[] = []
  await page.onStdout('p', (line) => late.push(line))
  expect(late).toHaveLength(2000)
  expect(late.at(0)).toBe('1000')
  process.print(...Array.from({ length: 20 }, () => 'x'.repeat(100_000)))
  await until(() => count === 3020)
  const later: string[] = []
  await page.onStdout('p', (line) => later.push(line))
  expect(later).toHaveLength(10)
})

test('onExit ignores exits of earlier generations', async () => {
  const process = host.start('p')
  process.exit(1)
  host.start('p')
  const codes: unknown[] = []
  const kinds: string[] = []
  await page.onExit('p', (code) => codes.push(code))
  await page.onEvent('p', (event) => kinds.push(`${event.kind} ${event.generation}`))
  await idle()
  expect(kinds).toContain('exit 1')
  expect(codes).toEqual([])
  process.exit(2)
  await idle()
  await page.onExit('p', (code) => codes.push(code))
  expect(codes).toEqual([2, 2])
})

test('every event has a sequence number and a generation', async () => {
  const process = host.start('p')
  process.record('t{"stream":"stdout","limit":5}')
  process.exit(null, { kind: 'killed' })
  host.start('p')
  const events: ProcessEvent[] = []
  await page.onEvent('p', (event) => events.push(event))
  await until(() => events.length === 6)
  expect(events.map(({ seq, generation, kind }) => [seq, generation, kind])).toEqual([
    [0, 1, 'state'],
    [1, 1, 'state'],
    [2, 1, 'lineTooLong'],
    [3, 1, 'exit'],
    [4, 2, 'state'],
    [5, 2, 'state'],
  ])
})

test('a state listener receives the current state first and none twice', async () => {
  const process = host.start('p')
  const early: string[] = []
  await page.onState('p', ({ state }) => early.push(state))
  await idle()
  expect(early).toEqual(['running'])
  process.enter({ state: 'stopping' })
  process.exit(0)
  await idle()
  const late: string[] = []
  await page.onState('p', ({ state }) => late.push(state))
  host.start('p')
  await idle()
  expect(early).toEqual(['running', 'stopping', 'exited', 'starting', 'running'])
  expect(late).toEqual(['exited', 'starting', 'running'])
})

test('a state in the answer to attach is not repeated by its event', async () => {
  const process = host.start('p')
  const invoke = host.invoke.bind(host)
  vi.spyOn(host, 'invoke').mockImplementation(async (...args) => {
    const answer = (await invoke(...args)) as { process: { state: object } }
    if (args[1].endsWith('|attach')) {
      process.enter({ state: 'stopping' })
      answer.process.state = process.state
    }
    return answer
  })
  const states: string[] = []
  await page.onState('p', ({ state }) => states.push(state))
  await idle()
  process.exit(0)
  await idle()
  expect(states).toEqual(['stopping', 'exited'])
})

test('dropped output is an event and not an error', async () => {
  const reported = vi.fn()
  vi.stubGlobal('reportError', reported)
  const process = host.start('p')
  process.print('1', '2', '3')
  process.dropOldest(4)
  const events: ProcessEvent[] = []
  await page.onEvent('p', (event) => events.push(event))
  await until(() => events.length === 2)
  expect(events[0]).toEqual({ kind: 'dropped', seq: null, generation: 1, events: 4, bytes: 2 })
  expect(events[1]).toMatchObject({ seq: 4, data: '3' })
  expect(reported).not.toHaveBeenCalled()
  vi.unstubAllGlobals()
})

test('an unexplained gap in sequence numbers is reported', async () => {
  const reported = vi.fn()
  vi.stubGlobal('reportError', reported)
  const process = host.start('p')
  const received: string[] = []
  await page.onStdout('p', (line) => received.push(line))
  await idle()
  process.nextSeq += 5
  process.print('after')
  await until(() => received.length === 1)
  expect(String(reported.mock.calls[0]?.[0])).toContain('events 2 to 6 of process "p"')
  vi.unstubAllGlobals()
})

test('batches that arrive before the answer to attach are delivered after it', async () => {
  const process = host.start('p')
  process.print('1')
  const attach = host.invoke.bind(host)
  vi.spyOn(host, 'invoke').mockImplementation(async (label, cmd, args, options) => {
    const answer = await attach(label, cmd, args, options)
    if (cmd.endsWith('|attach')) await idle()
    return answer
  })
  const received: string[] = []
  await page.onStdout('p', (line) => received.push(line))
  expect(received).toEqual(['1'])
})

test('a failure to attach rejects, and the next call attaches again', async () => {
  const error = await rejection(page.onStdout('p', () => {}))
  expect(error).toBeInstanceOf(page.JsRuntimeError)
  expect(error).toMatchObject({
    kind: 'notFound',
    processName: 'p',
    message: 'process not found: p',
  })
  host.start('p').print('1')
  const received: string[] = []
  await page.onStdout('p', (line) => received.push(line))
  await until(() => received.length === 1)
})

test('listeners end when the process is removed and do not follow its successor', async () => {
  host.start('p').print('old')
  const old: string[] = []
  const unlisten = await page.onStdout('p', (line) => old.push(line))
  await until(() => old.length === 1)
  host.remove('p')
  await idle()
  host.start('p').print('new')
  const received: string[] = []
  await page.onStdout('p', (line) => received.push(line))
  await until(() => received.length === 1)
  unlisten()
  host.processes.get('p')!.print('more')
  await until(() => received.length === 2)
  expect(old).toEqual(['old'])
})

test('UTF-8 is decoded across chunks', async () => {
  const process = host.start('p')
  const chunks = [
    [0xf0, 0x9f],
    [0xa6, 0x95, 0x0a],
  ]
  for (const chunk of chunks) process.record(`O${btoa(String.fromCharCode(...chunk))}`)
  let text = ''
  await page.onStdout('p', (chunk) => (text += chunk))
  await until(() => text.endsWith('\n'))
  expect(text).toBe('🦕\n')
})
