/**
 * Runs Clippy on the workspace. `cargo clippy` would check every dependency again, which takes half as long as a
 * build. Instead, Clippy is the compiler of the workspace in a normal build, which reuses the built dependencies.
 */
import { runCargo } from '../lib/cargo.mjs'
import { UserError, say } from '../lib/log.mjs'
import { rustVersion, wantedRust } from '../setup/rust.mjs'

/** `options` are the packages and features of the build whose dependencies are reused. */
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
    // Other versions of Clippy have other lints.
    return say(
      'lint',
      `Clippy ${version} has ${count} warnings; only those of ${wantedRust()} are errors`,
    )
  }
  throw new UserError(`Clippy has ${count} warnings: fix the lines above`, {
    details: lines.slice(first, first + 30).join('\n'),
  })
}

/** True for warnings about code, whose next line has a location. Cargo's own warnings have none. */
function isWarning(line, next) {
  return line.startsWith('warning: ') && /^\s*-->/.test(next ?? '')
}
