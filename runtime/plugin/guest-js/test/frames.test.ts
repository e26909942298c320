import { serializeMessage, type Message } from 'kkrpc'
import { expect, test } from 'vitest'
import { headOf, headOfLine } from '../src/frames.ts'

const message: Message = { id: 'a-1', method: 'math.add', args: [1], type: 'request' }

test('a head is the same by its beginning as by parsing, as kkrpc 0.2.2 writes it', () => {
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
      const head = headOfLine(line)
      expect(head).toEqual(headOf(JSON.parse(line)))
      expect(head).toEqual({
        kind: frame.type,
        id: frame.type === 'callback' ? frame.method : frame.id,
        form: version,
        callbackIds: frame.callbackIds ?? [],
      })
    }
  }
})

test('calls of later versions are requests too', () => {
  for (const type of ['get', 'set', 'construct']) {
    expect(headOfLine(JSON.stringify({ ...message, method: '', type }))?.kind).toBe('request')
  }
  expect(headOfLine('{"t":"q","id":"1","op":"call","p":[]}')).toEqual({
    kind: 'request',
    id: '1',
    form: 'compact',
    callbackIds: [],
  })
  expect(headOfLine('{"t":"cbr","ids":["1"]}')?.kind).toBe('other')
})

test('what is no frame has no head', () => {
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
    expect(headOfLine(line)).toBeNull()
  }
})
