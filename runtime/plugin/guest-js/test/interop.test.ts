// @vitest-environment node
// `serve` on each runtime with both clients, and workers of kkrpc 0.2.2 with our client.
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { NodeIo, RPCChannel } from 'kkrpc'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { bundle } from '../../../../scripts/bundle-backends.mjs'
import { Endpoint } from '../src/rpc/endpoint.ts'
import { remote } from '../src/rpc/remote.ts'
import type { Remote } from '../src/rpc/types.ts'

interface Api {
  add(a: number, b: number): number
  echo<Value>(value: Value): Promise<Value>
  log(text: string): void
  fail(): void
  count(n: number, onTick: (tick: number) => void): Promise<number>
  rows(n: number): AsyncIterable<number>
  ask(question: string): Promise<string>
}

/** `JSPROC` names the command line of the embedded engine, where it has been built. */
const jsproc = process.env['JSPROC']
const runtimes: [name: string, program: string, args: string[]][] = [
  ['node', 'node', []],
  ['deno', 'deno', ['run', '-A']],
  ['bun', 'bun', []],
  ...(jsproc ? [['embedded', jsproc, ['run', '-A']] as [string, string, string[]]] : []),
]

const root = join(import.meta.dirname, '../../../..')
let folder: string
const children: ChildProcess[] = []

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'js-runtime-interop-'))
  const backends = join(root, 'backends')
  await bundle(
    { name: 'own', file: join(import.meta.dirname, 'fixtures/interop-worker.ts') },
    folder,
  )
  await bundle(
    { name: 'closing', file: join(import.meta.dirname, 'fixtures/closing-worker.ts') },
    folder,
  )
  await bundle({ name: 'node', file: join(backends, 'node-worker.mjs') }, folder)
  await bundle({ name: 'deno', file: join(backends, 'deno-worker.ts') }, folder)
  await bundle({ name: 'bun', file: join(backends, 'bun-worker.ts') }, folder)
})

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
})

afterAll(() => rmSync(folder, { recursive: true }))

function start(program: string, args: string[], script: string) {
  const child = spawn(program, [...args, join(folder, `${script}.mjs`)], {
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  children.push(child)
  let log = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (log += text))
  const exited = new Promise<{ code: number | null; log: string }>((resolve) =>
    child.on('close', (code) => resolve({ code, log })),
  )
  return { child, exited }
}

/** Our client on the pipes of a child. */
function connect({ stdin, stdout }: ReturnType<typeof start>['child'], api: object = {}) {
  const noise: string[] = []
  const endpoint = new Endpoint({ api, send: (line) => void stdin.write(`${line}\n`) })
  let rest = ''
  stdout.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop()!
    for (const line of lines) if (!endpoint.receive(line)) noise.push(line)
  })
  endpoint.greet()
  const calls = remote<Api>((request, options) => endpoint.call(request, options))
  return { calls, noise }
}

const rich = { date: new Date(5), map: new Map([[1, { a: new Set([2]) }]]), big: 10n, nan: NaN }

describe.each(runtimes)('serve on %s', (_name, program, args) => {
  it('answers our client', async () => {
    const { child, exited } = start(program, args, 'own')
    const { calls, noise } = connect(child, { answer: (question: string) => `${question}!` })
    expect(await calls.add(2, 3)).toBe(5)
    expect(await calls.echo(rich)).toEqual(rich)
    expect(await calls.echo(new Uint8Array([1, 255]))).toEqual(new Uint8Array([1, 255]))
    const long = 'ü\n'.repeat(300_000)
    expect(await calls.echo(long)).toBe(long)
    await expect(calls.fail()).rejects.toMatchObject({ name: 'TypeError', code: 'E_NO' })
    const ticks: number[] = []
    await calls.count(3, (tick) => ticks.push(tick))
    expect(ticks).toEqual([1, 2, 3])
    let sum = 0
    for await (const row of await calls.rows(1000)) sum += row
    expect(sum).toBe(499_500)
    expect(await calls.ask('why')).toBe('why!')
    await calls.log('a line for the log')
    const sums = await Promise.all(Array.from({ length: 2000 }, (_, index) => calls.add(index, 1)))
    expect(sums).toEqual(Array.from({ length: 2000 }, (_, index) => index + 1))
    child.stdin.end()
    const { code, log } = await exited
    expect(code).toBe(0)
    expect(log).toContain('a line for the log')
    expect(log).toContain('closing')
    expect(noise).toEqual([])
  })

  it.each(['superjson', 'json'] as const)('answers kkrpc 0.2.2 with %s', async (version) => {
    const { child, exited } = start(program, args, 'own')
    const channel = new RPCChannel(new NodeIo(child.stdout, child.stdin), {
      serialization: { version },
    })
    const calls = channel.getAPI() as unknown as Remote<Api>
    expect(await calls.add(2, 3)).toBe(5)
    expect(await calls.echo(new Uint8Array([1, 255]))).toEqual(new Uint8Array([1, 255]))
    if (version === 'superjson') expect(await calls.echo(rich)).toEqual(rich)
    await expect(calls.fail()).rejects.toThrow('no')
    const ticks: number[] = []
    await calls.count(3, (tick) => ticks.push(tick))
    expect(ticks).toEqual([1, 2, 3])
    child.stdin.end()
    expect((await exited).code).toBe(0)
  })
})

it.each(runtimes.filter(([name]) => name !== 'embedded'))(
  'our client calls a worker of kkrpc 0.2.2 on %s',
  async (name, program, args) => {
    const { child } = start(program, args, name)
    const { calls } = connect(child)
    expect(await calls.add(2, 3)).toBe(5)
    expect(await calls.echo('ü')).toBe('ü')
  },
)

it.each(runtimes)(
  'serve on %s answers running calls after the end of stdin',
  async (_name, program, args) => {
    const { child, exited } = start(program, args, 'own')
    let output = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text))
    const call = { id: '1', method: 'sleep', args: [200], type: 'request', version: 'json' }
    child.stdin.end(`${JSON.stringify(call)}\n`)
    const { code, log } = await exited
    expect(code).toBe(0)
    expect(JSON.parse(output)).toMatchObject({ id: '1', args: { result: 'slept' } })
    expect(log).toContain('closing')
  },
)

it.each(runtimes)(
  'serve on %s ends though a call and onClose never do',
  async (_name, program, args) => {
    const { child, exited } = start(program, args, 'closing')
    child.stdin.end('{"t":"q","js":1,"id":"x.1","op":"call","p":["never"]}\n')
    const { code, log } = await exited
    expect(code).toBe(0)
    expect(log).toContain('closing')
  },
)

it.each(runtimes)(
  'serve on %s runs onClose when its answers are not read',
  async (_name, program, args) => {
    const { child, exited } = start(program, args, 'closing')
    const call = '{"t":"q","js":1,"id":"x.1","op":"call","p":["add"],"a":[1,2]}\n'
    child.stdin.write(call)
    await new Promise((resolve) => child.stdout.once('data', resolve))
    child.stdout.destroy()
    child.stdin.write(call)
    child.stdin.end(call)
    const { code, log } = await exited
    expect(code).toBe(0)
    expect(log).toContain('closing')
  },
)
