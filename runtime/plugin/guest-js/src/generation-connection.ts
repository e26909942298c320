/** The RPC connection of this page to one generation of a process. */
import type { ConnectionEnd } from './connection-end.ts'
import { JsRuntimeError } from './error.ts'
import { invokeCommand, retryBriefly, retryInBackground } from './invoke.ts'
import { Endpoint } from './rpc/endpoint.ts'
import type { RpcSubscriber } from './rpc-subscribers.ts'
import type { ProcessStream } from './stream.ts'
import { writerOf } from './writer.ts'

export class GenerationConnection implements RpcSubscriber {
  readonly generation: number
  readonly endpoint: Endpoint
  readonly #stream: ProcessStream
  readonly #onEnd: () => void
  #isOver = false

  /** @param onEnd - Called once when the generation has ended or the connection was closed. */
  constructor(stream: ProcessStream, api: object | undefined, onEnd: () => void = () => {}) {
    this.#stream = stream
    this.#onEnd = onEnd
    const { name } = stream
    this.endpoint = new Endpoint({
      api,
      peerName: `process "${name}"`,
      send: (line) => writerOf(name).write(`${line}\n`, this.generation),
      claim: (request) => this.#claim(request),
    })
    this.generation = stream.latestGeneration
    // The plugin writes the last line when this page is gone.
    const bye = `${JSON.stringify({ t: 'bye', id: this.endpoint.id })}\n`
    this.#invoke('open_rpc', { name, generation: this.generation, lastLine: bye })
    // Delivers frames that wait, whose answers need the generation.
    stream.addSubscriber(this)
    this.endpoint.greet()
  }

  line(text: string): void {
    this.endpoint.receive(text)
  }

  ended({ error }: ConnectionEnd): void {
    if (this.#isOver) return
    this.#isOver = true
    this.endpoint.close(error)
    this.#onEnd()
  }

  /** Closes the connection, which ends what the page has asked for. */
  leave(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#stream.removeSubscriber(this)
    const { name } = this.#stream
    this.#invoke('close_rpc', {})
    const message = `the connection to process "${name}" was closed`
    this.endpoint.close(new JsRuntimeError('closed', message, name))
    this.#onEnd()
  }

  #invoke(command: string, args: Record<string, unknown>): void {
    const call = () => invokeCommand(command, { ...args, connection: this.endpoint.id })
    void retryInBackground(call, () => command === 'close_rpc' || !this.#isOver)
  }

  #claim(request: string): Promise<boolean> {
    const { generation } = this
    const { name } = this.#stream
    return retryBriefly(() => invokeCommand<boolean>('claim', { name, generation, request }))
  }
}
