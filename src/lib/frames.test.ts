import { serializeMessage } from 'kkrpc/browser'
import { expect, test } from 'vitest'
import { frameOf } from './frames'

const frame = (version: 'json' | 'superjson') =>
  serializeMessage(
    { id: '1f-2e', method: '', args: { result: 'x'.repeat(500) }, type: 'response' },
    { version },
  ).trim()

test.each(['json', 'superjson'] as const)('a frame of kkrpc is recognised: %s', (version) => {
  expect(frameOf(frame(version))).toEqual({ id: '1f-2e', type: 'response' })
})

test.each(['hello', '', '{"id":7}', '{"id":"ab","level":"info"}', '{"json":true}'])(
  'other output is not a frame: %s',
  (line) => expect(frameOf(line)).toBeNull(),
)
