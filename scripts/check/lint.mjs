/**
 * Clippy over the workspace. `cargo clippy` checks every dependency once more in a mode of its own, which takes
 * as long as half a build. Here Clippy is the workspace's compiler in a normal build instead: dependencies are
 * those that are built already, and only the workspace is compiled again. Cargo keeps the results apart.
 */
import { runCargo } from '../lib/cargo.mjs'
import { UserError, say } from '../lib/log.mjs'
import { rustVersion, wantedRust } from '../setup/rust.mjs'

/** `options` are the packages and features of the build whose dependencies are used. */
export async function lint(name, options, env) {
  const lines = await runCargo(
    { name, part: 'lint', doing: `linting (${name})`, usually: 'one to three minutes' },
    ['build', '--all-targets', ...options],
    { env: { ...env, RUSTC_WORKSPACE_WRAPPER: 'clippy-driver' } },
  )
  const warnings = lines.flatMap((line, index) =>
    isWarning(line, lines[index + 1]) ? [index] : [],
  )
  const count = warnings.length
  if (count === 0) return
  const version = rustVersion(env)
  const [first] = warnings
  if (version !== wantedRust()) {
    // Each version of Clippy brings new lints.
    return say(
      'lint',
      `Clippy ${version} has ${count} warnings; only those of ${wantedRust()} are errors`,
    )
  }
  throw new UserError(`Clippy has ${count} warnings: correct what the lines above name`, {
    details: lines.slice(first, first + 30).join('\n'),
  })
}

/** Warnings about code name its place in the next line; cargo's own, about its configuration, do not. */
function isWarning(line, next) {
  return line.startsWith('warning: ') && /^\s*-->/.test(next ?? '')
}
