/**
 * `npm test`: runs all checks, from formatting to the tests of every runtime. `npm run test:quick` runs some of them
 * concurrently, in less than two minutes after the first build. Neither starts another check after a failure.
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
  // npm installs deno and bun, so a missing runtime fails its tests instead of skipping them.
  const env = { ...buildEnv(), JS_RUNTIME_REQUIRE_ALL: '1' }
  const start = Date.now()
  const list = quick ? await runQuick(env) : await runAll(env)
  const elapsed = duration(Date.now() - start)
  print(`\n${quick ? 'the quick checks' : 'all checks'} passed in ${elapsed}`)
  print(`checks: ${list.length} passed, 0 failed`)
})

async function runAll(env) {
  const list = checks(env)
  for (const [index, entry] of list.entries()) await timed(titleOf(entry, index, list), entry.check)
  return list
}

async function runQuick(env) {
  const { setUp, concurrent, skipped } = quickChecks(env)
  const list = [setUp, ...concurrent]
  await timed(titleOf(setUp, 0, list), setUp.check)
  let failed
  // One more than the number of processors: the tests of the guest API are idle half of their time.
  await mapLimited(concurrent, availableParallelism() + 1, async (entry, index) => {
    if (failed) return
    try {
      await timed(titleOf(entry, index + 1, list), entry.check)
    } catch (error) {
      if (!failed) print(`\n== ${entry.name} failed; waiting for the running checks`)
      failed ??= error
    }
  })
  if (failed) throw failed
  print(`\nonly in \`npm test\`:\n${skipped.map((name) => `  ${name}`).join('\n')}`)
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
