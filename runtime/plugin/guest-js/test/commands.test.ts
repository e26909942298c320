import { beforeEach, expect, test } from 'vitest'
import { FakeHost, refusal } from './support/host.ts'
import { load, rejection, idle, type Page } from './support/page.ts'

let host: FakeHost
let page: Page

beforeEach(async () => {
  host = new FakeHost()
  page = await load(host)
})

test('each function invokes its command with the argument names of the plugin', async () => {
  host.start('p')
  const config = { runtime: 'bun', script: 'a.ts' } as const
  await page.spawn('p')
  await page.spawn('p', config)
  await page.ensure('p', config)
  await page.kill('p')
  await page.killAll()
  await page.restart('p')
  await page.restart('p', config)
  await page.remove('p')
  await page.listProcesses()
  await page.listBackends()
  await page.getConfig('p')
  await page.closeStdin('p')
  await page.detectRuntimes()
  await page.setRuntimePath('bun', '')
  await page.getRuntimePaths()
  const sent = host.calls.map(({ command, args }) => [command, JSON.parse(JSON.stringify(args))])
  expect(sent).toEqual([
    ['spawn', { name: 'p' }],
    ['spawn', { name: 'p', config }],
    ['ensure', { name: 'p', config }],
    ['kill', { name: 'p' }],
    ['kill_all', {}],
    ['restart', { name: 'p', config: null }],
    ['restart', { name: 'p', config }],
    ['remove', { name: 'p' }],
    ['list_processes', {}],
    ['list_backends', {}],
    ['get_config', { name: 'p' }],
    ['close_stdin', { name: 'p', generation: null }],
    ['detect_runtimes', {}],
    ['set_runtime_path', { runtime: 'bun', path: '' }],
    ['get_runtime_paths', {}],
  ])
})

test('an answer is returned unchanged', async () => {
  host.start('p')
  expect(await page.getStatus('p')).toMatchObject({ name: 'p', generation: 1, running: true })
})

test('an error has the kind, message and process name of the plugin', async () => {
  host.overrides.set('spawn', () => {
    throw refusal('alreadyExists', 'process already exists: p', 'p')
  })
  const error = await rejection(page.spawn('p'))
  expect(error).toBeInstanceOf(page.JsRuntimeError)
  expect(error).toBeInstanceOf(Error)
  expect(error).toMatchObject({
    name: 'JsRuntimeError',
    kind: 'alreadyExists',
    message: 'process already exists: p',
    processName: 'p',
  })
})

test('a refusal by Tauri has the kind notAllowed', async () => {
  const messages = [
    'js.kill not allowed. Permissions associated with this command: js:allow-kill, js:default',
    'Command plugin:js|kill not allowed by ACL',
  ]
  for (const message of messages) {
    host.overrides.set('kill', () => {
      throw message
    })
    expect(await rejection(page.kill('p'))).toMatchObject({
      kind: 'notAllowed',
      message,
      processName: 'p',
    })
  }
})

test('any other rejection becomes a JsRuntimeError', async () => {
  const thrown = [new TypeError('Load failed'), 'plugin js not found', null, undefined, 7, {}]
  for (const value of thrown) {
    host.overrides.set('kill', () => {
      throw value
    })
    const error = await rejection(page.kill('p'))
    expect(error).toBeInstanceOf(page.JsRuntimeError)
    expect(error.kind).toBe('unknown')
  }
})

test('a watch receives messages until it is ended', async () => {
  const received: unknown[] = []
  let channel: { id: number; onmessage: (message: unknown) => void } | undefined
  host.overrides.set('watch', (args) => {
    channel = args['channel'] as typeof channel
    return null
  })
  const unwatch = await page.watchProcesses((message) => received.push(message), { usageMs: 500 })
  channel!.onmessage({ kind: 'snapshot', processes: [] })
  unwatch()
  unwatch()
  channel!.onmessage({ kind: 'removed', name: 'p' })
  await idle()
  expect(received).toEqual([{ kind: 'snapshot', processes: [] }])
  expect(
    host.calls.map(({ command, args }) => [command, args['usageMs'] ?? args['channel']]),
  ).toEqual([
    ['watch', 500],
    ['unwatch', channel!.id],
  ])
})
