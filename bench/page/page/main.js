/** Measures a backend from the page, the same way whichever plugin is behind it. */
import { invoke } from '@tauri-apps/api/core'
import { listen } from '@tauri-apps/api/event'
import { onStdout, spawn, writeStdin } from 'tauri-plugin-js-api'
import { echoes, flood, median, roundTrip, series, time } from './measure.js'

const name = 'bench'

/** What both plugins offer under the same names. */
const plugins = {
  ours: () => ({ spawn: () => spawn(name), write: (data) => writeStdin(name, data), hear }),
  peer: ({ runtime, script }) => ({
    spawn: () => invoke('plugin:js|spawn', { name, config: { runtime, script } }),
    write: (data) => invoke('plugin:js|write_stdin', { name, data }),
    hear: (line) =>
      listen('js-process-stdout', ({ payload }) => {
        if (payload.name === name) line(payload.data)
      }),
  }),
}

function hear(line) {
  return onStdout(name, line)
}

async function measure() {
  const task = await invoke('task')
  const { spawn, write, hear } = plugins[task.app](task)
  await spawn()
  const lines = { heard: () => {} }
  await hear((line) => lines.heard(line))
  await roundTrip(lines, write)
  const answered = Date.now()
  if (task.only_start) return { answered }

  const there = () => time(() => roundTrip(lines, write))
  await there()
  const result = {
    answered,
    'round trip': await series(40, there),
    flood: await series(5, () => flood(lines, write)),
    'echo of 1 MiB': await series(5, () => echoes(lines, write)),
    'bare command': await series(40, () => time(() => invoke('nothing'))),
  }
  document.querySelector('#state').textContent = `${median(result['round trip'])} µs`
  return result
}

const result = await measure().catch((error) => ({ error: String(error?.stack ?? error) }))
await invoke('report', { result })
