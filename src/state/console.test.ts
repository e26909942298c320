import type { ProcessEvent } from 'tauri-plugin-js-api'
import { expect, test } from 'vitest'
import { ConsoleLog, linesOf } from './console'

const at = { seq: 1, generation: 1 }
const stdout = (data: string): ProcessEvent => ({ ...at, kind: 'stdout', data })

test('frames and other output are separate streams', () => {
  const frame = '{"json":{"id":"1-2","method":"","args":{"result":1},"type":"response"}}'
  expect(linesOf(stdout(frame))[0]!.stream).toBe('rpc')
  expect(linesOf(stdout('{"id":7}'))[0]!.stream).toBe('out')
})

test('frames do not evict other lines', () => {
  const log = new ConsoleLog()
  log.add(stdout('first'), 0)
  for (let i = 0; i < 6000; i++) log.add(stdout(`{"id":"${i}","args":{},"type":"response"}`), 0)
  expect(log.lines(false).map((line) => line.text)).toEqual(['first'])
  expect(log.lines(true)).toHaveLength(1001)
})

test('the empty line after a frame is dropped, and other empty lines are not', () => {
  const log = new ConsoleLog()
  const frame = '{"id":"1-2","args":{},"type":"response"}'
  for (const line of [frame, '', '', 'text', '']) log.add(stdout(line), 0)
  expect(log.lines(false).map(({ text }) => text)).toEqual(['', 'text', ''])
})

test('the log is bounded', () => {
  const log = new ConsoleLog()
  for (let i = 0; i < 5010; i++) log.add(stdout(String(i)), 0)
  expect(log.lines(false)).toHaveLength(5000)
  expect(log.lines(false)[0]!.text).toBe('10')
  expect(log.evicted).toBe(10)
})

test('an uncaught error shows its stack, then the exit', () => {
  const reason = {
    kind: 'error',
    message: 'TypeError: x',
    stack: 'TypeError: x\n    at a.ts:1',
  } as const
  const lines = linesOf({ ...at, generation: 2, kind: 'exit', reason, code: 1 })
  expect(lines.map((line) => line.text)).toEqual([
    'TypeError: x',
    '    at a.ts:1',
    'error: TypeError: x · start 2',
  ])
  expect(lines.at(-1)).toMatchObject({ stream: 'lifecycle', failed: true })
})

test('an unresponsive process and its recovery are shown', () => {
  const states = ['unresponsive', 'running'] as const
  const lines = states.flatMap((state) => linesOf({ ...at, kind: 'state', state: { state } }))
  expect(lines.map((line) => line.text)).toEqual(['not responding', 'running'])
})

test('a hint with the grant follows a denied call', () => {
  const data = 'NotCapable: Requires net access to "a.b:443", run again with the --allow-net flag'
  expect(linesOf({ ...at, kind: 'stderr', data })[1]).toEqual({
    stream: 'hint',
    text: 'To allow it: "permissions": { "net": ["a.b:443"] }',
  })
})

test('dropped output is shown as a gap', () => {
  const event: ProcessEvent = { ...at, seq: null, kind: 'dropped', events: 412, bytes: 2048 }
  expect(linesOf(event)[0]).toEqual({ stream: 'gap', text: '412 lines dropped (2.0 KB)' })
})
