import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { ProcessEvent } from '../src/index.ts'
import { FakeHost } from './support/host.ts'
import { load, rejection, settled, until, type Page } from './support/page.ts'

let host: FakeHost
let page: Page

beforeEach(async () => {
  sessionStorage.clear()
  host = new FakeHost()
  page = await load(host)
})

afterEach(() => vi.restoreAllMocks())

test('listeners registered one after the other hear everything from the start', async () => {
  const process = host.start('p')
  process.print('1')
  process.log('a')
  const heard: unknown[] = []
  await page.onStdout('p', (line) => heard.push(line))
  process.print('2')
  await settled()
  process.exit(3)
  await settled()
  await page.onStderr('p', (line) => heard.push(line))
  await page.onExit('p', (code) => heard.push(code))
  await settled()
  expect(heard).toEqual(['1', '2', 'a', 3])
})

test('all listeners of a page share one attachment, and the last one ends it', async () => {
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
  await settled()
  expect(host.countOf('detach')).toBe(1)
  expect(host.bridges.size).toBe(0)
})

test('a listener that throws is reported and breaks no other', async () => {
  const reported = vi.fn()
  vi.stubGlobal('reportError', reported)
  const process = host.start('p')
  const heard: string[] = []
  await page.onStdout('p', () => {
    throw new Error('mine')
  })
  await page.onStdout('p', (line) => heard.push(line))
  process.print('1', '2')
  await until(() => heard.length === 2)
  expect(reported.mock.calls.map(([error]) => (error as Error).message)).toEqual(['mine', 'mine'])
  vi.unstubAllGlobals()
})

test('a listener that has ended hears nothing more, others do', async () => {
  const process = host.start('p')
  const ended: string[] = []
  const heard: string[] = []
  const unlisten = await page.onStdout('p', (line) => ended.push(line))
  await page.onStdout('p', (line) => heard.push(line))
  process.print('1')
  await until(() => heard.length === 1)
  unlisten()
  process.print('2')
  await until(() => heard.length === 2)
  expect(ended).toEqual(['1'])
})

test('what is retained for late listeners is bounded in number and in size', async () => {
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

test('an exit of a former generation is history', async () => {
  const process = host.start('p')
  process.exit(1)
  host.start('p')
  const codes: unknown[] = []
  const kinds: string[] = []
  await page.onExit('p', (code) => codes.push(code))
  await page.onEvent('p', (event) => kinds.push(`${event.kind} ${event.generation}`))
  await settled()
  expect(kinds).toContain('exit 1')
  expect(codes).toEqual([])
  process.exit(2)
  await settled()
  await page.onExit('p', (code) => codes.push(code))
  expect(codes).toEqual([2, 2])
})

test('every event comes with its number and generation', async () => {
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

test('a listener for states is told the present one first, and none twice', async () => {
  const process = host.start('p')
  const early: string[] = []
  await page.onState('p', ({ state }) => early.push(state))
  await settled()
  expect(early).toEqual(['running'])
  process.enter({ state: 'stopping' })
  process.exit(0)
  await settled()
  const late: string[] = []
  await page.onState('p', ({ state }) => late.push(state))
  host.start('p')
  await settled()
  expect(early).toEqual(['running', 'stopping', 'exited', 'starting', 'running'])
  expect(late).toEqual(['exited', 'starting', 'running'])
})

test('a state that the answer to attach knows already is not told again by its event', async () => {
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
  await settled()
  process.exit(0)
  await settled()
  expect(states).toEqual(['stopping', 'exited'])
})

test('lost output is told and no error', async () => {
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

test('a hole that nobody explains is reported', async () => {
  const reported = vi.fn()
  vi.stubGlobal('reportError', reported)
  const process = host.start('p')
  const heard: string[] = []
  await page.onStdout('p', (line) => heard.push(line))
  await settled()
  process.nextSeq += 5
  process.print('after')
  await until(() => heard.length === 1)
  expect(String(reported.mock.calls[0]?.[0])).toContain('events 2 to 6 of process "p"')
  vi.unstubAllGlobals()
})

test('batches that come before the answer to attach wait for it', async () => {
  const process = host.start('p')
  process.print('1')
  const attach = host.invoke.bind(host)
  vi.spyOn(host, 'invoke').mockImplementation(async (label, cmd, args, options) => {
    const answer = await attach(label, cmd, args, options)
    if (cmd.endsWith('|attach')) await settled()
    return answer
  })
  const heard: string[] = []
  await page.onStdout('p', (line) => heard.push(line))
  expect(heard).toEqual(['1'])
})

test('a failure to attach reaches the caller, and the next attempt is a new one', async () => {
  const error = await rejection(page.onStdout('p', () => {}))
  expect(error).toBeInstanceOf(page.JsRuntimeError)
  expect(error).toMatchObject({
    kind: 'notFound',
    processName: 'p',
    message: 'process not found: p',
  })
  host.start('p').print('1')
  const heard: string[] = []
  await page.onStdout('p', (line) => heard.push(line))
  await until(() => heard.length === 1)
})

test('the stream ends when the process is removed, and a new one of that name is another', async () => {
  host.start('p').print('old')
  const old: string[] = []
  const unlisten = await page.onStdout('p', (line) => old.push(line))
  await until(() => old.length === 1)
  host.remove('p')
  await settled()
  host.start('p').print('new')
  const heard: string[] = []
  await page.onStdout('p', (line) => heard.push(line))
  await until(() => heard.length === 1)
  unlisten()
  host.processes.get('p')!.print('more')
  await until(() => heard.length === 2)
  expect(old).toEqual(['old'])
})

test('bytes are decoded over the borders of chunks', async () => {
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
