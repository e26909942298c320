/**
 * JavaScript and TypeScript backends for Tauri apps: start them, talk to them, watch them.
 *
 * ## Map
 *
 * - Start and end: {@link spawn}, {@link ensure}, {@link restart}, {@link kill}, {@link killAll},
 *   {@link remove}
 * - Call: {@link createChannel}; by hand {@link JsRuntimeIo} (kkrpc 0.x), {@link jsRuntimeTransport}
 *   (kkrpc from 1.0 on); {@link toAsyncIterable} for streams
 * - Hear: {@link onStdout}, {@link onStderr}, {@link onExit}, {@link onState}, {@link onEvent}
 * - Write: {@link writeStdin}, {@link closeStdin}
 * - Look: {@link listProcesses}, {@link watchProcesses}, {@link getStatus}, {@link getConfig},
 *   {@link listBackends}
 * - Runtimes: {@link detectRuntimes}, {@link setRuntimePath}, {@link getRuntimePaths}
 *
 * Everything rejects with a {@link JsRuntimeError}, whose `kind` is for programs.
 *
 * A page has one stream per process, however many listeners and channels it has. A reload of the page
 * neither loses nor repeats RPC frames; what a process said before is told again to listeners.
 *
 * ## Security
 *
 * A page may do what its window's capability says, and nothing else. `js:default` covers the backends
 * that the app declares in `tauri.conf.json`, as they are declared there. Everything beyond is named:
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
 * Whoever runs script in the page has the rights of the window, so keep Tauri's content security policy
 * on, and give backends no more permissions than they need: what a page can make a backend do, an
 * attacker in the page can. A backend's output is data: do not put it into the page as HTML.
 * Works with `app.security.freezePrototype`.
 *
 * @example
 * ```ts
 * import { createChannel, ensure, onStderr } from 'tauri-plugin-js-api'
 *
 * await ensure('math')
 * await onStderr('math', console.warn)
 * const { api } = await createChannel<object, MathApi>('math')
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
export { createChannel, type ChannelOptions, type Connection, type RpcChannel } from './channel.ts'
export { JsRuntimeIo } from './io.ts'
export { jsRuntimeTransport, type RpcTransport } from './transport.ts'
export type { LinkOptions } from './link.ts'
export { onEvent, onExit, onState, onStderr, onStdout, type UnlistenFn } from './listen.ts'
export { watchProcesses } from './watch.ts'
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
