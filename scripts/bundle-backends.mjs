/**
 * `node scripts/bundle-backends.mjs <folder> [file ...]`: bundles each backend, and each given file, into one
 * self-contained module, which runs embedded and on Deno, Bun and Node. The app's build script compiles the backends
 * into the app.
 */
import { readdirSync } from 'node:fs'
import { join, parse, resolve } from 'node:path'
import { UserError, runMain } from './lib/log.mjs'
import { isMain, root } from './lib/paths.mjs'

/** File names of backends. Other files are shared modules. */
const backendFile = /^(?:.+-)?worker\.(?:ts|mjs)$/

/** The backends of a folder. `worker.ts` has the name `worker`. */
export function backendsIn(folder = join(root, 'backends')) {
  const files = readdirSync(folder).filter((name) => backendFile.test(name))
  return files.sort().map((name) => ({ name: parse(name).name, file: join(folder, name) }))
}

/** Bundles a backend. Returns the path of the module. */
export async function bundle({ name, file }, into) {
  // A dynamic import, so that a missing package gives an error with a remedy.
  const { rolldown } = await import('rolldown').catch(() => {
    throw new UserError('the package `rolldown` is not installed: run `npm run setup`')
  })
  const build = await rolldown({
    input: { [name]: file },
    cwd: root,
    // Its `paths` name declarations for the type checker.
    tsconfig: false,
    // Replaces no modules or globals. Built-in modules stay imports.
    platform: 'neutral',
    external: /^node:/,
    resolve: {
      alias: {
        'npm:kkrpc/deno': 'kkrpc/deno',
        // The package's source, so that no build of it can be out of date.
        'tauri-plugin-js-api/backend': join(root, 'runtime/plugin/guest-js/src/backend/index.ts'),
      },
      conditionNames: ['import'],
      mainFields: ['module', 'main'],
    },
    // kkrpc's entry file imports one of its adapters for its side effects only.
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

async function bundleAll([into, ...files]) {
  if (into === undefined) {
    throw new UserError('usage: node scripts/bundle-backends.mjs <folder> [file ...]')
  }
  const given = files.map((file) => ({ name: parse(file).name, file: resolve(file) }))
  for (const backend of [...backendsIn(), ...given]) await bundle(backend, resolve(into))
}

if (isMain(import.meta.url)) await runMain(bundleAll)
