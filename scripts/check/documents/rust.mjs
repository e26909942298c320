/**
 * Type-checks the `rust` blocks of documents with the libraries of the workspace's build.
 *
 * A block is the body of an asynchronous function: it can use `.await` and `?`, and may end with a value. It can use
 * `app`, a `tauri::AppHandle`, and the crates in `crates`. The files of the reader's app do not exist here, so
 * `include_str!` becomes a string, and `tauri::generate_context!()` becomes Tauri's mock context.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { targetFolder } from '../../lib/app.mjs'
import { buildArtifacts } from '../../lib/cargo.mjs'
import { UserError } from '../../lib/log.mjs'
import { root } from '../../lib/paths.mjs'
import { runStep } from '../../lib/step.mjs'
import { blocksOf } from './blocks.mjs'

/** The crates that blocks can use. */
const crates = ['js_runtime', 'serde_json', 'tauri', 'tauri_plugin_js', 'tokio']

/** `options` are the packages and features of the build. Returns the number of blocks. */
export async function checkRust(documents, options, env) {
  const blocks = blocksOf(documents, 'rust')
  if (blocks.length === 0) return 0
  const step = { name: 'libraries for documents', doing: 'compiling the libraries' }
  const artifacts = await buildArtifacts(step, ['build', '--lib', ...options], env)
  await compileBlocks(blocks, librariesOf(artifacts), join(targetFolder(env), 'documents'), env)
  return blocks.length
}

/** The library files of `crates`, by crate. */
function librariesOf(artifacts) {
  return Object.fromEntries(
    crates.map((name) => {
      const built = artifacts.filter(({ target }) => target.name.replaceAll('-', '_') === name)
      const files = built.flatMap(({ filenames }) =>
        filenames.filter((file) => file.endsWith('.rlib')),
      )
      if (files.length > 0) return [name, files.at(-1)]
      throw new UserError(
        `cargo built no library of the crate ${name}: see the log of the previous step`,
      )
    }),
  )
}

/** Compiles all blocks as one crate. `libraries` has the file of each crate that they can use. */
export async function compileBlocks(blocks, libraries, folder, env) {
  mkdirSync(folder, { recursive: true })
  const file = join(folder, 'documents.rs')
  const { source, origins } = crateOf(blocks, 'tauri' in libraries)
  writeFileSync(file, source)
  const folders = [...new Set(Object.values(libraries).map(dirname))]
  const args = [
    ...['--edition', '2024', '--crate-type', 'lib', '--emit', 'metadata', '--cap-lints', 'allow'],
    ...['--error-format', 'json', '--out-dir', folder],
    ...folders.flatMap((path) => ['-L', `dependency=${path}`]),
    ...Object.entries(libraries).flatMap(([name, path]) => ['--extern', `${name}=${path}`]),
    file,
  ]
  const step = {
    name: 'Rust in documents',
    part: 'check',
    doing: 'compiling the Rust blocks of the documents',
    excerpt: (lines) => errorsOf(lines, origins),
    remedy:
      'Fix the errors above; the head of scripts/check/documents/rust.mjs describes the context of a block',
  }
  await runStep(step, [env.RUSTC || 'rustc', args, { cwd: root, env }])
}

/** The source of the crate, and the document and line of each of its lines. */
function crateOf(blocks, hasApp) {
  const lines = []
  const origins = []
  const add = (line, origin) => {
    lines.push(line)
    origins.push(origin)
  }
  for (const [index, { document, block }] of blocks.entries()) {
    const app = hasApp ? 'app: tauri::AppHandle' : ''
    const result = 'Result<(), Box<dyn std::error::Error>>'
    const origin = (line) => `${document.path}:${line}`
    add(`pub async fn block_${index}(${app}) -> ${result} { let _ = {`, origin(block.line))
    const code = withoutFiles(block.code).split('\n')
    for (const [at, line] of code.entries()) add(line, origin(block.line + 1 + at))
    add('}; Ok(()) }', origin(block.line + code.length))
  }
  return { source: `${lines.join('\n')}\n`, origins }
}

/** Replaces references to files of the reader's app without changing line numbers. */
function withoutFiles(code) {
  return code
    .replace(/\binclude_str!\(("[^"\n]*")\)/g, '$1')
    .replace(
      /\btauri::generate_context!\(\)/g,
      'tauri::test::mock_context(tauri::test::noop_assets())',
    )
}

/** rustc's errors, with the lines of the documents. */
function errorsOf(lines, origins) {
  const errors = lines.flatMap((line) => {
    if (!line.startsWith('{')) return [line]
    const { level, message, code, spans = [], children = [] } = JSON.parse(line)
    // Summaries such as "aborting due to 2 previous errors" have no location.
    if (level !== 'error' || spans.length === 0) return []
    const span = spans.find((candidate) => candidate.is_primary) ?? spans[0]
    const label = span.label ? ` (${span.label})` : ''
    const help = children
      .filter(({ level }) => level === 'help')
      .map(({ message }) => `; ${message}`)
    const name = code ? ` (${code.code})` : ''
    return [`${origins[span.line_start - 1]}: Rust: ${message}${label}${name}${help.slice(0, 1)}`]
  })
  return errors.length > 0 ? errors : lines
}
