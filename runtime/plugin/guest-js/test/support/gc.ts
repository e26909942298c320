/** Garbage collection on demand. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { until } from './page.ts'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** Collects garbage until a condition holds. */
export async function collectUntil(condition: () => boolean, what: string): Promise<void> {
  await until(() => {
    collect()
    return condition()
  }, what)
}
