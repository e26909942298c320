import { serializeMessage, type Message } from 'kkrpc'
import { expect, test } from 'vitest'
import { headerOf, headerOfLine } from '../src/frames.ts'

const message: Message = { id: 'a-1', method: 'math.add', args: [1], type: 'request' }

test('matching and parsing give the same header for frames of kkrpc 0.2.2', () => {
  const frames: Message[] = [
    message,
    { ...message, args: ['"type":"callback"', { type: 'callback' }] },
    { ...message, args: [{ type: 'response', json: { id: 'x' } }] },
    { ...message, args: ['__callback__f-1'], callbackIds: ['f-1'] },
    { ...message, args: [{ callbackIds: ['not'] }, '__callback__f-1'], callbackIds: ['f-1'] },
    { ...message, type: 'callback', method: 'f-1' },
    { ...message, type: 'callback', method: 'f-1', args: [{ type: 'request' }] },
    { ...message, type: 'response', method: '', args: { result: { type: 'request' } } },
    { ...message, type: 'response', method: '', args: { error: 'no' } },
    { ...message, type: 'response', method: '', args: {} },
  ]
  for (const frame of frames) {
    for (const version of ['superjson', 'json'] as const) {
      const line = serializeMessage(frame, { version })
      const header = headerOfLine(line)
      expect(header).toEqual(headerOf(JSON.parse(line)))
      expect(header).toEqual({
        kind: frame.type,
        id: frame.type === 'callback' ? frame.method : frame.id,
        format: version,
        callbackIds: frame.callbackIds ?? [],
      })
    }
  }
})

test('request types of later versions are recognized', () => {
  for (const type of ['get', 'set', 'construct']) {
    expect(headerOfLine(JSON.stringify({ ...message, method: '', type }))?.kind).toBe('request')
  }
  expect(headerOfLine('{"t":"q","id":"1","op":"call","p":[]}')).toEqual({
    kind: 'request',
    id: '1',
    format: 'compact',
    callbackIds: [],
  })
  expect(headerOfLine('{"t":"cbr","ids":["1"]}')?.kind).toBe('other')
})

test('a line that is not a frame has no header', () => {
  for (const line of [
    '{}',
    '{',
    '[]',
    'null',
    '1',
    '{"id":1,"type":"request"}',
    '{"json":1}',
    '',
  ]) {
    expect(headerOfLine(line)).toBeNull()
  }
})
