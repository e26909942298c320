/**
 * `npm test`: everything that must hold, from formatting to the tests of every runtime. Stops at the
 * first check that fails.
 */
import { checks } from './check/steps.mjs'
import { UserError, duration, runMain } from './lib/log.mjs'
import { buildEnv } from './lib/paths.mjs'

await runMain(async (args) => {
  if (args.length > 0) throw new UserError(`npm test takes no arguments, got: ${args.join(' ')}`)
  // deno and bun come with npm: a runtime that is missing is a failure here, not a reason to skip.
  const env = { ...buildEnv(), JS_RUNTIME_REQUIRE_ALL: '1' }
  const list = checks(env)
  const start = Date.now()
  for (const [index, { name, check }] of list.entries()) {
    await timed(`${index + 1}/${list.length} ${name}`, check)
  }
  console.log(`\nall checks passed in ${duration(Date.now() - start)}`)
  console.log(`checks: ${list.length} passed, 0 failed`)
})

async function timed(title, check) {
  console.log(`\n== ${title}`)
  const start = Date.now()
  try {
    const count = await check()
    const tests = typeof count === 'number' ? `${count} tests passed` : 'passed'
    console.log(`== ${title}: ${tests} in ${duration(Date.now() - start)}`)
  } catch (error) {
    if (!(error instanceof UserError)) throw error
    throw new UserError(`the check "${title}" failed: ${error.message}`, { details: error.details })
  }
}
