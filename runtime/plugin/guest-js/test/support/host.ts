/** An in-memory fake of the plugin's commands. */
import type { Channel } from '@tauri-apps/api/core'
import { mockIPC } from '@tauri-apps/api/mocks'
import { vi } from 'vitest'
import { FakeBridge } from './bridge.ts'
import { FakeProcess } from './process.ts'
import { sender } from './webview.ts'

export interface Refusal {
  kind: string
  message: string
  name?: string
}

/** An RPC connection of a page, as the plugin has it. */
export interface OpenConnection {
  id: string
  name: string
  generation: number
  lastLine: string
  answers: boolean
}

type Args = Record<string, unknown>

export class FakeHost {
  readonly processes = new Map<string, FakeProcess>()
  /** Keys are `window/process`. */
  readonly bridges = new Map<string, FakeBridge>()
  readonly calls: { label: string; command: string; args: Args }[] = []
  /** The bodies of executed `write` requests. */
  readonly bodies: string[] = []
  /** Replacements for commands. They may throw. */
  readonly overrides = new Map<string, (args: Args) => unknown>()
  /** Injects a fault: the request or its answer is lost, or the request is delayed by milliseconds. */
  fault: (command: string) => 'lost' | 'answer lost' | number = () => 0
  readonly #attached = new Map<string, number>()
  readonly #writers = new Map<string, number>()
  /** Claimed requests, and the connections that have declined the others. */
  readonly #claims = new Map<string, 'claimed' | Set<string>>()
  /** Open RPC connections, by `window/connection`. */
  readonly connections = new Map<string, OpenConnection>()
  /** The last generations of removed processes. Generations never repeat. */
  readonly #generations = new Map<string, number>()

  static #active: FakeHost | null = null

  constructor() {
    // Bridges of an earlier test would send to the pages of this one.
    for (const bridge of FakeHost.#active?.bridges.values() ?? []) bridge.close()
    FakeHost.#active = this
    // Only for the callbacks of Channels. `load` replaces `invoke`.
    mockIPC(() => null)
    delete window.ipc
  }

  /** Starts a process, or starts its next generation. */
  start(name: string): FakeProcess {
    let process = this.processes.get(name)
    if (!process) {
      process = new FakeProcess(name, () => this.#eachBridge(name, (bridge) => bridge.changed()))
      process.generation = this.#generations.get(name) ?? 0
      this.processes.set(name, process)
    }
    process.start()
    return process
  }

  /** Starts a process that does not read, and whose stdin is full after four bytes. */
  startStalled(name: string): FakeProcess {
    const process = this.start(name)
    process.capacity = 4
    process.stopReading()
    return process
  }

  /** Restarts a process. The returned function delivers the events. */
  restartUndelivered(name: string): () => void {
    const bridge = this.bridge(name)
    const paused = vi.spyOn(bridge, 'schedule').mockReturnValue()
    this.processes.get(name)?.exit(null, { kind: 'killed' })
    this.start(name)
    return () => {
      paused.mockRestore()
      bridge.schedule()
    }
  }

  remove(name: string): void {
    this.removeUndelivered(name)()
  }

  /** Removes a process. The returned function delivers the event. */
  removeUndelivered(name: string): () => void {
    this.#generations.set(name, this.processes.get(name)?.generation ?? 0)
    this.processes.delete(name)
    this.#attached.delete(name)
    return () => this.#eachBridge(name, (bridge) => bridge.removed())
  }

  bridge(name: string, label = 'main'): FakeBridge {
    return this.bridges.get(`${label}/${name}`)!
  }

  countOf(command: string): number {
    return this.calls.filter((call) => call.command === command).length
  }

  /** Closes the bridges of a window whose page is gone. */
  pageGone(label: string): void {
    for (const key of [...this.connections.keys()]) {
      if (key.startsWith(`${label}/`)) this.#endRpc(key)
    }
    for (const [key, bridge] of this.bridges) {
      if (!key.startsWith(`${label}/`)) continue
      bridge.close()
      this.bridges.delete(key)
    }
  }

  async invoke(
    label: string,
    cmd: string,
    args: Args | Uint8Array = {},
    options?: { headers: Record<string, string> },
  ): Promise<unknown> {
    const command = cmd.replace('plugin:js|', '')
    const fault = this.fault(command)
    if (fault === 'lost') throw new TypeError('Load failed')
    if (typeof fault === 'number' && fault > 0) {
      await new Promise((resolve) => setTimeout(resolve, fault))
    }
    const answer = await this.#serve(label, command, args, options)
    if (fault === 'answer lost') throw new TypeError('Load failed')
    return answer
  }

  async #serve(
    label: string,
    command: string,
    args: Args | Uint8Array,
    options?: { headers: Record<string, string> },
  ): Promise<unknown> {
    if (command === 'write') {
      // Copied on arrival: the caller may change its buffer later.
      return this.#write(label, (args as Uint8Array).slice(), options!.headers)
    }
    if (args instanceof Uint8Array) throw new Error(`${command} takes no bytes`)
    this.calls.push({ label, command, args })
    const override = this.overrides.get(command)
    if (override) return override(args)
    // A synchronous command: runs in the order of arrival.
    if (command === 'ack') return this.#ack(label, args)
    await Promise.resolve()
    if (command === 'attach') return this.#attach(label, args)
    if (command === 'detach') return this.#detach(label, args)
    if (command === 'claim') return this.#claim(args)
    if (command === 'open_rpc') return this.#openRpc(label, args)
    if (command === 'close_rpc') return this.#endRpc(`${label}/${String(args['connection'])}`)
    if (command === 'drain') return this.#current(args['name'], args['generation']).drain()
    const answersInfo = ['spawn', 'ensure', 'restart', 'get_status'].includes(command)
    if (answersInfo) return this.#process(args['name']).info
    return null
  }

  #openRpc(label: string, { connection, name, generation, lastLine, answers }: Args): null {
    this.connections.set(`${label}/${String(connection)}`, {
      id: String(connection),
      name: String(name),
      generation: Number(generation),
      lastLine: String(lastLine),
      answers: answers as boolean,
    })
    return null
  }

  /** Writes the last line of a connection. */
  #endRpc(key: string): null {
    const connection = this.connections.get(key)
    this.connections.delete(key)
    const process = connection && this.processes.get(connection.name)
    if (process?.running && process.generation === connection?.generation) {
      process.write(new TextEncoder().encode(connection.lastLine))
    }
    return null
  }

  /** The first window that offers the member answers; else the last one that declines. */
  #claim({ name, generation, request, connection, offers }: Args): 'granted' | 'taken' | 'wait' {
    const key = `${String(name)}/${String(generation)}/${String(request)}`
    const declined = this.#claims.get(key) ?? new Set()
    if (declined === 'claimed') return 'taken'
    this.#claims.set(key, declined.add(String(connection)))
    const mayAnswer = (other: OpenConnection) =>
      other.answers && other.name === name && other.generation === generation
    const others = [...this.connections.values()].filter(mayAnswer)
    if (!offers && others.some(({ id }) => !declined.has(id))) return 'wait'
    this.#claims.set(key, 'claimed')
    return 'granted'
  }

  #process(name: unknown): FakeProcess {
    const process = this.processes.get(String(name))
    if (!process) throw refusal('notFound', `process not found: ${String(name)}`, name)
    return process
  }

  /** Returns a process if `generation` is its current one. */
  #current(name: unknown, generation: unknown): FakeProcess {
    const process = this.#process(name)
    if (generation != null && Number(generation) !== process.generation) {
      const message = `process not running: ${process.name} (generation ${String(generation)} is over)`
      throw refusal('exited', message, name)
    }
    return process
  }

  #attach(label: string, args: Args): unknown {
    const process = this.#process(args['name'])
    const { name, generation } = process
    const fresh = this.#attached.get(name) !== generation
    this.#attached.set(name, generation)
    const key = `${label}/${name}`
    this.bridges.get(key)?.close()
    const send = sender(args['channel'] as Channel<unknown>, args['evaluated'] as number | null)
    this.bridges.set(key, new FakeBridge(process, String(args['attachment']), send))
    const { info, nextSeq: next } = process
    return { process: structuredClone(info), next, fresh }
  }

  #detach(label: string, { name, attachment }: Args): null {
    const key = `${label}/${String(name)}`
    const bridge = this.bridges.get(key)
    if (bridge?.attachment === attachment) {
      bridge?.close()
      this.bridges.delete(key)
    }
    return null
  }

  #ack(label: string, { name, attachment, seq }: Args): null {
    const bridge = this.bridges.get(`${label}/${String(name)}`)
    if (bridge?.attachment === attachment) bridge?.ack(Number(seq))
    return null
  }

  #write(label: string, body: Uint8Array, headers: Record<string, string>): number {
    const name = decodeURIComponent(headers['js-name']!)
    this.calls.push({ label, command: 'write', args: { ...headers } })
    this.overrides.get('write')?.({ ...headers })
    const process = this.#current(name, headers['js-generation'])
    const writer = `${label}/${headers['js-writer']}`
    const seq = Number(headers['js-seq'])
    const last = this.#writers.get(writer) ?? 0
    if (seq <= last) return process.queued
    if (!process.running) {
      throw refusal('notRunning', `process not running: ${name}`, name)
    }
    if (!process.write(body)) {
      const { generation } = process
      throw { ...refusal('stdinFull', `stdin of ${name} is full`, name), generation }
    }
    // A refused request is not recorded.
    this.#writers.set(writer, seq)
    this.bodies.push(new TextDecoder().decode(body))
    return process.queued
  }

  #eachBridge(name: string, act: (bridge: FakeBridge) => void): void {
    for (const [key, bridge] of this.bridges) if (key.endsWith(`/${name}`)) act(bridge)
  }
}

export function refusal(kind: string, message: string, name?: unknown): Refusal {
  return name === undefined ? { kind, message } : { kind, message, name: String(name) }
}
