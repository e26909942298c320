/** Lists the tests of a checkout of `denoland/node_test`, with their kinds and environments. */
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { UserError } from '../lib/log.mjs'

/** The commit of the list in `docs/node-suite.md`. */
export const commit = 'c5baef08'

/** The tests of `test/parallel` that do not need Node's internal modules. */
export function testsIn(checkout) {
  const folder = join(checkout, 'test/parallel')
  if (!existsSync(folder)) {
    throw new UserError(
      `${checkout} has no folder test/parallel: pass a checkout of https://github.com/denoland/node_test at ${commit}`,
    )
  }
  return readdirSync(folder)
    .filter((name) => /^test-.*\.[cm]?js$/.test(name))
    .sort()
    .map((name) => ({
      ...parse(name, readFileSync(join(folder, name), 'utf8')),
      path: join(folder, name),
    }))
    .filter(({ flags }) => !flags.some((flag) => /^--expose[-_]internals$/.test(flag)))
}

/** Parses a test's flags and kind. */
export function parse(name, source) {
  const flags = [...source.matchAll(/^\/\/ Flags:(.*)$/gm)].flatMap(([, text]) =>
    text.split(/\s+/).filter(Boolean),
  )
  return { name, flags, kind: kindOf(name, source) }
}

/** The kind of tests that start Node's executable with Node's flags. They may fail. */
export const startsExecPath = 'starts process.execPath'

/** Matches uses of helpers in test/common that start process.execPath. */
const startingHelpers =
  /common\/(?:child_process|inspector-helper|debugger|assertSnapshot|cpu-prof|snapshot|sea|watch|prof)\b|spawnPromisified|escapePOSIXShell|childShouldThrowAndAbort/

/** Parts of Node with many tests, by the first word of their names. */
const parts = ['fs', 'tls', 'https', 'http2', 'http', 'net', 'crypto', 'stream', 'zlib', 'vm']

/** The kind of a test, by which results are grouped. */
export function kindOf(name, source) {
  if (/process\.execPath|process\.argv\[0\]|\bfork\(|['"](?:node:)?cluster['"]/.test(source))
    return startsExecPath
  if (startingHelpers.test(source)) return startsExecPath
  if (/worker_threads|\bnew Worker\(/.test(source)) return 'worker'
  const part = /^test-([^-.]+)/.exec(name)?.[1]
  return parts.includes(part) ? part : 'other'
}

/** Options of Node that Deno and the engine support in NODE_OPTIONS. */
const supportedOptions = ['--no-warnings', '--pending-deprecation']

/** The environment of a test that writes its files to `folder`. */
export function environment({ flags }, folder, env) {
  return {
    ...env,
    NODE_OPTIONS: flags.filter((flag) => supportedOptions.includes(flag)).join(' '),
    NODE_SKIP_FLAG_CHECK: '1',
    NODE_TEST_KNOWN_GLOBALS: '0',
    NODE_TEST_DIR: folder,
    TEST_SERIAL_ID: '0',
    TMPDIR: folder,
    NO_COLOR: '1',
  }
}
