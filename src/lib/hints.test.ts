import { expect, test } from 'vitest'
import { explain, kindOf, messageOf } from './hints'

test('the hint for a refused spawn names the capabilities folder', () => {
  const problem = explain('Could not start x', { kind: 'notAllowed', message: 'not in scope' })
  expect(problem).toMatchObject({ title: 'Could not start x', message: 'not in scope' })
  expect(problem.hint).toMatch(/capabilities/)
})

test('the hint for a denied permission names the grant', () => {
  const message = 'Requires env access to "HOME", run again with the --allow-env flag'
  expect(explain('env', new Error(message)).hint).toContain('"env": ["HOME"]')
})

test('the hints for a missing engine and a missing runtime differ', () => {
  const of = (runtime: string) =>
    explain('t', {
      kind: 'runtimeUnavailable',
      message: `runtime not available: ${runtime} (…)`,
    }).hint
  expect(of('embedded')).toMatch(/cargo feature "embedded".*deno, bun or node/)
  expect(of('bun')).toMatch(/Install it/)
})

test('errors of any type are explained', () => {
  expect(messageOf('text')).toBe('text')
  expect(messageOf(undefined)).toBe('undefined')
  expect(kindOf(null)).toBeNull()
  expect(explain('t', { kind: 'constructor', message: 'm' }).message).toBe('m')
})
