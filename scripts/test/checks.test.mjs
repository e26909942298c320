/** Tests of the lists of checks of `npm test` and `npm run test:quick`. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { root } from '../lib/paths.mjs'
import { checks, quickChecks } from '../check/steps.mjs'

test('quick checks are a part of `npm test`, start with set-up, and list the skipped ones', () => {
  const all = checks({}).map(({ name }) => name)
  const { setUp, concurrent, skipped } = quickChecks({})
  const quick = [setUp, ...concurrent].map(({ name }) => name)
  assert.equal(setUp.name, all[0])
  assert.ok(quick.length > 5 && quick.length < all.length)
  assert.equal(new Set(quick).size, quick.length)
  for (const name of quick) assert.ok(all.includes(name), name)
  const whole = all.filter(
    (name) => quick.includes(name) && !skipped.some((entry) => entry.startsWith(`${name}: `)),
  )
  const named = skipped.map((entry) => entry.split(':')[0])
  assert.deepEqual([...whole, ...named].sort(), [...all].sort())
})

test('the checks load in a clone without node_modules', () => {
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
