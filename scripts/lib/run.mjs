/** Runs programs without a shell, with their output shown or captured. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, constants } from 'node:fs'
import os from 'node:os'
import { delimiter, join } from 'node:path'
import { UserError } from './log.mjs'

const windows = process.platform === 'win32'

/** The path of a program on PATH; undefined if it is not there. */
export function which(program, env = process.env) {
  const endings = windows ? ['.exe', '.cmd', '.bat'] : ['']
  for (const folder of (env.PATH ?? '').split(delimiter)) {
    if (folder === '') continue
    for (const ending of endings) {
      const candidate = join(folder, program + ending)
      try {
        accessSync(candidate, constants.X_OK)
        return candidate
      } catch {
        // Not in this folder.
      }
    }
  }
  return undefined
}

/** Runs a program and returns its stdout. An error names the command and contains stderr. */
export function capture(program, args, options = {}) {
  const result = spawnSync(program, args, {
    encoding: 'utf8',
    maxBuffer: 512 * 1024 * 1024,
    stdio: ['ignore', 'pipe', 'pipe'],
    ...options,
  })
  if (result.error) throw cannotStart(program, result.error)
  if (result.status !== 0) {
    const how = result.signal ? `was ended by ${result.signal}` : `exited with ${result.status}`
    throw new UserError(`\`${commandLine(program, args)}\` ${how}\n${result.stderr ?? ''}`.trim())
  }
  return result.stdout
}

/** Like `capture`, but returns undefined if the program is missing or fails. */
export function tryCapture(program, args, options = {}) {
  try {
    return capture(program, args, options)
  } catch {
    return undefined
  }
}

/**
 * Keeps the script alive on signals until its child has exited, and forwards them to the child. On a terminal,
 * Ctrl-C reaches the child directly. Returns a function that removes the handlers.
 */
export function passSignals(child) {
  const handlers = {
    SIGINT: () => process.stdin.isTTY || child.kill('SIGINT'),
    SIGTERM: () => child.kill('SIGTERM'),
  }
  for (const [signal, handler] of Object.entries(handlers)) process.on(signal, handler)
  return () => {
    for (const [signal, handler] of Object.entries(handlers)) process.off(signal, handler)
  }
}

/** Runs a program on this terminal. Returns its exit code, 128 + n for signal n. */
export async function runForCode(program, args, options = {}) {
  const child = spawn(program, args, { stdio: 'inherit', ...options })
  const release = passSignals(child)
  try {
    const [code, signal] = await once(child, 'exit')
    return code ?? 128 + (os.constants.signals[signal] ?? 0)
  } catch (error) {
    throw cannotStart(program, error)
  } finally {
    release()
  }
}

/** Runs a program on this terminal. Throws unless its exit code is 0. */
export async function run(program, args, options = {}) {
  const code = await runForCode(program, args, options)
  if (code !== 0) throw new UserError(`\`${commandLine(program, args)}\` exited with ${code}`)
}

/** The command that runs npm. On Windows it is a batch file, which Node runs only through a shell. */
export function npmCommand(args, options = {}) {
  return [windows ? 'npm.cmd' : 'npm', args, { shell: windows, ...options }]
}

function commandLine(program, args) {
  return [program, ...args].join(' ')
}

export function cannotStart(program, error) {
  const where = /[\\/]/.test(program) ? 'does not exist' : 'is not on PATH'
  if (error.code === 'ENOENT') return new UserError(`the program \`${program}\` ${where}`)
  return new UserError(`\`${program}\` cannot be started: ${error.message}`)
}
