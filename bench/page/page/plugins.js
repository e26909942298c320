/** A common interface for both plugins: start a backend, call it, and its bare lines. */
import { invoke } from '@tauri-apps/api/core'
import { listen } from '@tauri-apps/api/event'
import { RPCChannel } from 'kkrpc/browser'
import { connect, onStdout, spawn, writeStdin } from 'tauri-plugin-js-api'

export const plugins = {
  ours: () => ({
    start: (name) => spawn(name),
    connect: async (name) => (await connect(name)).api,
    write: writeStdin,
    onLine: onStdout,
    /** Items per second of a stream. */
    async stream(api, count) {
      const start = performance.now()
      let received = 0
      for await (const { row } of await api.rows(count)) {
        if (row !== received++) throw new Error(`item ${row} is at position ${received - 1}`)
      }
      if (received !== count) throw new Error(`${received} of ${count} items came`)
      return (count / (performance.now() - start)) * 1000
    },
  }),
  peer: ({ runtime, scripts }) => ({
    start: (name) =>
      invoke('plugin:js|spawn', { name, config: { runtime, script: scripts[name] } }),
    connect: async (name) => new RPCChannel(await peerIo(name)).getAPI(),
    write: writeToPeer,
    onLine: onPeerLine,
  }),
}

function writeToPeer(name, data) {
  return invoke('plugin:js|write_stdin', { name, data })
}

function onPeerLine(name, callback) {
  return listen('js-process-stdout', ({ payload }) => {
    if (payload.name === name) callback(payload.data)
  })
}

/** The `IoInterface` of kkrpc 0.2 on the commands and events of tauri-plugin-js. */
async function peerIo(name) {
  const lines = []
  let wanted
  await onPeerLine(name, (line) => {
    lines.push(`${line}\n`)
    wanted?.(lines.shift())
    wanted = undefined
  })
  return {
    name,
    read: () =>
      lines.length > 0
        ? Promise.resolve(lines.shift())
        : new Promise((resolve) => (wanted = resolve)),
    write: (data) => writeToPeer(name, data),
  }
}
