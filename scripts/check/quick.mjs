/** The Rust tests of `npm run test:quick`. They share their build, and thus their features, with `npm test`. */
import { workspace } from '../lib/app.mjs'
import { cargoTest } from '../lib/tests.mjs'

/** Conformance cases that take more than twenty times the processor time of an average one. */
const slowCases = [
  'a_heap_that_fills_while_engine_modules_load_ends_with_heap_limit',
  'a_kill_amid_modules_of_the_runtimes_own_is_a_kill_like_any',
  'a_kill_right_before_an_import_is_a_kill_like_any',
  'fork_uses_the_first_runtime_that_the_script_may_run',
  'a_worker_whose_heap_is_full_amid_modules_of_the_engines_own_ends_alone',
  'certificate_authorities_come_from_the_environment_of_the_start',
  'released_memory_can_be_allocated_again',
  'no_api_reaches_resources_without_permission',
  'files_of_the_application_in_proc_stay_closed',
]

/** Conformance runs on these and on `embedded`. */
const otherRuntimes = ['warm', 'deno', 'bun', 'node']

export const quickCargoTestSkips =
  `conformance on ${otherRuntimes.join(', ')}, and ${slowCases.length} slow cases on embedded; ` +
  'hazards, guardian, jsproc, fatal signals, cycles; the tests of the plugin in an app; documentation tests'

/** Unit tests, house rules, and conformance on the embedded engine. Returns the number of passed tests. */
export async function quickCargoTest(env) {
  const units = [...workspace, '--lib', '--test', 'tidy']
  const conformance = [...workspace, '--test', 'conformance']
  const skip = [...otherRuntimes.map((runtime) => `${runtime}::`), ...slowCases]
  return (
    (await cargoTest({ name: 'unit tests and tidy' }, units, env)) +
    (await cargoTest({ name: 'conformance of the embedded engine' }, conformance, env, skip))
  )
}
