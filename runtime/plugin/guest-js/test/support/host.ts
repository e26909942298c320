/** The Rust side in memory: what the commands of the plugin do, by the letter. */
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

type Args = Record<string, unknown>

export class FakeHost {
  readonly processes = new Map<string, FakeProcess>()
  /** By window and process. */
  readonly bridges = new Map<string, FakeBridge>()
  readonly calls: { label: string; command: string; args: Args }[] = []
  /** The bodies of `write`, as text. */
  readonly bodies: string[] = []
  /** Commands that answer in their own way, or are refused. */
  readonly overrides = new Map<string, (args: Args) => unknown>()
  /** What becomes of a request: it is lost, its answer is, or it is late by so many milliseconds. */
  fault: (command: string) => 'lost' | 'answer lost' | number = () => 0
  readonly #attached = new Map<string, number>()
  readonly #writers = new Map<string, number>()
  /** The last generations of processes that were removed: they never repeat. */
  readonly #generations = new Map<string, number>()

  static #present: FakeHost | null = null

  constructor() {
    // What a former test left running would talk to this one's pages.
    for (const bridge of FakeHost.#present?.bridges.values() ?? []) bridge.close()
    FakeHost.#present = this
    // Keeps the callbacks of Channels; the commands come in by `invoke`.
    mockIPC(() => null)
    delete window.ipc
  }

  /** Starts a process, or starts it anew. */
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

  /** Ends a process and starts it anew; returns what lets the page hear of it. */
  startUnheard(name: string): () => void {
    const bridge = this.bridge(name)
    const held = vi.spyOn(bridge, 'schedule').mockReturnValue()
    this.processes.get(name)?.exit(null, { kind: 'killed' })
    this.start(name)
    return () => {
      held.mockRestore()
      bridge.schedule()
    }
  }

  remove(name: string): void {
    this.removeUnheard(name)()
  }

  /** Removes a process; returns what lets the pages hear of it. */
  removeUnheard(name: string): () => void {
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

  /** The page of a window is left. */
  pageGone(label: string): void {
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
      // The body is read when the request arrives, as it is then.
      return this.#write(label, (args as Uint8Array).slice(), options!.headers)
    }
    if (args instanceof Uint8Array) throw new Error(`${command} takes no bytes`)
    this.calls.push({ label, command, args })
    const override = this.overrides.get(command)
    if (override) return override(args)
    // Synchronous commands run in the order of their arrival.
    if (command === 'ack') return this.#ack(label, args)
    await Promise.resolve()
    if (command === 'attach') return this.#attach(label, args)
    if (command === 'detach') return this.#detach(label, args)
    if (command === 'drain') return this.#current(args['name'], args['generation']).drain()
    const tells = ['spawn', 'ensure', 'restart', 'get_status'].includes(command)
    if (tells) return this.#process(args['name']).info
    return null
  }

  #process(name: unknown): FakeProcess {
    const process = this.processes.get(String(name))
    if (!process) throw refusal('notFound', `process not found: ${String(name)}`, name)
    return process
  }

  /** A process, if this is its generation. */
  #current(name: unknown, generation: unknown): FakeProcess {
    const process = this.#process(name)
    if (generation != null && Number(generation) !== process.generation) {
      const message = `process not running: ${process.name} (its start ${String(generation)} is over)`
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
    // One that was refused may come again.
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
