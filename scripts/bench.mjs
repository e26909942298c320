/**
 * `npm run bench`: compares an optimised build with Deno, Bun and Node as children, and a page with the same page on
 * tauri-plugin-js. Prints a table and writes `docs/bench.json` and `docs/bench.svg`.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import { join } from 'node:path'
import { measurePage } from './bench/page.mjs'
import { picture } from './bench/picture.mjs'
import { compare, table } from './bench/report.mjs'
import { backendsIn, bundle } from './bundle-backends.mjs'
import { UserError, runMain, say } from './lib/log.mjs'
import { buildEnv, root } from './lib/paths.mjs'
import { capture } from './lib/run.mjs'
import { setUp } from './setup.mjs'

await runMain(async (args) => {
  if (args.length > 0)
    throw new UserError(`npm run bench takes no arguments, got: ${args.join(' ')}`)
  const env = buildEnv()
  await setUp({ env, purposes: ['engine', 'window', 'test'] })
  say('bench', 'the first optimised builds take about 40 minutes, measuring takes 6')
  const figures = [...(await measure(env)), ...(await measurePage(env))]
  const rows = compare(figures)
  console.log(`\n${table(rows)}`)
  const document = { machine: machine(), versions: versions(env), figures }
  writeFileSync(join(root, 'docs/bench.json'), JSON.stringify(document, null, 2) + '\n')
  writeFileSync(join(root, 'docs/bench.svg'), picture(rows))
})

async function measure(env) {
  const folder = mkdtempSync(join(os.tmpdir(), 'js-runtime-bench-'))
  try {
    const worker = backendsIn().find(({ name }) => name === 'worker')
    await bundle(worker, folder)
    const args = ['bench', '-p', 'js-runtime', '--bench', 'speed', '--', join(folder, 'worker.mjs')]
    const stdio = ['ignore', 'pipe', 'inherit']
    return JSON.parse(capture('cargo', args, { cwd: root, env, stdio })).figures
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** The hardware and system, on which the figures depend. */
function machine() {
  const [{ model }] = os.cpus()
  return {
    cpu: model.trim(),
    cores: os.cpus().length,
    memoryGiB: Math.round(os.totalmem() / 1024 ** 3),
    system: `${os.platform()} ${os.release().split('-')[0]} ${os.arch()}`,
  }
}

function versions(env) {
  const first = (program) => capture(program, ['--version'], { env }).split('\n')[0].trim()
  return { bun: first('bun'), deno: first('deno'), node: first('node') }
}
