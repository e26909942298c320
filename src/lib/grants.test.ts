import { expect, test } from 'vitest'
import { grants } from './grants'

const row = (kind: string, permissions?: Parameters<typeof grants>[0]) =>
  grants(permissions).find((grant) => grant.kind === kind)

test('the default grants the script folder only', () => {
  expect(row('net')).toEqual({ kind: 'net', level: 'none', text: 'connecting to hosts' })
  expect(row('read', null)).toMatchObject({ level: 'some', text: 'the script’s own folder' })
})

test('lists are shown, and true grants everything', () => {
  expect(row('net', { net: ['a.b:443', 'c.d'] })?.text).toBe('a.b:443, c.d')
  expect(row('read', { read: ['/etc'] })?.text).toBe('the script’s own folder, /etc')
  expect(row('env', { env: [] })?.level).toBe('none')
  expect(row('run', { all: true })?.level).toBe('all')
  expect(row('read', { read: true })?.level).toBe('all')
})
