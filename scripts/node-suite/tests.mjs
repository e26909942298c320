/** The tests of a checkout of `denoland/node_test`: which there are, what each needs, and of what kind it is. */
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { UserError } from '../lib/log.mjs'

/** The commit with which the list in `docs/node-suite.md` was made. */
export const commit = 'c5baef08'

/** The tests of `test/parallel` that need nothing of Node's internal modules. */
export function testsIn(checkout) {
  const folder = join(checkout, 'test/parallel')
  if (!existsSync(folder)) {
    throw new UserError(
      `${checkout} has no folder test/parallel: name a checkout of https://github.com/denoland/node_test at ${commit}`,
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

/** What a test's name and source say about it. */
export function parse(name, source) {
  const flags = [...source.matchAll(/^\/\/ Flags:(.*)$/gm)].flatMap(([, text]) =>
    text.split(/\s+/).filter(Boolean),
  )
  return { name, flags, kind: kindOf(name, source) }
}

/** The kind whose tests may fail: they start Node's executable with Node's own flags. */
export const startsExecPath = 'starts process.execPath'

/** Helpers in test/common that start process.execPath. */
const starters =
  /common\/(?:child_process|inspector-helper|debugger|assertSnapshot|cpu-prof|snapshot|sea|watch|prof)\b|spawnPromisified|escapePOSIXShell|childShouldThrowAndAbort/

/** Parts of Node with many tests: the first words of a test's name. */
const parts = ['fs', 'tls', 'https', 'http2', 'http', 'net', 'crypto', 'stream', 'zlib', 'vm']

/** One word or two by which failures are sorted. */
export function kindOf(name, source) {
  if (/process\.execPath|process\.argv\[0\]|\bfork\(|['"](?:node:)?cluster['"]/.test(source))
    return startsExecPath
  if (starters.test(source)) return startsExecPath
  if (/worker_threads|\bnew Worker\(/.test(source)) return 'worker'
  const part = /^test-([^-.]+)/.exec(name)?.[1]
  return parts.includes(part) ? part : 'other'
}

/** The options of Node that Deno and the engine read from NODE_OPTIONS. */
const passedOn = ['--no-warnings', '--pending-deprecation']

/** The environment of a test whose files go to `folder`. */
export function environment({ flags }, folder, env) {
  return {
    ...env,
    NODE_OPTIONS: flags.filter((flag) => passedOn.includes(flag)).join(' '),
    NODE_SKIP_FLAG_CHECK: '1',
    NODE_TEST_KNOWN_GLOBALS: '0',
    NODE_TEST_DIR: folder,
    TEST_SERIAL_ID: '0',
    TMPDIR: folder,
    NO_COLOR: '1',
  }
}
