/** The Rust tools that must be on PATH. They are checked, not installed: how is the user's choice. */
import { UserError, say } from '../lib/log.mjs'
import { tryCapture } from '../lib/run.mjs'

export function ensureRust(capture = tryCapture) {
  const version = capture('cargo', ['--version'])
  if (version === undefined) {
    throw new UserError('`cargo` is not on PATH: install Rust with rustup (see rustup.rs)')
  }
  say('rust', version.trim())
}

/** Formatter and linter: `npm test` needs them, `npm start` does not. */
export function ensureRustLinters(capture = tryCapture) {
  for (const [tool, component] of [
    ['fmt', 'rustfmt'],
    ['clippy', 'clippy'],
  ]) {
    if (capture('cargo', [tool, '--version']) === undefined) {
      throw new UserError(
        `\`cargo ${tool}\` does not work: install it with \`rustup component add ${component}\``,
      )
    }
  }
}
