/** Tests of the check of the documents. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { documentFaults } from '../check/documents.mjs'
import { blocksOf } from '../check/documents/blocks.mjs'
import { readDocument } from '../check/documents/markdown.mjs'
import { Repository } from '../check/documents/repository.mjs'
import { compileBlocks } from '../check/documents/rust.mjs'
import { typeScriptFaults } from '../check/documents/typescript.mjs'
import { buildEnv, root } from '../lib/paths.mjs'
import { temporaryFolder } from './helpers.mjs'

const repository = new Repository({
  files: [
    'README.md',
    'docs/limits.md',
    'docs/bench.svg',
    'scripts/test.mjs',
    'runtime/core/src/lib.rs',
    'runtime/core/tests/tidy.rs',
    'runtime/plugin/guest-js/package.json',
  ],
  scripts: { '.': ['test', 'setup', 'test:quick'], 'runtime/plugin/guest-js': ['build'] },
  packages: { 'js-runtime': { lib: ['js_runtime'], test: ['tidy', 'hazards'] } },
  dependencies: ['js-runtime', 'deno_core'],
  isIgnored: (path) => path.startsWith('runtime/plugin/guest-js/dist'),
})

/** A page from its lines. */
function page(...lines) {
  return readDocument('README.md', lines.join('\n'))
}

/** The faults of a page, as "LINE: message". */
function faults(...lines) {
  const limits = readDocument(
    'docs/limits.md',
    '# Limits\n\n## Heap (`heapMb`)\n\n## Heap (`heapMb`)\n',
  )
  return documentFaults([page(...lines), limits], repository).map(
    ({ line, message }) => `${line}: ${message}`,
  )
}

/** Asserts that the page has exactly one fault, on this line and matching `words`. */
function assertFault(line, words, ...lines) {
  const found = faults(...lines)
  assert.equal(found.length, 1, found.join('\n') || 'no fault was found')
  assert.ok(found[0].startsWith(`${line}: `), found[0])
  assert.match(found[0], words)
}

function fence(language, ...code) {
  return [`\`\`\`${language}`, ...code, '```']
}

test('links to files, folders, images and headings are accepted', () => {
  assert.deepEqual(
    faults(
      '# A page',
      '[a](docs/limits.md) [b](docs/limits.md#heap-heapmb-1) [c](#a-page) [d](docs) ![e](docs/bench.svg)',
      '[f](https://example.com/nothing#here) [g][limits] `[h](nothing.md)`',
      '<a id="own"></a> [i](#own) <img src="docs/bench.svg">',
      '',
      '[limits]: docs/limits.md',
      '',
      ...fence('text', '[j](nothing.md)'),
    ),
    [],
  )
})

test('a link to a missing file names the file', () => {
  assertFault(2, /points to docs\/limit\.md, which is not in git/, '# A', '[a](docs/limit.md)')
})

test('links are case-sensitive', () => {
  assertFault(1, /points to docs\/Limits\.md/, '[a](docs/Limits.md)')
})

test('a fault in a table has its line', () => {
  assertFault(3, /nothing\.md/, '| a |', '| --- |', '| [b](nothing.md) |')
})

test('a missing image in HTML is found', () => {
  assertFault(2, /docs\/picture\.png/, '<p>', '<img src="docs/picture.png">', '</p>')
})

test('a missing anchor is reported with the existing ones', () => {
  assertFault(1, /"heap-heapmb-2".*it has: heap-heapmb/, '[a](docs/limits.md#heap-heapmb-2)')
  assertFault(3, /names the heading "b".*it has: a/, '# A', '', '[a](#b)')
})

test('an anchor of a source file is refused', () => {
  assertFault(1, /link to the file without an anchor/, '[a](runtime/core/src/lib.rs#L10)')
})

test('links outside the repository, absolute links and undefined labels are refused', () => {
  assertFault(1, /points outside the repository/, '[a](../other/README.md)')
  assertFault(1, /is absolute/, '[a](/docs/limits.md)')
  assertFault(1, /\[limit\] is not defined/, '[a][limit]')
})

test('a code block must have a known language', () => {
  assertFault(1, /has no language/, ...fence('', 'a'))
  assertFault(3, /has no language/, 'text', '', '    indented')
  assertFault(1, /write "sh" instead of "bash"/, ...fence('bash', 'ls'))
  assertFault(1, /there is no check for the language "cobol"/, ...fence('cobol', 'a'))
})

test('a check is disabled only with a reason', () => {
  assertFault(1, /"ignore" after the language is not known/, ...fence('ts ignore', 'x'))
  assertFault(2, /gives no reason/, '<!-- unchecked: -->', ...fence('json', '{'))
  const exempt = page('<!-- unchecked: shows an error -->', ...fence('json', '{'))
  assert.equal(exempt.blocks[0].unchecked, 'shows an error')
  assert.deepEqual(faults('<!-- unchecked: shows an error -->', ...fence('json', '{')), [])
  assert.deepEqual(blocksOf([exempt], 'json'), [])
})

test('JSON is a value or the members of an object', () => {
  assert.deepEqual(faults(...fence('json', '{ "a": [1] }')), [])
  assert.deepEqual(faults(...fence('json', '"a": 1,', '"b": 2')), [])
  assertFault(3, /this is not JSON/, ...fence('json', '{', '  "a": …', '}'))
  assertFault(3, /this is not JSON/, ...fence('json', '"a": 1,', '"b": // two'))
})

test('JSON with comments may have comments', () => {
  assert.deepEqual(faults(...fence('jsonc', '{ "a": 1 /* one */ } // end')), [])
  assertFault(3, /this is not JSON with comments/, ...fence('jsonc', '{', '"a" 1 }'))
})

test('TOML parses', () => {
  assert.deepEqual(faults(...fence('toml', '[dependencies]', 'a = { path = "b" }')), [])
  assertFault(3, /this is not TOML/, ...fence('toml', '[dependencies]', 'a = b'))
})

test('npm scripts in blocks and inline code must exist', () => {
  assert.deepEqual(
    faults(
      ...fence('sh', 'npm test && npm run setup -- --dry-run  # npm run nothing', 'npm ci'),
      '`npm run test:quick`, `npm run NAME`',
    ),
    [],
  )
  assertFault(
    2,
    /package\.json has no script "tests"; it has: test, setup/,
    ...fence('sh', 'npm run tests'),
  )
  assertFault(1, /has no script "start"/, 'Run `npm start` first.')
})

test('npm scripts are those of the current folder', () => {
  assert.deepEqual(
    faults(...fence('sh', '(cd runtime/plugin/guest-js && npm run build)', 'npm run setup')),
    [],
  )
  assert.deepEqual(faults(...fence('sh', 'cd ../my-app', 'npm run anything')), [])
  assert.deepEqual(faults(...fence('sh', '(cd ../tauri-js-runtime && npm run setup)')), [])
  assertFault(
    2,
    /has no script "setup"/,
    ...fence('sh', 'cd runtime/plugin/guest-js && npm run setup'),
  )
  assertFault(
    2,
    /has no script "build"/,
    ...fence('sh', '(cd ../tauri-js-runtime && npm run build)'),
  )
})

test('files in commands and inline code must exist', () => {
  assert.deepEqual(
    faults(
      ...fence('sh', 'node scripts/test.mjs', 'cat src/main.ts ./scripts/*.mjs'),
      '`runtime/core/src/`, `runtime/plugin/guest-js/dist`, `src-tauri/tauri.conf.json`, `runtime/<name>`',
    ),
    [],
  )
  assertFault(3, /there is no scripts\/gone\.mjs/, ...fence('sh', 'true \\', '  scripts/gone.mjs'))
  assertFault(1, /there is no runtime\/core\/src\/gone\.rs/, 'See `runtime/core/src/gone.rs`.')
})

test('cargo packages and targets must exist', () => {
  assert.deepEqual(
    faults(
      ...fence('sh', 'A=1 cargo test -p js-runtime --test hazards -- --test x'),
      '`cargo update -p deno_core`',
    ),
    [],
  )
  assertFault(2, /has no package "engine"/, ...fence('sh', 'cargo test -p engine'))
  assertFault(
    1,
    /--test speed": there is no such target; there are: tidy, hazards/,
    '`cargo test --test speed`',
  )
})

test('TypeScript blocks are checked with the real types', () => {
  const good = page(
    ...fence(
      'ts file=backends/math.ts',
      'export type Api = { add(a: number, b: number): Promise<number> }',
    ),
    ...fence(
      'ts',
      "import { createChannel } from 'tauri-plugin-js-api'",
      "import type { Api } from './backends/math'",
      "const { api } = await createChannel<{}, Api>('math')",
      'console.log(await api.add(1, 2), process.pid, Deno.pid, document.title)',
    ),
    ...fence('js', 'export const one = 1'),
  )
  assert.deepEqual(typeScriptFaults([good], root), [])
  const bad = page(
    '# A',
    ...fence(
      'ts',
      "import { spawn } from 'tauri-plugin-js-api'",
      "await spawn('a', { scrpt: 'b' })",
    ),
    ...fence('ts', "import './other'"),
    ...fence('ts', 'let x: = 1'),
    ...fence('ts file=a.ts', 'export {}'),
    ...fence('ts file=a.ts', 'export {}'),
  )
  const found = typeScriptFaults([bad], root).map(({ line, message }) => `${line}: ${message}`)
  found.sort((a, b) => parseInt(a) - parseInt(b))
  assert.match(found[0], /^4: TypeScript: .*scrpt/)
  assert.match(found[1], /^7: TypeScript: .*'\.\/other'.*write file=PATH/)
  assert.match(found[2], /^10: TypeScript: /)
  assert.match(found.at(-1), /^15: another block of this page has file=a\.ts too/)
})

test('Rust blocks compile as function bodies, and errors have the line of the page', async (t) => {
  const env = { ...buildEnv(), CARGO_TARGET_DIR: temporaryFolder(t) }
  const compile = (...lines) =>
    compileBlocks(blocksOf([page(...lines)], 'rust'), {}, temporaryFolder(t), env)
  await compile(
    ...fence('rust', 'let n: u8 = "1".parse()?;', 'std::future::ready(n).await'),
    ...fence(
      'rust',
      'use std::fmt::Debug;',
      'fn main() {',
      '    println!("{:?}", include_str!("a"));',
      '}',
    ),
  )
  await assert.rejects(
    compile('# A', ...fence('rust', 'let n = 1;'), '', ...fence('rust', 'let a = 1;', 'a.go();')),
    ({ message, details }) => {
      assert.match(message, /documents\/rust\.mjs/)
      assert.match(details, /^README\.md:8: Rust: no method named `go`/)
      assert.ok(!details.includes('\n'), details)
      return true
    },
  )
})

test('the rules at the head of the check list every language', () => {
  const head = readFileSync(join(root, 'scripts/check/documents.mjs'), 'utf8').split('*/')[0]
  const blocks = readFileSync(join(root, 'scripts/check/documents/blocks.mjs'), 'utf8')
  const [, list] = /const languages = \[(.*?)\]/s.exec(blocks)
  for (const [, language] of list.matchAll(/'(\w+)'/g))
    assert.ok(head.includes(`\`${language}\``), language)
})
