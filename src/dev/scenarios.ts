// The scenarios of `?mock=<name>`.
import type { FakePlugin } from './fake-plugin'

type Scenario = (plugin: FakePlugin) => void | Promise<void>

function standard(plugin: FakePlugin): void {
  plugin.runtimes = [
    { name: 'embedded', path: null, version: '2.9.5', available: true },
    { name: 'deno', path: '/home/ada/.deno/bin/deno', version: '2.9.5', available: true },
    { name: 'bun', path: '/home/ada/.bun/bin/bun', version: '1.4.5', available: true },
    { name: 'node', path: '/usr/bin/node', version: '24.1.0', available: true },
  ]
  const permissions = { read: ['/srv/data'], net: ['api.example.com:443'] }
  plugin.declare('worker', 'embedded', { permissions, limits: { heapMb: 64 } })
  plugin.declare('worker-deno', 'deno', { permissions })
  plugin.declare('worker-bun', 'bun', { env: ['LOG_LEVEL'], args: ['--verbose'] })
  plugin.declare('worker-node', 'node', { restart: { when: 'onFailure' } })
}

function withoutEngine(plugin: FakePlugin): void {
  standard(plugin)
  plugin.runtimes = plugin.runtimes.map((runtime) =>
    runtime.name === 'embedded' ? { ...runtime, version: null, available: false } : runtime,
  )
  plugin.declare('any', 'auto', { limits: { heapMb: 64 } })
}

function fourRunning(plugin: FakePlugin): void {
  standard(plugin)
  plugin.start('worker', 131_000)
  plugin.start('worker-deno', 128_000)
  plugin.start('worker-bun', 40_000)
  plugin.start('worker-node', 3_731_000)
}

const ESC = '\x1b'

/** Sample output: coloured levels, long lines, JSON. */
function sampleLines(lines: number): string[] {
  return Array.from({ length: lines }, (_, i) => {
    if (i % 29 === 7)
      return `e${ESC}[33mwarn${ESC}[0m  cache miss for ${ESC}[1mimages/${i}${ESC}[22m`
    if (i % 43 === 11) return `e${ESC}[31merror${ESC}[0m upstream answered 502, retry in 200 ms`
    if (i % 17 === 3) {
      return `o{"level":"info","event":"request","path":"/v1/thumbnails/${i}","ms":${(i % 90) / 10},"tags":["resize","webp","cold"],"client":"10.0.${i % 255}.12","agent":"Mozilla/5.0 (X11; Linux x86_64)"}`
    }
    if (i % 13 === 5) return `e${ESC}[36mdebug${ESC}[0m ${ESC}[2mpool: 4 idle, 2 busy${ESC}[0m`
    return `oindexed ${ESC}[32m${i * 12}${ESC}[0m documents`
  })
}

export const scenarios: Record<string, Scenario> = {
  empty: standard,
  undeclared(plugin) {
    plugin.runtimes = [{ name: 'embedded', path: null, version: '2.9.5', available: true }]
  },
  refused(plugin) {
    plugin.refusal = 'js.watch not allowed on window "main", webview "main", URL: tauri://localhost'
  },
  running: fourRunning,
  crashed(plugin) {
    fourRunning(plugin)
    const message = 'TypeError: Cannot read properties of undefined (reading ‘width’)'
    plugin.processes
      .get('worker')!
      .send([
        'eresizing 3 images',
        'eNotCapable: Requires net access to "cdn.example.com:443", run again with the --allow-net flag',
      ])
    plugin.processes.get('worker')!.exit({
      kind: 'error',
      message,
      stack: `${message}\n    at resize (file:///app/backends/images.ts:41:22)\n    at async serve (file:///app/backends/serve.ts:117:9)`,
    })
    plugin.processes.get('worker-bun')!.exit({ kind: 'killed' })
    plugin.processes.get('worker-deno')!.exit({ kind: 'heapLimit' })
  },
  unresponsive(plugin) {
    fourRunning(plugin)
    plugin.processes.get('worker')!.block(0)
    plugin.declare('images', 'embedded')
    const message = 'V8 gave up: Invalid size error'
    plugin.start('images', 52_000).exit({ kind: 'crashed', message })
  },
  console(plugin) {
    fourRunning(plugin)
    const worker = plugin.processes.get('worker')!
    worker.send(sampleLines(700))
    worker.send([`d${JSON.stringify({ events: 412, bytes: 61_204 })}`])
    worker.send(sampleLines(90))
    worker.send([`t${JSON.stringify({ stream: 'stdout', limit: 64 << 20 })}`])
    worker.send([
      'edenied: Requires read access to "/etc/hosts", run again with the --allow-read flag',
    ])
    let i = 0
    setInterval(() => worker.send(sampleLines(1 + (i++ % 3))), 400)
  },
  missing(plugin) {
    standard(plugin)
    const missing = ['bun', 'node']
    plugin.runtimes = plugin.runtimes.map((runtime) =>
      missing.includes(runtime.name)
        ? { ...runtime, path: null, version: null, available: false }
        : runtime,
    )
    plugin.start('worker', 12_000)
  },
  /** No process runs. An `auto` backend would start on Deno. */
  'without-engine': withoutEngine,
  'without-engine-running'(plugin) {
    withoutEngine(plugin)
    plugin.start('any', 12_000)
    plugin.start('worker-bun', 40_000)
  },
  many(plugin) {
    standard(plugin)
    for (let i = 1; i <= 40; i++) {
      const name = `job-${String(i).padStart(2, '0')}`
      plugin.declare(name, (['embedded', 'deno', 'bun', 'node'] as const)[i % 4]!)
      plugin.start(name, i * 60_000)
      if (i % 7 === 0) plugin.processes.get(name)!.exit({ kind: 'completed' }, i % 2)
    }
  },
}
