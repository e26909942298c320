/**
 * Starts, calls and watches JavaScript and TypeScript backends of Tauri apps.
 *
 * ## Functions
 *
 * - Start and end: {@link spawn}, {@link ensure}, {@link restart}, {@link kill}, {@link killAll},
 *   {@link remove}
 * - Call: {@link connect}, {@link withCallOptions}, {@link get}, {@link set}; {@link createChannel} in the shape of
 *   `tauri-plugin-js`; with your own kkrpc objects {@link JsRuntimeIo} (0.x) and
 *   {@link jsRuntimeTransport} (1.0 and later); {@link toAsyncIterable} for streams
 * - Listen: {@link onStdout}, {@link onStderr}, {@link onExit}, {@link onState}, {@link onEvent}
 * - Write: {@link writeStdin}, {@link closeStdin}
 * - Inspect: {@link listProcesses}, {@link watchProcesses}, {@link getStatus}, {@link getConfig},
 *   {@link listBackends}
 * - Runtimes: {@link detectRuntimes}, {@link setRuntimePath}, {@link getRuntimePaths}
 *
 * All functions reject with a {@link JsRuntimeError}. Its {@link ErrorKind} lists the kinds of errors.
 *
 * All listeners and connections of a page share one stream per process. A reload of the page neither loses nor
 * repeats RPC frames. Listeners for output receive the history again.
 *
 * ## Security
 *
 * A page may do only what its window's capability allows. `js:default` allows the backends that the app declares
 * in `tauri.conf.json`, with the declared configuration. A capability names everything else:
 *
 * ```json
 * {
 *   "identifier": "main",
 *   "windows": ["main"],
 *   "permissions": [
 *     "core:default",
 *     "js:default",
 *     {
 *       "identifier": "js:allow-spawn",
 *       "allow": [{ "name": "tool-*", "runtime": ["embedded"], "script": "tools/*.ts" }]
 *     }
 *   ]
 * }
 * ```
 *
 * Any script in the page has the rights of the window. Keep Tauri's content security policy on, give backends the
 * least permissions, and do not insert their output into the page as HTML. The package works with
 * `app.security.freezePrototype`.
 *
 * @example
 * ```ts
 * import { connect, ensure, onStderr } from 'tauri-plugin-js-api'
 *
 * await ensure('math')
 * await onStderr('math', console.warn)
 * const { api } = await connect<MathApi>('math')
 * console.log(await api.add(1, 2))
 * ```
 *
 * @module
 */

export {
  closeStdin,
  detectRuntimes,
  ensure,
  getConfig,
  getRuntimePaths,
  getStatus,
  kill,
  killAll,
  listBackends,
  listProcesses,
  remove,
  restart,
  setRuntimePath,
  spawn,
  writeStdin,
} from './commands.ts'
export { connect, type Connected, type ConnectOptions } from './connect.ts'
export { get, set, withCallOptions } from './rpc/remote.ts'
export type { CallOptions } from './rpc/pending-calls.ts'
export type { Remote, RemoteFunction, RemoteProperty } from './rpc/types.ts'
export { createChannel, type ChannelOptions, type Connection, type RpcChannel } from './channel.ts'
export { JsRuntimeIo } from './io.ts'
export { jsRuntimeTransport, type RpcTransport } from './transport.ts'
export type { LinkOptions } from './link.ts'
export {
  onEvent,
  onExit,
  onState,
  onStderr,
  onStdout,
  watchProcesses,
  type UnlistenFn,
} from './listen.ts'
export { toAsyncIterable, type IterateOptions } from './iterate.ts'
export { JsRuntimeError, type ErrorKind } from './error.ts'
export type * from './event.ts'
export type {
  BackendInfo,
  Ensured,
  ProcessConfig,
  SourceInfo,
  WatchMessage,
} from './bindings/plugin/index.ts'
export type * from './bindings/index.ts'
