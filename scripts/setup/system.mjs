/** System packages: installed where that is allowed, otherwise named exactly. */
import { UserError, say } from '../lib/log.mjs'
import { runForCode, tryCapture, which } from '../lib/run.mjs'
import { runStep } from '../lib/step.mjs'
import { confirm } from './ask.mjs'
import { distribution, missingPackages, packagesFor } from './distributions.mjs'

/**
 * Makes sure that the packages of these purposes ("engine", "window", "test") are installed. Asks before it
 * installs where a terminal is attached. Without the right to install, the error is the command to run.
 */
export async function ensureSystemPackages(purposes, system = distribution()) {
  if (!system) return checkByHand(purposes)
  const missing = missingPackages(packagesFor(purposes, system), system)
  if (missing.length === 0) return say('system', `all packages are installed (${system.name})`)
  await install(missing, system, 'these packages are needed')
}

/** Installs packages as root or with sudo; `why` begins the question and the error. */
export async function install(names, system, why, { suite } = {}) {
  const target = suite ? ['-t', suite] : []
  const command = [...system.install, ...target, ...names]
  const isRoot = process.getuid?.() === 0
  const mayUseSudo = !isRoot && process.stdin.isTTY && which('sudo') !== undefined
  const refusal = () =>
    new UserError(
      `${why}. An administrator installs them with this command:\n\n    ${byHand(system, command)}\n\n` +
        'Then run yours again: it goes on where it was',
    )
  if (!isRoot && !mayUseSudo) throw refusal()
  say('system', `${why}: ${names.join(' ')}`)
  if (!(await confirm(`Install them${mayUseSudo ? ' with sudo' : ''}?`))) throw refusal()

  // sudo asks for the password now, not in the middle of a progress line.
  if (mayUseSudo && (await runForCode('sudo', ['-v'])) !== 0) throw refusal()
  const variables = Object.entries(system.env ?? {}).map((pair) => pair.join('='))
  const prefix = mayUseSudo ? ['sudo', 'env', ...variables] : []
  for (const [program, ...args] of [system.repair, system.update, command].filter(Boolean)) {
    const [first, ...rest] = [...prefix, program, ...args]
    await runStep(
      {
        name: `system packages: ${program} ${args[0]}`,
        part: 'system',
        doing: `${program} ${args[0]}`,
        usually: 'a minute or two',
        progress: aptProgress(),
        remedy: `Run \`${byHand(system, command)}\` by hand and see what it says`,
      },
      [first, rest, { env: { ...process.env, ...system.env } }],
    )
  }
}

/** "packages 34 of 210": apt fetches, unpacks and sets up each of them. */
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
function byHand(system, command) {
  const options = /^(?:-q|-o|DPkg::Lock::Timeout=\d+)$/
  const words = (line) => `sudo ${line.filter((word) => !options.test(word)).join(' ')}`
  return [system.update, command].filter(Boolean).map(words).join(' && ')
}

/** Elsewhere packages have other names on every system: what they bring is looked for instead. */
function checkByHand(purposes, platform = process.platform) {
  if (platform === 'win32') {
    return say(
      'system',
      'needed: the "Desktop development with C++" workload of the Visual Studio Build Tools, LLVM (for libclang) and WebView2 (part of Windows 11)',
    )
  }
  const missing = []
  if (which('cc') === undefined) missing.push('a C and C++ compiler with make')
  const needsWebKit = platform === 'linux' && purposes.includes('window')
  if (needsWebKit && tryCapture('pkg-config', ['--exists', 'webkit2gtk-4.1']) === undefined) {
    missing.push('pkg-config and the development files of WebKitGTK 4.1')
  }
  const tools = platform === 'linux' && purposes.includes('test') ? ['Xvfb', 'WebKitWebDriver'] : []
  missing.push(...tools.filter((tool) => which(tool) === undefined))
  if (missing.length === 0)
    return say('system', `C compiler: ${which('cc')} (libclang is needed too)`)
  const how =
    platform === 'darwin'
      ? '`xcode-select --install` brings the compiler and libclang'
      : 'this distribution is not one whose package names are known (Debian, Ubuntu, Fedora, Arch)'
  throw new UserError(
    `missing: ${missing.join('; ')}. Install them and run the same command again: ${how}`,
  )
}
