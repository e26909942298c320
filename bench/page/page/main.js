/** Measures a backend from the page, with either plugin. */
import { invoke } from '@tauri-apps/api/core'
import { listen } from '@tauri-apps/api/event'
import { onStdout, spawn, writeStdin } from 'tauri-plugin-js-api'
import { echoes, flood, median, roundTrip, series, time } from './measure.js'

const name = 'bench'

/** A common interface for both plugins. */
const plugins = {
  ours: () => ({ spawn: () => spawn(name), write: (data) => writeStdin(name, data), onLine }),
  peer: ({ runtime, script }) => ({
    spawn: () => invoke('plugin:js|spawn', { name, config: { runtime, script } }),
    write: (data) => invoke('plugin:js|write_stdin', { name, data }),
    onLine: (callback) =>
      listen('js-process-stdout', ({ payload }) => {
        if (payload.name === name) callback(payload.data)
      }),
  }),
}

function onLine(callback) {
  return onStdout(name, callback)
}

async function measure() {
  const task = await invoke('task')
  const { spawn, write, onLine } = plugins[task.app](task)
  await spawn()
  const lines = { onLine: () => {} }
  await onLine((line) => lines.onLine(line))
  await roundTrip(lines, write)
  const answered = Date.now()
  if (task.only_start) return { answered }

  const timedTrip = () => time(() => roundTrip(lines, write))
  // Warms up.
  await timedTrip()
  const result = {
    answered,
    'round trip': await series(40, timedTrip),
    flood: await series(5, () => flood(lines, write)),
    'echo of 1 MiB': await series(5, () => echoes(lines, write)),
    'bare command': await series(40, () => time(() => invoke('nothing'))),
  }
  document.querySelector('#state').textContent = `${median(result['round trip'])} µs`
  return result
}

const result = await measure().catch((error) => ({ error: String(error?.stack ?? error) }))
await invoke('report', { result })
