/**
 * `npm run bench`: compares an optimised build with Deno, Bun and Node as children, and a page with the same page on
 * tauri-plugin-js. Prints tables and writes `docs/bench.json` and `docs/bench.svg`.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import { join } from 'node:path'
import { bundleBenchBackends } from './bench/backends.mjs'
import { evaluate } from './bench/comparisons.mjs'
import { buildPageApps, measurePage } from './bench/page.mjs'
import { picture } from './bench/picture.mjs'
import { compare, comparisonTable, table } from './bench/report.mjs'
import { measureSizes } from './bench/sizes.mjs'
import { UserError, runMain, say } from './lib/log.mjs'
import { buildEnv, root } from './lib/paths.mjs'
import { capture } from './lib/run.mjs'
import { setUp } from './setup.mjs'

await runMain(async (args) => {
  if (args.length > 0)
    throw new UserError(`npm run bench takes no arguments, got: ${args.join(' ')}`)
  const env = buildEnv()
  await setUp({ env, purposes: ['engine', 'window', 'test'] })
  say(
    'bench',
    'the first optimised builds take an hour or more, measuring takes about half an hour',
  )
  const figures = await measure(env)
  const comparisons = evaluate(figures)
  console.log(`\n${table(compare(figures))}\n\n${comparisonTable(comparisons)}`)
  const document = { machine: machine(), versions: versions(env), figures, comparisons }
  writeFileSync(join(root, 'docs/bench.json'), JSON.stringify(document, null, 2) + '\n')
  writeFileSync(join(root, 'docs/bench.svg'), picture(comparisons))
})

/** All rows. The apps are built before the first measurement. */
async function measure(env) {
  const backends = mkdtempSync(join(os.tmpdir(), 'js-runtime-bench-'))
  try {
    await bundleBenchBackends(backends)
    const sizes = await measureSizes(env)
    const apps = await buildPageApps(env)
    return [...measureCore(env, backends), ...(await measurePage(apps, backends)), ...sizes]
  } finally {
    rmSync(backends, { recursive: true, force: true })
  }
}

function measureCore(env, backends) {
  const args = ['bench', '-p', 'js-runtime', '--bench', 'speed', '--', backends]
  const stdio = ['ignore', 'pipe', 'inherit']
  return JSON.parse(capture('cargo', args, { cwd: root, env, stdio })).figures
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
