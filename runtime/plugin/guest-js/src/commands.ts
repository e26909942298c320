/** The plugin's commands as functions. All reject with a {@link JsRuntimeError}. */
import type { ProcessInfo, RuntimeInfo, SpawnConfig } from './bindings/index.ts'
import type { BackendInfo, Ensured, ProcessConfig } from './bindings/plugin/index.ts'
import { invokeCommand } from './invoke.ts'
import { announceGeneration, latestGeneration } from './stream-registry.ts'
import { writerOf } from './writer.ts'

/**
 * Starts a process. Resolves when its script runs.
 *
 * Without `config` it starts the backend that the app declares under that name
 * (`tauri.conf.json > plugins > js > backends`). `js:default` allows nothing else.
 *
 * @param name - The name of the process.
 * @param config - The runtime, script and options. The window's capability must allow it (`js:allow-spawn`).
 * @throws `alreadyExists` if the name has a live process, `notAllowed`, `invalidConfig`, `path`,
 * `runtimeUnavailable`, `startFailed`, `tooMany`.
 *
 * @example
 * ```ts
 * await spawn('math')
 * await spawn('tool', { runtime: 'bun', script: 'tools/tool.ts', args: ['--fast'] })
 * ```
 */
export const spawn = (name: string, config?: SpawnConfig): Promise<ProcessInfo> =>
  announced(invokeCommand('spawn', { name, config }))

/**
 * Starts a process unless the name has a live one. For pages that may be reloaded. A live process stays
 * unchanged, even if `config` differs from its own.
 *
 * @throws The errors of {@link spawn}, except `alreadyExists`.
 *
 * @example
 * ```ts
 * const { started } = await ensure('math')
 * ```
 */
export const ensure = (name: string, config?: SpawnConfig): Promise<Ensured> =>
  announced(invokeCommand('ensure', { name, config }))

/**
 * Ends a process: by force if it does not exit within `limits.killGraceMs` milliseconds (default 500). The
 * process stays listed as `exited`; see {@link remove}.
 *
 * @throws `notFound`, `notRunning`, `notAllowed`.
 *
 * @example
 * ```ts
 * await kill('math')
 * ```
 */
export const kill = (name: string): Promise<void> => invokeCommand('kill', { name })

/**
 * Ends every process that this window may kill.
 *
 * @throws `notAllowed`.
 *
 * @example
 * ```ts
 * await killAll()
 * ```
 */
export const killAll = (): Promise<void> => invokeCommand('kill_all')

/**
 * Ends a process and starts it again. Starts an exited process.
 *
 * @param config - Replaces the configuration. **Default:** the last one.
 * @throws `notFound`, and the errors of {@link spawn} except `alreadyExists`.
 *
 * @example
 * ```ts
 * const { generation } = await restart('math')
 * ```
 */
export const restart = (name: string, config?: SpawnConfig): Promise<ProcessInfo> =>
  announced(invokeCommand('restart', { name, config: config ?? null }))

/**
 * Removes an exited process from the list, with its output. Ends its listeners.
 *
 * @throws `notFound`, `stillRunning`, `notAllowed`.
 *
 * @example
 * ```ts
 * await remove('math')
 * ```
 */
export const remove = (name: string): Promise<void> => invokeCommand('remove', { name })

/**
 * Lists the processes that this window may see, including exited ones.
 *
 * @throws `notAllowed`.
 *
 * @example
 * ```ts
 * const running = (await listProcesses()).filter((process) => process.running)
 * ```
 */
export const listProcesses = (): Promise<ProcessInfo[]> => invokeCommand('list_processes')

/**
 * Returns the entry of one process in {@link listProcesses}.
 *
 * @throws `notFound`, `notAllowed`.
 *
 * @example
 * ```ts
 * const { state, pid } = await getStatus('math')
 * ```
 */
export const getStatus = (name: string): Promise<ProcessInfo> =>
  announced(invokeCommand('get_status', { name }))

/**
 * Returns the last configuration of a process. Of its environment, it contains the names only.
 *
 * @throws `notFound`, `notAllowed`.
 *
 * @example
 * ```ts
 * const { script, permissions } = await getConfig('math')
 * ```
 */
export const getConfig = (name: string): Promise<ProcessConfig> =>
  invokeCommand('get_config', { name })

/**
 * Lists the backends that the app declares and this window may start.
 *
 * @throws `notAllowed`.
 *
 * @example
 * ```ts
 * for (const { name } of await listBackends()) await ensure(name)
 * ```
 */
export const listBackends = (): Promise<BackendInfo[]> => invokeCommand('list_backends')

/**
 * Writes to the stdin of a process. Resolves when the data is in the process's queue; waits while the queue is
 * full (`limits.stdinBufferMb`, default 16). Adds no line terminator. Writes arrive in the order of the calls.
 *
 * If the page has a listener or a connection to the process, the write is for the latest generation that the
 * page knows of. A write never reaches a later generation.
 *
 * @param data - Text is encoded as UTF-8. Bytes are copied before the function returns.
 * @throws `notFound`, `notRunning`, `exited`, `notAllowed`.
 *
 * @example
 * ```ts
 * await writeStdin('tool', 'reload\n')
 * await writeStdin('decoder', new Uint8Array([0x00, 0xff]))
 * ```
 */
export const writeStdin = (name: string, data: string | Uint8Array): Promise<void> =>
  writerOf(name).write(typeof data === 'string' ? data : data.slice(), latestGeneration(name))

/**
 * Closes the stdin of a process: after the written data, the process reads the end of input. Many programs
 * then exit. Like {@link writeStdin}, it is for the latest generation that the page knows of.
 *
 * @throws `notFound`, `notRunning`, `exited`, `notAllowed`.
 *
 * @example
 * ```ts
 * await writeStdin('sort', 'b\na\n')
 * await closeStdin('sort')
 * ```
 */
export const closeStdin = (name: string): Promise<void> =>
  invokeCommand('close_stdin', { name, generation: latestGeneration(name) })

/**
 * Detects the runtimes on this machine: `embedded`, `deno`, `bun` and `node`.
 *
 * @throws `notAllowed`.
 *
 * @example
 * ```ts
 * const bun = (await detectRuntimes()).find(({ name }) => name === 'bun')
 * ```
 */
export const detectRuntimes = (): Promise<RuntimeInfo[]> => invokeCommand('detect_runtimes')

/**
 * Sets the executable of a runtime until the app exits. Requires `js:allow-set-runtime-path`, which is not part
 * of `js:default`.
 *
 * @param runtime - `deno`, `bun` or `node`.
 * @param path - The executable; `''` restores the one on `PATH`.
 * @throws `path`, `invalidConfig`, `notAllowed`.
 *
 * @example
 * ```ts
 * await setRuntimePath('bun', '/opt/bun/bin/bun')
 * ```
 */
export const setRuntimePath = (runtime: string, path: string): Promise<void> =>
  invokeCommand('set_runtime_path', { runtime, path })

/**
 * Returns the executables set with {@link setRuntimePath}, by runtime.
 *
 * @throws `notAllowed`.
 *
 * @example
 * ```ts
 * const { bun } = await getRuntimePaths()
 * ```
 */
export const getRuntimePaths = (): Promise<Record<string, string>> =>
  invokeCommand('get_runtime_paths')

/** Records the generation in an answer, which may arrive before the events of that generation. */
async function announced<Info extends ProcessInfo>(answer: Promise<Info>): Promise<Info> {
  const info: Info | null | undefined = await answer
  // Mocks in the tests of an app may answer with nothing.
  if (info) announceGeneration(info)
  return info as Info
}
