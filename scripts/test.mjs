/**
 * `npm test`: everything that must hold, from formatting to the tests of every runtime. `npm run test:quick` runs a
 * part of it, several checks at a time, in less than two minutes once all is built. Both start no further check after
 * one that fails.
 */
import { availableParallelism } from 'node:os'
import { checks, quickChecks } from './check/steps.mjs'
import { mapLimited } from './lib/limited.mjs'
import { UserError, duration, print, runMain } from './lib/log.mjs'
import { buildEnv } from './lib/paths.mjs'

await runMain(async (args) => {
  const quick = args.length === 1 && args[0] === '--quick'
  if (args.length > 0 && !quick) {
    throw new UserError(`npm test takes no arguments, got: ${args.join(' ')}`)
  }
  // deno and bun come with npm: a runtime that is missing is a failure here, not a reason to skip.
  const env = { ...buildEnv(), JS_RUNTIME_REQUIRE_ALL: '1' }
  const start = Date.now()
  const list = quick ? await runQuick(env) : await runAll(env)
  const spent = duration(Date.now() - start)
  print(`\n${quick ? 'the quick checks' : 'all checks'} passed in ${spent}`)
  print(`checks: ${list.length} passed, 0 failed`)
})

async function runAll(env) {
  const list = checks(env)
  for (const [index, one] of list.entries()) await timed(titleOf(one, index, list), one.check)
  return list
}

async function runQuick(env) {
  const { first, others, leftOut } = quickChecks(env)
  const list = [first, ...others]
  await timed(titleOf(first, 0, list), first.check)
  let failed
  // One more than there are processors: the tests of the guest API wait for half of their time.
  await mapLimited(others, availableParallelism() + 1, async (one, index) => {
    if (failed) return
    try {
      await timed(titleOf(one, index + 1, list), one.check)
    } catch (error) {
      if (!failed) print(`\n== ${one.name} failed; the checks that run beside it end first`)
      failed ??= error
    }
  })
  if (failed) throw failed
  print(`\nleft to \`npm test\`:\n${leftOut.map((what) => `  ${what}`).join('\n')}`)
  return list
}

function titleOf({ name }, index, list) {
  return `${index + 1}/${list.length} ${name}`
}

async function timed(title, check) {
  print(`\n== ${title}`)
  const start = Date.now()
  try {
    const count = await check()
    const tests = typeof count === 'number' ? `${count} tests passed` : 'passed'
    print(`== ${title}: ${tests} in ${duration(Date.now() - start)}`)
  } catch (error) {
    if (!(error instanceof UserError)) throw error
    throw new UserError(`the check "${title}" failed: ${error.message}`, { details: error.details })
  }
}
