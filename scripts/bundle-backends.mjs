/**
 * `node scripts/bundle-backends.mjs <folder>`: turns every backend into one self-contained module that
 * runs unchanged embedded, on Deno, Bun and Node. The app's build script compiles them into the app.
 */
import { readdirSync } from 'node:fs'
import { join, parse, resolve } from 'node:path'
import { UserError, runMain } from './lib/log.mjs'
import { isMain, root } from './lib/paths.mjs'

/** Which files are backends; the others are what they share. */
const entry = /^(?:.+-)?worker\.(?:ts|mjs)$/

/** The backends of a folder by name: `worker.ts` is `worker`. */
export function backendsIn(folder = join(root, 'backends')) {
  const files = readdirSync(folder).filter((name) => entry.test(name))
  return files.sort().map((name) => ({ name: parse(name).name, file: join(folder, name) }))
}

/** Bundles one backend and returns the path of the module. */
export async function bundle({ name, file }, into) {
  // Not at the top: where the packages are missing, the error says what to do.
  const { rolldown } = await import('rolldown').catch(() => {
    throw new UserError('the package `rolldown` is not installed: run `npm run setup`')
  })
  const build = await rolldown({
    input: { [name]: file },
    cwd: root,
    // Its `paths` lead to declarations, which are for the type checker.
    tsconfig: false,
    // Neither a browser nor Node: nothing is replaced, and what all runtimes have stays an import.
    platform: 'neutral',
    external: /^node:/,
    resolve: {
      alias: { 'npm:kkrpc/deno': 'kkrpc/deno' },
      conditionNames: ['import'],
      mainFields: ['module', 'main'],
    },
    // kkrpc's entry file imports all its adapters, one of them only for its side effects.
    treeshake: { moduleSideEffects: (id) => !id.includes('node_modules') },
    onLog(level, log) {
      if (level === 'warn') throw new Error(log.message)
    },
  })
  try {
    const { output } = await build.write({
      dir: into,
      format: 'es',
      entryFileNames: '[name].mjs',
      codeSplitting: false,
    })
    return join(into, output[0].fileName)
  } catch (error) {
    throw new UserError(`${file} cannot be bundled: ${error.message}`)
  } finally {
    await build.close()
  }
}

async function bundleAll([into]) {
  if (into === undefined) throw new UserError('usage: node scripts/bundle-backends.mjs <folder>')
  for (const backend of backendsIn()) await bundle(backend, resolve(into))
}

if (isMain(import.meta.url)) await runMain(bundleAll)
