/** Tests of the list of compiled files and of their licence texts. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { compiledFiles } from '../v8/compiled.mjs'
import { collectLicences, componentOf, noticesIn } from '../v8/licences.mjs'
import { put, temporaryFolder } from './helpers.mjs'

const vendor = 'third_party/rust/chromium_crates_io/vendor'

/** Writes `{ path: text }` to a temporary folder. */
function tree(t, files) {
  const folder = temporaryFolder(t)
  for (const [path, text] of Object.entries(files)) put(join(folder, path), text)
  return folder
}

/** Collects the licences of a tree in which all files but licence files are compiled. */
function collect(t, files, added = {}) {
  const listFiles = () =>
    Object.keys(files)
      .filter((path) => !/LICENSE|Cargo\.toml/.test(path))
      .sort()
  return collectLicences({ source: tree(t, files), added: tree(t, added), listFiles })
}

/** A fake of ninja for a library with one source. */
function fakeNinja({ inputs, flags = '', takesIn = 'obj/main.o' }) {
  const unit = { command: `clang++ ${flags} -c`, file: '../src/v8/main.cc', output: 'obj/main.o' }
  const unused = { ...unit, file: '../src/v8/test.cc', output: 'obj/test.o' }
  const answers = {
    query: `obj/librusty_v8.a:\n  input: alink\n    ${takesIn}\n    | a.rlib\n  outputs:\n    d8\n`,
    inputs: ['obj/main.o', ...inputs, ''].join('\n'),
    compdb: JSON.stringify([unit, unused]),
  }
  return (program, args) => answers[args[3]]
}

test('sources, their headers and the inputs of generators are compiled', (t) => {
  const work = tree(t, {
    'src/v8/main.cc': '#include "near.h"\n  #  include <fp16.h>\n#include <stdio.h>\n',
    'src/v8/near.h': '#include "near.h"\n#include "missing.h"\n',
    'src/third_party/fp16/include/fp16.h': '',
    'src/third_party/icu/common/icudtl.dat': '',
    'src/v8/test.cc': '#include "test.h"\n',
    'src/v8/test.h': '',
    'src/v8/tools/run.py': '',
  })
  const run = fakeNinja({
    inputs: [
      '../src/v8/tools/run.py',
      '../src/third_party/icu/common/icudtl.dat',
      '../clang/x.dat',
    ],
    flags: '-I../src -isystem../src/third_party/fp16/include',
  })
  assert.deepEqual(compiledFiles(join(work, 'src'), join(work, 'out'), run), [
    'third_party/fp16/include/fp16.h',
    'third_party/icu/common/icudtl.dat',
    'v8/main.cc',
    'v8/near.h',
  ])
})

test('a library that contains more than objects is an error', (t) => {
  const run = fakeNinja({ inputs: [], takesIn: 'obj/libtemporal.rlib' })
  assert.throws(() => compiledFiles(temporaryFolder(t), 'out', run), /contains obj\/libtemporal/)
})

test('a component is a third-party project or a top-level folder', () => {
  const expected = {
    'v8/src/api/api.cc': 'v8',
    'v8/third_party/glibc/src/sin.c': 'v8/third_party/glibc',
    'third_party/icu': 'third_party/icu',
    'third_party/icu/source/common/utf.h': 'third_party/icu',
    'buildtools/third_party/libc++/__config_site': 'buildtools/third_party/libc++',
    [`${vendor}/yoke-v0_8/src/lib.rs`]: `${vendor}/yoke-v0_8`,
  }
  for (const [path, component] of Object.entries(expected)) {
    assert.equal(componentOf(path), component)
  }
})

test('the nearest licence is used, and added ones replace missing ones', (t) => {
  const text = collect(
    t,
    {
      'v8/LICENSE': 'of V8',
      'v8/main.cc': '',
      'v8/copying.cc': '',
      'v8/third_party/glibc/src/sin.c': '',
      'third_party/highway/hwy/a.cc': '',
      'third_party/highway/hwy/LICENSE-BSD3': 'nearer',
      'third_party/highway/LICENSE': 'farther',
    },
    { 'v8/third_party/glibc/LICENSE': 'of glibc', 'third_party/unused/LICENSE': 'unused' },
  )
  assert.match(text, /=\nv8\/LICENSE\n=+\n\nof V8\n/)
  assert.match(text, /=\nv8\/third_party\/glibc\/LICENSE\n=+\n\nof glibc\n/)
  assert.match(text, /\n {4}third_party\/highway\n {4}v8\n {4}v8\/third_party\/glibc\n/)
  assert.match(text, /nearer/)
  assert.doesNotMatch(text, /farther|unused/)
})

test('an error names components without a licence', (t) => {
  const files = {
    'v8/LICENSE': 'of V8',
    'v8/main.cc': '',
    'v8/third_party/a/a.cc': '',
    'third_party/b/include/b.h': '',
  }
  assert.throws(() => collect(t, files), {
    name: 'UserError',
    message: /components of V8: third_party\/b, v8\/third_party\/a\n/,
  })
})

test('a crate has licence files or a licence field', (t) => {
  const manifest = '[package]\nname = "yoke"\nauthors = ["Ann"]\nlicense = "MIT"\n'
  const crates = {
    [`${vendor}/yoke-v0_8/Cargo.toml`]: manifest,
    [`${vendor}/yoke-v0_8/src/lib.rs`]: '',
    [`${vendor}/serde-v1/Cargo.toml`]: manifest,
    [`${vendor}/serde-v1/LICENSE-MIT`]: 'of serde',
    [`${vendor}/serde-v1/src/lib.rs`]: '',
  }
  const text = collect(t, crates)
  assert.match(text, /yoke-v0_8\/Cargo\.toml\n=+\n\nauthors = \["Ann"\]\nlicense = "MIT"\n/)
  assert.match(text, /serde-v1\/LICENSE-MIT\n=+\n\nof serde\n/)
  assert.doesNotMatch(text, /serde-v1\/Cargo/)
  const silent = { [`${vendor}/a-v1/Cargo.toml`]: '[package]\n', [`${vendor}/a-v1/lib.rs`]: '' }
  assert.throws(() => collect(t, silent), /vendor\/a-v1\n/)
})

test('equal texts appear once, below all their paths, in a fixed order', (t) => {
  const files = {
    'third_party/b/b.cc': '',
    'third_party/b/LICENSE': 'the same\r\n  text \r\n',
    'third_party/a/a.cc': '',
    'third_party/a/COPYING-LICENSE': '\n\nthe same\n  text',
  }
  const text = collect(t, files)
  assert.match(
    text,
    /=\nthird_party\/a\/COPYING-LICENSE\nthird_party\/b\/LICENSE\n=+\n\nthe same\n {2}text\n$/,
  )
  const reversed = Object.fromEntries(Object.entries(files).reverse())
  assert.equal(collect(t, reversed), text)
})

test('licences in comments are extracted without comment markers', () => {
  const lines = [
    '// Copyright 1994 Somebody',
    '//',
    '// Redistribution and use in source and binary forms are permitted.',
    '',
    '// THE SOFTWARE COMES WITHOUT WARRANTY.',
    '',
    '// An assembler.',
    '#include "a.h"',
    '// A comment.',
    '',
  ]
  assert.deepEqual(noticesIn(lines.join('\n')), [
    'Copyright 1994 Somebody\n\nRedistribution and use in source and binary forms are permitted.\n\n' +
      'THE SOFTWARE COMES WITHOUT WARRANTY.',
  ])
  const block =
    '/*\n * Permission is hereby granted.\n *\n * No warranty.\n */\nint a; /* Other. */\n'
  assert.equal(noticesIn(block)[0].trim(), 'Permission is hereby granted.\n\nNo warranty.')
  assert.deepEqual(noticesIn('// Use of this source code is governed by a licence.\n'), [])
})
