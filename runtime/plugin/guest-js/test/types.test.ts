// The compiler checks these types.
import { expectTypeOf, test } from 'vitest'
import { get } from '../src/index.ts'
import { remote } from '../src/rpc/remote.ts'
import type { Remote } from '../src/rpc/types.ts'

interface Api {
  add(a: number, b: number): number
  later(text: string): Promise<string>
  echo<Value>(value: Value): Promise<Value>
  parse(text: string): number
  parse(text: string, radix: number): bigint
  rows(n: number): AsyncIterable<{ row: number }>
  generate(): AsyncGenerator<number, void>
  stop(signal: AbortSignal): Promise<void>
  watch(onChange: (path: string) => void): void
  upload(parts: AsyncIterable<Uint8Array>): Promise<number>
  math: { square(n: number): number; precision: number }
  readonly version: string
  fail(): never
  mixed(text: string): number
  mixed(n: number): Promise<bigint>
  optional?(n: number): string
  label?: string
  Point: new (x: number) => { x: number }
  makeCounter(): (step: number) => number
}

const api: Remote<Api> = remote<Api>(() => Promise.resolve())

test('functions of a remote API return promises', () => {
  expectTypeOf(api.add).parameters.toEqualTypeOf<[a: number, b: number]>()
  expectTypeOf(api.add).returns.toEqualTypeOf<Promise<number>>()
  expectTypeOf(api.later).returns.toEqualTypeOf<Promise<string>>()
  expectTypeOf(api.math.square).returns.toEqualTypeOf<Promise<number>>()
  expectTypeOf(api.watch).returns.toEqualTypeOf<Promise<void>>()
})

test('type parameters and overloads stay', () => {
  const echoed = () => api.echo({ a: 1 })
  expectTypeOf(echoed).returns.toEqualTypeOf<Promise<{ a: number }>>()
  const parsed = () => api.parse('1')
  const parsedWithRadix = () => api.parse('1', 2)
  expectTypeOf(parsed).returns.toEqualTypeOf<Promise<number>>()
  expectTypeOf(parsedWithRadix).returns.toEqualTypeOf<Promise<bigint>>()
})

test('async iterables and signals stay', () => {
  expectTypeOf(api.rows).returns.toEqualTypeOf<Promise<AsyncIterable<{ row: number }>>>()
  expectTypeOf(api.generate).returns.toEqualTypeOf<Promise<AsyncIterable<number>>>()
  expectTypeOf(api.stop).parameter(0).toEqualTypeOf<AbortSignal>()
  expectTypeOf(api.upload).parameter(0).toEqualTypeOf<AsyncIterable<Uint8Array>>()
})

test('properties are read with `get`', () => {
  const version = () => get(api.version)
  const precision = () => get(api.math.precision)
  const math = () => get(api.math)
  expectTypeOf(version).returns.toEqualTypeOf<Promise<string>>()
  expectTypeOf(precision).returns.toEqualTypeOf<Promise<number>>()
  expectTypeOf(math).returns.toEqualTypeOf<Promise<Api['math']>>()
})

test('functions that throw, optional members and constructors are asynchronous', () => {
  expectTypeOf(api.fail).returns.toEqualTypeOf<Promise<never>>()
  const number = () => api.mixed('1')
  const bigint = () => api.mixed(1)
  expectTypeOf(number).returns.toEqualTypeOf<Promise<number>>()
  expectTypeOf(bigint).returns.toEqualTypeOf<Promise<bigint>>()
  expectTypeOf(api.optional).returns.toEqualTypeOf<Promise<string>>()
  const label = () => get(api.label)
  expectTypeOf(label).returns.toEqualTypeOf<Promise<string | undefined>>()
  const point = () => new api.Point(1)
  expectTypeOf(point).returns.toEqualTypeOf<Promise<{ x: number }>>()
  expectTypeOf(api.makeCounter).returns.toEqualTypeOf<Promise<(step: number) => void>>()
})
