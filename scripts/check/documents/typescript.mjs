/**
 * Type-checks the `ts` and `js` blocks of documents with strict TypeScript, the sources of the guest API and the
 * installed types. Each document is a folder and each block a module in it. `file=PATH` sets the module's path, so that
 * another block can import it. A document may contain pages and backends, so all blocks have the types of the DOM, Node
 * and Deno.
 */
import { posix } from 'node:path'
import ts from 'typescript'
import { blocksOf, fileOf } from './blocks.mjs'

/** @returns {ts.CompilerOptions} */
function compilerOptions(root) {
  return {
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.Preserve,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    moduleDetection: ts.ModuleDetectionKind.Force,
    lib: ['lib.es2023.d.ts', 'lib.dom.d.ts', 'lib.dom.iterable.d.ts'],
    types: ['node', 'deno'],
    paths: {
      'tauri-plugin-js-api': [posix.join(root, 'runtime/plugin/guest-js/src/index.ts')],
      'tauri-plugin-js-api/backend': [
        posix.join(root, 'runtime/plugin/guest-js/src/backend/index.ts'),
      ],
    },
    strict: true,
    allowJs: true,
    checkJs: true,
    allowImportingTsExtensions: true,
    skipLibCheck: true,
    noEmit: true,
  }
}

export function typeScriptFaults(documents, root) {
  const base = root.replaceAll('\\', '/').replace(/\/$/, '')
  const modules = new Map()
  const faults = []
  for (const [index, { document, block }] of blocksOf(documents, 'ts', 'js').entries()) {
    const name = fileOf(block) ?? `block-${index}.${block.language}`
    // Inside the checkout, so that TypeScript finds its node_modules.
    const file = posix.join(base, '.documents', document.path, name)
    if (modules.has(file)) {
      const message = `another block of this page has file=${name} too: a file is one block`
      faults.push({ path: document.path, line: block.line, message })
    } else modules.set(file, { document, block })
  }
  if (modules.size === 0) return faults
  const options = compilerOptions(base)
  const program = ts.createProgram([...modules.keys()], options, hostWith(modules, options, base))
  for (const diagnostic of program.getConfigFileParsingDiagnostics())
    faults.push(faultOf(diagnostic))
  for (const diagnostic of program.getOptionsDiagnostics()) faults.push(faultOf(diagnostic))
  for (const [name, module] of modules) {
    const file = program.getSourceFile(name)
    const found = [
      ...program.getSyntacticDiagnostics(file),
      ...program.getSemanticDiagnostics(file),
    ]
    faults.push(...found.map((diagnostic) => faultOf(diagnostic, module)))
  }
  return faults
}

/** A compiler host whose file system contains the blocks. */
function hostWith(modules, options, base) {
  const host = ts.createCompilerHost(options)
  const { fileExists, readFile, directoryExists, getSourceFile } = host
  const folders = new Set()
  for (const file of modules.keys()) {
    for (let at = posix.dirname(file); at.startsWith(base) && at !== base; at = posix.dirname(at))
      folders.add(at)
  }
  const code = (name) => modules.get(name)?.block.code
  return Object.assign(host, {
    getCurrentDirectory: () => base,
    fileExists: (name) => modules.has(name) || fileExists(name),
    readFile: (name) => code(name) ?? readFile(name),
    directoryExists: (name) => folders.has(name) || directoryExists(name),
    getSourceFile: (name, version, ...rest) =>
      modules.has(name)
        ? ts.createSourceFile(name, code(name), version, true)
        : getSourceFile(name, version, ...rest),
  })
}

/** Codes of TypeScript for unresolved imports. */
const unresolvedImport = [2307, 2882, 7016]

function faultOf({ code, messageText, file, start }, module) {
  const text = ts.flattenDiagnosticMessageText(messageText, ' ')
  const isRelative = unresolvedImport.includes(code) && /'\.{1,2}\//.test(text)
  const remedy = isRelative
    ? ' If another block of this page is that file, write file=PATH after its language.'
    : ''
  const message = `TypeScript: ${text} (TS${code})${remedy}`
  if (!module) return { path: 'scripts/check/documents/typescript.mjs', line: 1, message }
  const line = file ? file.getLineAndCharacterOfPosition(start).line + 1 : 0
  return { path: module.document.path, line: module.block.line + line, message }
}
