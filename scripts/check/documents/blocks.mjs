/** Checks code blocks: their language, and the syntax of JSON and TOML. */
import { parse as parseToml } from 'smol-toml'
import ts from 'typescript'

const languages = ['sh', 'json', 'jsonc', 'toml', 'ts', 'js', 'rust', 'text', 'mermaid']

/** Aliases, which documents must not use. */
const aliases = {
  bash: 'sh',
  console: 'sh',
  shell: 'sh',
  typescript: 'ts',
  javascript: 'js',
  mjs: 'js',
  rs: 'rust',
  plain: 'text',
  txt: 'text',
}

/** The checked blocks of these languages, with their documents. */
export function blocksOf(documents, ...names) {
  return documents.flatMap((document) =>
    document.blocks
      .filter((block) => block.unchecked === undefined && names.includes(block.language))
      .map((block) => ({ document, block })),
  )
}

/** The path in ```` ```ts file=backends/math.ts ````. */
export function fileOf(block) {
  return /^file=(\S+)$/.exec(block.meta)?.[1]
}

export function blockFaults(documents) {
  return documents.flatMap((document) =>
    document.blocks.flatMap((block) => {
      const message = fenceFault(block)
      const fault = message ? { line: block.line, message } : contentFault(block)
      return fault ? [{ path: document.path, ...fault }] : []
    }),
  )
}

function fenceFault({ language, meta, unchecked, ...block }) {
  if (unchecked === '')
    return 'the comment above this block gives no reason: <!-- unchecked: reason -->'
  const known = languages.join(', ')
  if (language === '') return `this code block has no language: put a fence with one of ${known}`
  if (aliases[language]) return `write "${aliases[language]}" instead of "${language}"`
  if (!languages.includes(language)) {
    return `there is no check for the language "${language}": use one of ${known}, or extend scripts/check/documents/blocks.mjs`
  }
  if (meta !== '' && !fileOf({ ...block, meta })) {
    return (
      `"${meta}" after the language is not known: only file=PATH is. To disable the check, put a ` +
      'comment above the block: <!-- unchecked: reason -->'
    )
  }
  return undefined
}

function contentFault(block) {
  if (block.unchecked !== undefined) return undefined
  if (block.language === 'json') return jsonFault(block)
  if (block.language === 'jsonc') return commentedJsonFault(block)
  if (block.language === 'toml') return tomlFault(block)
  return undefined
}

/** Accepts a value, or the members of an object: `"name": value, …`. */
function jsonFault({ code, line }) {
  const isMembers = /^\s*"(?:[^"\\]|\\.)*"\s*:/.test(code)
  const text = isMembers ? `{${code}}` : code
  try {
    JSON.parse(text)
    return undefined
  } catch (error) {
    // Only messages about long texts have a position. TypeScript finds the others, but accepts comments.
    const named = /position (\d+)/.exec(error.message)?.[1]
    const at = named === undefined ? (commentedJsonError(text)?.start ?? 0) : Number(named)
    const [message] = error.message.split('\n')
    return {
      line: line + lineOf(text, at),
      message: `this is not JSON, nor the members of a JSON object: ${message}`,
    }
  }
}

function commentedJsonFault({ code, line }) {
  const error = commentedJsonError(code)
  if (!error) return undefined
  const message = ts.flattenDiagnosticMessageText(error.messageText, ' ')
  return {
    line: line + lineOf(code, error.start),
    message: `this is not JSON with comments: ${message}`,
  }
}

function commentedJsonError(text) {
  return ts.parseConfigFileTextToJson('block.jsonc', text).error
}

/** The line of a position, from 1. */
function lineOf(text, position) {
  return text.slice(0, position).split('\n').length
}

function tomlFault({ code, line }) {
  try {
    parseToml(code)
    return undefined
  } catch (error) {
    const [message] = error.message.split('\n')
    return { line: line + (error.line ?? 1), message: `this is not TOML: ${message}` }
  }
}
