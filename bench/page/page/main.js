/** Measures a backend from the page, with either plugin. */
import { invoke } from '@tauri-apps/api/core'
import {
  alternate,
  binaryEchoes,
  call,
  echoes,
  flood,
  manyItems,
  roundTrip,
  time,
} from './measure.js'
import { plugins } from './plugins.js'

/** Samples of short measurements, and of those that take seconds on a slow plugin. */
const samples = { short: 14, long: 2 }

/** Milliseconds until the app and its backend are idle after the first call. */
const idleMs = 2_000

async function measure() {
  const task = await invoke('task')
  const plugin = plugins[task.app](task)

  await plugin.start('rpc')
  const api = await plugin.connect('rpc')
  await call(api)
  const answered = Date.now()
  if (task.only_start) {
    await new Promise((resolve) => setTimeout(resolve, idleMs))
    return { answered, memory: await invoke('memory') }
  }

  await plugin.start('lines')
  const lines = { onLine: () => {} }
  await plugin.onLine('lines', (line) => lines.onLine(line))
  const write = (data) => plugin.write('lines', data)

  const short = {
    call: () => time(() => call(api)),
    'round trip': () => time(() => roundTrip(lines, write)),
    'bare command': () => time(() => invoke('nothing')),
  }
  const reply = window.webkit?.messageHandlers?.reply
  if (reply) short['message with reply'] = () => time(() => reply.postMessage('x'.repeat(64)))
  const long = {
    'echo of 1 MiB': () => echoes(lines, write),
    'echo of 1 MiB, binary': () => binaryEchoes(api),
    flood: () => flood(lines, write),
  }
  if (plugin.stream) long.stream = () => plugin.stream(api, manyItems)
  return {
    ...(await alternate(samples.short, short)),
    ...(await alternate(samples.long, long)),
  }
}

const result = await measure().catch((error) => ({ error: String(error?.stack ?? error) }))
document.querySelector('#state').textContent = 'measured'
await invoke('report', { result })
