/** The plugin's commands as functions. All of them reject with a {@link JsRuntimeError}. */
import type { ProcessInfo, RuntimeInfo, SpawnConfig } from './bindings/index.ts'
import type { BackendInfo, Ensured, ProcessConfig } from './bindings/plugin/index.ts'
import { call } from './call.ts'
import { generationOf, tell } from './streams.ts'
import { writerOf } from './writer.ts'

/**
 * Starts a process and waits until its script runs.
 *
 * Without `config` it starts the backend that the app declares under that name
 * (`tauri.conf.json > plugins > js > backends`), which is all that `js:default` allows.
 *
 * @param name - What the process is called from now on.
 * @param config - What to start. The window's capability must allow it (`js:allow-spawn`).
 * @throws `alreadyExists` if one of that name is alive, `notAllowed`, `invalidConfig`,
 * `runtimeUnavailable`, `startFailed`.
 *
 * @example
 * ```ts
 * await spawn('math')
 * await spawn('tool', { runtime: 'bun', script: 'tools/tool.ts', args: ['--fast'] })
 * ```
 */
export const spawn = (name: string, config?: SpawnConfig): Promise<ProcessInfo> =>
  told(call('spawn', { name, config }))

/**
 * Starts a process, or joins the one that is alive under that name: what a page does that may be
 * reloaded. A live one is left as it is, whatever `config` says.
 *
 * @throws What {@link spawn} throws, except `alreadyExists`.
 *
 * @example
 * ```ts
 * const { started } = await ensure('math')
 * ```
 */
export const ensure = (name: string, config?: SpawnConfig): Promise<Ensured> =>
  told(call('ensure', { name, config }))

/**
 * Ends a process, by force if it does not end by itself within `limits.killGraceMs` milliseconds.
 * Its entry stays listed as `exited`; see {@link remove}.
 *
 * @throws `notFound`, `notRunning`, `notAllowed`.
 *
 * @example
 * ```ts
 * await kill('math')
 * ```
 */
export const kill = (name: string): Promise<void> => call('kill', { name })

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
export const killAll = (): Promise<void> => call('kill_all')

/**
 * Ends a process and starts it again; starts one that has exited.
 *
 * @param config - What to start from now on. **Default:** what it was last started with.
 * @throws `notFound`, `notAllowed`, and what {@link spawn} throws.
 *
 * @example
 * ```ts
 * const { generation } = await restart('math')
 * ```
 */
export const restart = (name: string, config?: SpawnConfig): Promise<ProcessInfo> =>
  told(call('restart', { name, config: config ?? null }))

/**
 * Forgets a process that has exited: its output, its place in the list.
 *
 * @throws `notFound`, `stillRunning`, `notAllowed`.
 *
 * @example
 * ```ts
 * await remove('math')
 * ```
 */
export const remove = (name: string): Promise<void> => call('remove', { name })

/**
 * The processes that this window may see, exited ones included.
 *
 * @throws `notAllowed`.
 *
 * @example
 * ```ts
 * const running = (await listProcesses()).filter((process) => process.running)
 * ```
 */
export const listProcesses = (): Promise<ProcessInfo[]> => call('list_processes')

/**
 * One process as it is listed.
 *
 * @throws `notFound`, `notAllowed`.
 *
 * @example
 * ```ts
 * const { state, pid } = await getStatus('math')
 * ```
 */
export const getStatus = (name: string): Promise<ProcessInfo> => told(call('get_status', { name }))

/**
 * What a process was last started with; of its environment the names only.
 *
 * @throws `notFound`, `notAllowed`.
 *
 * @example
 * ```ts
 * const { script, permissions } = await getConfig('math')
 * ```
 */
export const getConfig = (name: string): Promise<ProcessConfig> => call('get_config', { name })

/**
 * The backends that the app declares, as far as this window may use them.
 *
 * @throws `notAllowed`.
 *
 * @example
 * ```ts
 * for (const { name } of await listBackends()) await ensure(name)
 * ```
 */
export const listBackends = (): Promise<BackendInfo[]> => call('list_backends')

/**
 * Writes to the stdin of a process, and waits while that is full. Adds no line end. What is written
 * arrives in the order of the calls.
 *
 * A page that listens to the process or is connected to it writes to the start (generation) that it knows of.
 * When that has ended, the write is refused: it never reaches the next one.
 *
 * @param data - Text, or bytes as they are.
 * @throws `notFound`, `notRunning`, `exited`, `notAllowed`.
 *
 * @example
 * ```ts
 * await writeStdin('tool', 'reload\n')
 * await writeStdin('decoder', new Uint8Array([0x00, 0xff]))
 * ```
 */
export const writeStdin = (name: string, data: string | Uint8Array): Promise<void> =>
  writerOf(name).write(typeof data === 'string' ? data : data.slice(), generationOf(name))

/**
 * Ends the stdin of a process: it reads what was written, and then the end. Many programs then end
 * by themselves. Like {@link writeStdin}, it is for the start that the page knows of.
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
  call('close_stdin', { name, generation: generationOf(name) })

/**
 * The runtimes on this machine: `embedded`, `deno`, `bun` and `node`.
 *
 * @throws `notAllowed`.
 *
 * @example
 * ```ts
 * const bun = (await detectRuntimes()).find(({ name }) => name === 'bun')
 * ```
 */
export const detectRuntimes = (): Promise<RuntimeInfo[]> => call('detect_runtimes')

/**
 * Chooses the executable of a runtime, until the app ends. Not part of `js:default`: it takes
 * `js:allow-set-runtime-path`.
 *
 * @param runtime - `deno`, `bun` or `node`.
 * @param path - The executable; `''` goes back to the one on `PATH`.
 * @throws `path`, `invalidConfig`, `notAllowed`.
 *
 * @example
 * ```ts
 * await setRuntimePath('bun', '/opt/bun/bin/bun')
 * ```
 */
export const setRuntimePath = (runtime: string, path: string): Promise<void> =>
  call('set_runtime_path', { runtime, path })

/**
 * The executables chosen with {@link setRuntimePath}, by runtime.
 *
 * @throws `notAllowed`.
 *
 * @example
 * ```ts
 * const { bun } = await getRuntimePaths()
 * ```
 */
export const getRuntimePaths = (): Promise<Record<string, string>> => call('get_runtime_paths')

/** Hands on what a command answers, which is sooner than its events say the same. */
async function told<Info extends ProcessInfo>(answer: Promise<Info>): Promise<Info> {
  const info: Info | null | undefined = await answer
  // The tests of an app may answer with nothing.
  if (info) tell(info)
  return info as Info
}
