/** `npm run dev`: the app with a page that reloads when it is changed, and Rust that is built anew. */
import { requireDisplay, runTauri } from './lib/app.mjs'
import { runMain } from './lib/log.mjs'
import { buildEnv } from './lib/paths.mjs'
import { setUp } from './setup.mjs'

await runMain(async (args) => {
  const env = buildEnv()
  requireDisplay(env)
  await setUp({ env })
  return runTauri(['dev', ...args], env)
})
