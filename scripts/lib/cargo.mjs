/** Cargo as a step: how many crates are done of all, and what failed. */
import { root } from './paths.mjs'
import { runStep } from './step.mjs'

/** Makes cargo draw its progress bar into a pipe, where it is read; and keeps colours out of the log. */
export const speaking = {
  CARGO_TERM_PROGRESS_WHEN: 'always',
  CARGO_TERM_PROGRESS_WIDTH: '100',
  CARGO_TERM_COLOR: 'never',
}

/** "crates 312 of 1132" from `    Building [====>    ] 312/1132: v8, swc_common`. */
export function crateProgress(line) {
  const bar = /^\s*(?:Building|Checking) \[.*\] (\d+)\/(\d+)/.exec(line)
  return bar ? `crates ${bar[1]} of ${bar[2]}` : undefined
}

/** "31 crates left" from `  Downloading [31 crates …`, "12 crates so far" from the lines of those that came. */
export function downloadProgress() {
  let came = 0
  return (line) => {
    const left = /^\s*Downloading\b.*?(\d+) crates?/.exec(line)
    if (left) return `${left[1]} crates left`
    if (!/^\s*Downloaded /.test(line)) return undefined
    came += 1
    return `${came} crates so far`
  }
}

/** The lines from the first error on; a compiler's warnings before it explain nothing. */
export function firstError(lines) {
  const start = lines.findIndex((line) => /^error(?:\[|:)/.test(line))
  return start < 0 ? lines : lines.slice(start, start + 25)
}

/** Runs `cargo` with `args` in the checkout; `step` as for `runStep`. */
export function runCargo(step, args, { env, cwd = root, onStdout } = {}) {
  const cargo = {
    part: 'build',
    progress: crateProgress,
    excerpt: firstError,
    remedy: 'Correct what the lines above name, then run the same command again: it goes on there',
    onStdout,
    ...step,
  }
  return runStep(cargo, ['cargo', args, { cwd, env: { ...env, ...speaking } }])
}

/** Downloads the crates of Cargo.lock for one target: all that cargo needs from the network. */
export function fetchCrates(target, env) {
  const args = ['fetch', '--target', target, ...(env.CI === 'true' ? ['--locked'] : [])]
  return runCargo(
    {
      name: 'download crates',
      part: 'crates',
      doing: 'downloading the crates of Cargo.lock',
      usually: 'a minute or two, once',
      progress: downloadProgress(),
      remedy: 'Check that crates.io can be reached, then run the same command again',
    },
    args,
    { env },
  )
}
