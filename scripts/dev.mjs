/** `npm run dev`: runs the app, reloads its page on changes, and rebuilds its Rust code on changes. */
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
