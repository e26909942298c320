/** Code blocks: each has a language; JSON and TOML parse. */
import { parse as parseToml } from 'smol-toml'
import ts from 'typescript'

const languages = ['sh', 'json', 'jsonc', 'toml', 'ts', 'js', 'rust', 'text', 'mermaid']

/** Other names of these languages: a page uses one. */
const otherNames = {
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

/** Each block of a document that is not marked as unchecked, with its document. */
export function blocksOf(documents, ...names) {
  return documents.flatMap((document) =>
    document.blocks
      .filter((block) => block.unchecked === undefined && names.includes(block.language))
      .map((block) => ({ document, block })),
  )
}

/** The path after the language, ```` ```ts file=backends/math.ts ````. */
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
  if (otherNames[language]) return `write "${otherNames[language]}" instead of "${language}"`
  if (!languages.includes(language)) {
    return `nothing checks the language "${language}": use one of ${known}, or teach scripts/check/documents/blocks.mjs`
  }
  if (meta !== '' && !fileOf({ ...block, meta })) {
    return (
      `"${meta}" after the language is not known: only file=PATH is. A block that must not be checked has a ` +
      'comment above it: <!-- unchecked: reason -->'
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

/** A value, or a part of a file: the members of an object, `"name": value, …`. */
function jsonFault({ code, line }) {
  const isMembers = /^\s*"(?:[^"\\]|\\.)*"\s*:/.test(code)
  const text = isMembers ? `{${code}}` : code
  try {
    JSON.parse(text)
    return undefined
  } catch (error) {
    // The message has the place in long texts only, and TypeScript takes comments.
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

/** The line from 1 on of a position in a text. */
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
