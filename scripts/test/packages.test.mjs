/** Tests of `npm run test:packages`. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { root } from '../lib/paths.mjs'
import { packages } from '../packages/list.mjs'
import { hasAll, verdict } from '../packages/run.mjs'
import { differences, expectations, withResults } from '../packages/table.mjs'
import { uses } from '../packages/uses/index.mjs'

const printed = (value) => ({ code: 0, stdout: `log\n\nresult: ${JSON.stringify(value)}\n` })
const failed = { code: 1, stdout: '', timedOut: false }

test('a verdict compares the engine with Node', () => {
  const node = printed({ a: 1 })
  assert.equal(verdict({ node, engine: printed({ a: 1 }) }), 'works')
  assert.equal(verdict({ node, engine: printed({ a: 2 }) }), 'differs')
  assert.equal(verdict({ node, engine: failed }), 'fails')
  assert.equal(verdict({ node, engine: { ...failed, timedOut: true } }), 'no end')
  assert.equal(verdict({ node: failed, engine: node }), 'fails on Node')
  assert.equal(verdict({ node: failed, engine: failed }), 'fails on Node too')
})

test('output before a failure is not a result', () => {
  const engine = { ...printed(1), code: 1 }
  assert.equal(verdict({ node: printed(1), engine }), 'fails')
})

test('a module may have more exports on the engine than on Node, but not fewer', () => {
  const node = printed(['a', 'b'])
  assert.equal(verdict({ node, engine: printed(['a', 'b', 'c']) }, hasAll), 'works')
  assert.equal(verdict({ node, engine: printed(['a']) }, hasAll), 'differs')
})

const result = (name, use, more) => ({ name, import: 'works', use, ...more })
const table = `# Title

| package | version | import | use | why |
| --- | --- | --- | --- | --- |
| \`ws\` | ${packages.ws} | works | works |  |
| \`sharp\` | ${packages.sharp} | works | fails | native: \`a\` or b |

After.
`

test('the table has expected results and reasons', () => {
  const expected = expectations(table)
  assert.deepEqual([...expected.keys()], ['ws', 'sharp'])
  assert.deepEqual(differences([result('ws', 'works'), result('sharp', 'fails')], expected), [])
  const wrong = differences([result('ws', 'fails'), result('sharp', 'works')], expected)
  assert.equal(wrong.length, 3)
  assert.equal(wrong[0], 'ws, use: expected "works", got "fails"')
  assert.match(wrong[1], /ws.*no reason/)
})

test('other versions, missing rows and unknown rows are differences', () => {
  const expected = expectations(table.replace(packages.ws, '1.0.0'))
  assert.match(differences([result('ws', 'works')], expected)[0], /^ws .* is not in the table$/)
  assert.match(differences([result('koa', 'works')], expected)[0], /^koa .* is not in the table$/)
  const gone = expectations(table.replace('`ws`', '`gone`'))
  assert.deepEqual(differences([], gone), ['gone is in the table but not in the list'])
})

test('new results preserve reasons and the text around the table', () => {
  const written = withResults(table, [result('sharp', 'no end')], expectations(table))
  assert.match(written, /^# Title\n\n\| package/)
  assert.match(written, /\| works \| no end \| native: `a` or b \|\n\nAfter\.\n$/)
  assert.ok(!written.includes('`ws`'))
  assert.ok(withResults('# Title\n', [result('ws', 'works')], new Map()).includes('`ws`'))
})

test('each package has a use, a pinned version and a row', () => {
  assert.deepEqual(Object.keys(uses).sort(), Object.keys(packages).sort())
  const rows = expectations(readFileSync(join(root, 'docs/packages.md'), 'utf8'))
  for (const [name, version] of Object.entries(packages)) {
    assert.match(version, /^\d+\.\d+\.\d+$/)
    assert.equal(rows.get(name)?.version, version, name)
  }
})
