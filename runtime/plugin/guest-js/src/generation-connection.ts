/** The RPC connection of this page to one generation of a process. */
import type { ConnectionEnd } from './connection-end.ts'
import { JsRuntimeError } from './error.ts'
import { invokeCommand, retryBriefly, retryInBackground } from './invoke.ts'
import { Endpoint } from './rpc/endpoint.ts'
import type { ClaimAnswer } from './rpc/local-api.ts'
import type { RpcSubscriber } from './rpc-subscribers.ts'
import type { ProcessStream } from './stream.ts'
import { writerOf } from './writer.ts'

export class GenerationConnection implements RpcSubscriber {
  readonly generation: number
  readonly endpoint: Endpoint
  readonly #stream: ProcessStream
  readonly #onEnd: () => void
  /** Whether the page answers requests that are not addressed to it. */
  #answers: boolean
  /** The plugin writes this line when the page is gone. */
  #lastLine: string
  #isOver = false

  /** @param onEnd - Called once when the generation has ended or the connection was closed. */
  constructor(stream: ProcessStream, api: object | undefined, onEnd: () => void = () => {}) {
    this.#stream = stream
    this.#onEnd = onEnd
    this.#answers = api !== undefined
    const { name } = stream
    this.endpoint = new Endpoint({
      api,
      peerName: `process "${name}"`,
      send: (line) => writerOf(name).write(`${line}\n`, this.generation),
      claim: (request, offers) => this.#claim(request, offers),
      // kkrpc reports frames that it does not know.
      onKkrpc: () => this.#register(''),
    })
    this.generation = stream.latestGeneration
    this.#lastLine = `${JSON.stringify({ t: 'bye', id: this.endpoint.id })}\n`
    this.#register(this.#lastLine)
    // Delivers frames that wait, whose answers need the generation.
    stream.addSubscriber(this)
    this.endpoint.greet()
  }

  /** Replaces the functions that the backend may call. */
  expose(api: object): void {
    if (!this.#answers) {
      this.#answers = true
      this.#register(this.#lastLine)
    }
    this.endpoint.expose(api)
  }

  line(text: string): void {
    this.endpoint.receive(text)
  }

  ended({ error }: ConnectionEnd): void {
    if (this.#isOver) return
    this.#isOver = true
    // The plugin forgets the connection. It writes nothing to a generation that has ended.
    this.#invoke('close_rpc', {})
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

  /** Registers the connection with the plugin, which counts the connections that answer requests. */
  #register(lastLine: string): void {
    if (this.#isOver) return
    this.#lastLine = lastLine
    const { name } = this.#stream
    const { generation } = this
    this.#invoke('open_rpc', { name, generation, lastLine, answers: this.#answers })
  }

  #invoke(command: string, args: Record<string, unknown>): void {
    const call = () => invokeCommand(command, { ...args, connection: this.endpoint.id })
    void retryInBackground(call, () => command === 'close_rpc' || !this.#isOver)
  }

  #claim(request: string, offers: boolean): Promise<ClaimAnswer> {
    const { generation } = this
    const { name } = this.#stream
    const connection = this.endpoint.id
    const args = { name, generation, request, connection, offers }
    return retryBriefly(() => invokeCommand<ClaimAnswer>('claim', args))
  }
}
