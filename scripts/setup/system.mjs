/** Installs system packages, or prints the command for an administrator. */
import { setTimeout as sleep } from 'node:timers/promises'
import { UserError, confirm, say } from '../lib/log.mjs'
import { runForCode, tryCapture, which } from '../lib/run.mjs'
import { runStep } from '../lib/step.mjs'
import { distribution, missingPackages, packagesFor } from './distributions.mjs'

/**
 * Ensures that the packages for these purposes ("engine", "window", "test") are installed. Asks before it installs them
 * if a terminal is attached. Without the right to install, throws an error with the command.
 */
export async function ensureSystemPackages(purposes, env = process.env, system = distribution()) {
  if (!system) return checkTools(purposes)
  const missing = missingPackages(packagesFor(purposes, system), system)
  if (missing.length === 0) return say('system', `all packages are installed (${system.name})`)
  await install(missing, system, 'these packages are required', { env })
}

/**
 * Installs packages as root, or with sudo after a question. The question and the error start with `why`. `suite`
 * selects a part of the distribution.
 */
export async function install(names, system, why, { suite, env = process.env } = {}) {
  const command = [...system.install, ...(suite ? ['-t', suite] : []), ...names]
  const isRoot = process.getuid?.() === 0
  const useSudo = !isRoot && process.stdin.isTTY && !env.CI && which('sudo') !== undefined
  const refusal = () =>
    new UserError(
      `${why}. An administrator installs them with this command:\n\n    ${adminCommand(system, command)}\n\n` +
        'Then run the same command again',
    )
  if (!isRoot && !useSudo) throw refusal()
  say('system', `${why}: ${names.join(' ')}`)
  if (!(await confirm(`Install them${useSudo ? ' with sudo' : ''}?`))) throw refusal()
  // Asks for the password now. Later, the question would be hidden by a progress line.
  if (useSudo && (await runForCode('sudo', ['-v'])) !== 0) throw refusal()

  const run = (doing, [program, ...args]) => {
    const variables = Object.entries(system.env).map((pair) => pair.join('='))
    const [first, ...rest] = [...(useSudo ? ['sudo', 'env', ...variables] : []), program, ...args]
    const step = {
      name: `system packages: ${doing}`,
      part: 'system',
      doing,
      usually: 'a minute or two',
      progress: aptProgress(),
      remedy: `Run \`${adminCommand(system, command)}\` by hand and read its output`,
    }
    return whenUnlocked(() => runStep(step, [first, rest, { env: { ...env, ...system.env } }]))
  }
  // Failures of these are not fatal, for example if one package source cannot be reached.
  const prepare = (doing, words) => run(doing, words).catch((error) => say('system', error.message))
  if (system.isBroken?.(tryCapture)) {
    for (const words of system.repair)
      await prepare(`completing an interrupted installation (${words[0]})`, words)
  }
  if (system.update) await prepare('fetching the list of packages', system.update)
  await run('installing packages', command)
}

const lockedBy =
  /could not get lock|unable to lock|unable to acquire|is another process using it|locked by another/i

/** Retries for five minutes while another package manager runs, for example after the machine has started. */
async function whenUnlocked(run) {
  for (let left = 30; ; left -= 1) {
    try {
      return await run()
    } catch (error) {
      if (left === 0 || !lockedBy.test(error.details ?? '')) throw error
      say('system', 'another package manager is running: retrying in 10 seconds')
      await sleep(10_000)
    }
  }
}

/** "packages 34 of 210", counted when apt sets up a package. */
export function aptProgress() {
  let total = 0
  let done = 0
  return (line) => {
    total = Number(/(\d+) newly installed/.exec(line)?.[1] ?? total)
    const [, step] = /^(Get:|Unpacking |Setting up )/.exec(line) ?? []
    if (step === undefined || total === 0) return undefined
    if (step === 'Setting up ') return `packages ${(done += 1)} of ${total} are set up`
    return step === 'Get:' ? 'downloading' : 'unpacking'
  }
}

/** The command for an administrator. */
function adminCommand(system, command) {
  const sudo = which('sudo') === undefined && process.getuid?.() === 0 ? '' : 'sudo '
  return [system.update, command]
    .filter(Boolean)
    .map((words) => sudo + words.filter((word) => word !== '-q').join(' '))
    .join(' && ')
}

/** For systems with unknown package names: looks for the tools instead. */
function checkTools(purposes, platform = process.platform) {
  if (platform === 'win32') {
    return say(
      'system',
      'required: the "Desktop development with C++" workload of the Visual Studio Build Tools, LLVM (for libclang) and WebView2 (part of Windows 11)',
    )
  }
  const missing = []
  const hasCompiler =
    platform === 'darwin'
      ? tryCapture('xcode-select', ['-p']) !== undefined
      : which('cc') !== undefined
  if (!hasCompiler) missing.push('a C and C++ compiler with make')
  const needsWebKit = platform === 'linux' && purposes.includes('window')
  if (needsWebKit && tryCapture('pkg-config', ['--exists', 'webkit2gtk-4.1']) === undefined) {
    missing.push('pkg-config and the development files of WebKitGTK 4.1')
  }
  const tools = platform === 'linux' && purposes.includes('test') ? ['Xvfb', 'WebKitWebDriver'] : []
  missing.push(...tools.filter((tool) => which(tool) === undefined))
  if (missing.length === 0) return say('system', 'found a C compiler (libclang is required too)')
  const how =
    platform === 'darwin'
      ? '`xcode-select --install` installs the compiler and libclang'
      : 'package names are known for Debian, Ubuntu, Fedora and Arch only'
  throw new UserError(
    `missing: ${missing.join('; ')}. Install them and run the same command again: ${how}`,
  )
}
