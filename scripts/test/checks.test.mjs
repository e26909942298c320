/** The checks of `npm test` and the part of them that `npm run test:quick` runs. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { root } from '../lib/paths.mjs'
import { checks, quickChecks } from '../check/steps.mjs'

test('the quick checks are checks of `npm test`, the set-up first, and the others are named as left out', () => {
  const all = checks({}).map(({ name }) => name)
  const { first, others, leftOut } = quickChecks({})
  const quick = [first, ...others].map(({ name }) => name)
  assert.equal(first.name, all[0])
  assert.ok(quick.length > 5 && quick.length < all.length)
  assert.equal(new Set(quick).size, quick.length)
  for (const name of quick) assert.ok(all.includes(name), name)
  const whole = all.filter(
    (name) => quick.includes(name) && !leftOut.some((what) => what.startsWith(`${name}: `)),
  )
  const named = leftOut.map((what) => what.split(':')[0])
  assert.deepEqual([...whole, ...named].sort(), [...all].sort())
})

test('the checks load in a clone that has no node_modules yet', () => {
  const clone = mkdtempSync(join(tmpdir(), 'js-runtime-clone-'))
  try {
    cpSync(join(root, 'scripts'), join(clone, 'scripts'), { recursive: true })
    cpSync(join(root, 'package.json'), join(clone, 'package.json'))
    const load = "await import('./scripts/check/steps.mjs')"
    writeFileSync(join(clone, 'load.mjs'), load)
    execFileSync(process.execPath, ['load.mjs'], { cwd: clone, stdio: 'pipe' })
  } finally {
    rmSync(clone, { recursive: true })
  }
})
