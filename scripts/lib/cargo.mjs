/** Runs cargo as a step, with progress in crates and an excerpt of errors. */
import { UserError } from './log.mjs'
import { root } from './paths.mjs'
import { runStep } from './step.mjs'

/** Makes cargo print its progress bar to a pipe, for {@link crateProgress}, without colours. */
export const progressEnv = {
  CARGO_TERM_PROGRESS_WHEN: 'always',
  CARGO_TERM_PROGRESS_WIDTH: '100',
  CARGO_TERM_COLOR: 'never',
}

/**
 * "crates 312 of 1132" from `    Building [====>    ] 312/1132: v8, swc_common`. Cargo blocks while another
 * cargo uses the same folders.
 */
export function crateProgress(line) {
  if (/^\s*Blocking waiting for file lock/.test(line)) return 'waiting for another cargo to finish'
  const bar = /^\s*(?:Building|Checking) \[.*\] (\d+)\/(\d+)/.exec(line)
  return bar ? `crates ${bar[1]} of ${bar[2]}` : undefined
}

/** "31 crates left" from `  Downloading 31 crates, remaining bytes: 1.2MB`. */
export function downloadProgress(line) {
  const left = /^\s*Downloading (\d+) crates?/.exec(line)
  return left ? `${left[1]} crates left` : undefined
}

/**
 * The lines from cargo's first error on, without the settings that a failed build script prints before its error.
 */
export function firstError(lines) {
  const start = lines.findIndex((line) => /^error(?:\[|:)/.test(line))
  if (start < 0) return lines.slice(-30)
  const rest = lines.slice(start).filter((line) => !/^\s*cargo::?(?!error|warning)/.test(line))
  const reason = rest.findIndex((line) => line.trim() === '--- stderr')
  return reason > 4 ? [...rest.slice(0, 4), ...rest.slice(reason)] : rest
}

/** Runs `cargo` in the checkout. `step` has the fields of `runStep`. */
export function runCargo(step, args, { env, cwd = root, onStdout } = {}) {
  const cargo = {
    part: 'build',
    progress: crateProgress,
    excerpt: firstError,
    remedy: 'Fix the errors above, then run the same command again: it continues there',
    onStdout,
    ...step,
  }
  return runStep(cargo, ['cargo', args, { cwd, env: { ...env, ...progressEnv } }])
}

/** Runs a build and returns cargo's descriptions of its artifacts. */
export async function buildArtifacts(step, args, env) {
  const artifacts = []
  const onStdout = (line) => {
    if (line.startsWith('{"reason":"compiler-artifact"')) artifacts.push(JSON.parse(line))
  }
  const [command, ...rest] = args
  const format = ['--message-format', 'json-render-diagnostics']
  await runCargo(step, [command, ...format, ...rest], { env, onStdout })
  return artifacts
}

/** Builds an executable or example. Returns its path, which depends on cargo's settings. */
export async function buildExecutable(step, name, args, env) {
  const artifacts = await buildArtifacts(step, ['build', ...args], env)
  const artifact = artifacts.findLast(
    ({ target, executable }) => target.name === name && executable,
  )
  if (artifact) return artifact.executable
  throw new UserError(`cargo named no executable ${name}: see the log of the step "${step.name}"`)
}

/** Downloads the crates of Cargo.lock for one target. Cargo needs nothing else from the network. */
export function fetchCrates(target, env) {
  const args = ['fetch', '--target', target, ...(env.CI === 'true' ? ['--locked'] : [])]
  return runCargo(
    {
      name: 'download crates',
      part: 'crates',
      doing: 'downloading the crates of Cargo.lock',
      usually: 'a minute or two, once',
      progress: downloadProgress,
      remedy: 'Check that crates.io can be reached, then run the same command again',
    },
    args,
    { env },
  )
}
