/**
 * Checks shell commands in documents: npm scripts, cargo packages and targets, and files must exist.
 *
 * It splits lines into commands and words well enough for examples, and follows `cd` to find the package.json of a
 * command. A block starts in the checkout. A folder named `tauri-js-runtime` is the checkout too. Commands in any other
 * folder outside of it, such as the reader's app, are not checked.
 */
import { posix } from 'node:path'
import { blocksOf } from './blocks.mjs'
import { pathFault } from './links.mjs'

/** npm commands that run the script of the same name. */
const scriptCommands = ['test', 'start', 'stop', 'restart']

const targetOptions = {
  '--test': 'test',
  '--bench': 'bench',
  '--example': 'example',
  '--bin': 'bin',
}

export function shellFaults(documents, repository) {
  const inBlocks = blocksOf(documents, 'sh').flatMap(({ document, block }) =>
    commandFaults(block.code, repository).map(({ line, message }) => ({
      path: document.path,
      line: block.line + line,
      message,
    })),
  )
  const inline = documents.flatMap(({ path, inlineCode }) =>
    inlineCode
      .filter(({ code }) => /^(?:npm|node|cargo) /.test(code))
      .flatMap(({ line, code }) =>
        commandFaults(code, repository).map(({ message }) => ({ path, line, message })),
      ),
  )
  return [...inBlocks, ...inline]
}

/** The faults of a script, with their lines from 1. */
function commandFaults(code, repository) {
  const faults = []
  // A stack: `cd` in a subshell does not change the folder of its parent.
  const folders = ['.']
  for (const { line, words, opens, closes } of commands(code)) {
    const folder = folders.at(-1)
    const message = (text) => faults.push({ line, message: text })
    if (words[0] === 'cd') folders[folders.length - 1] = changeFolder(folder, words[1] ?? '')
    else if (folder !== undefined && words.length > 0) check(words, folder, repository, message)
    if (opens) folders.push(folders.at(-1))
    if (closes && folders.length > 1) folders.pop()
  }
  return faults
}

/** The folder after `cd`, relative to the root; undefined outside of the checkout. */
function changeFolder(folder, target) {
  const [, inCheckout] = /(?:^|\/)tauri-js-runtime(?:\/(.*))?$/.exec(target) ?? []
  if (/(?:^|\/)tauri-js-runtime(?:\/|$)/.test(target)) return posix.normalize(inCheckout || '.')
  if (folder === undefined || /^[/~$]/.test(target)) return undefined
  const path = posix.normalize(posix.join(folder, target)).replace(/\/$/, '')
  return path.startsWith('..') || path.startsWith('my-app') ? undefined : path
}

/** Splits a script into commands: words without quotes, and whether a subshell starts or ends after them. */
function* commands(code) {
  const lines = code.replace(/\\\n/g, ' \\\n').split('\n')
  let continued = ''
  for (const [index, raw] of lines.entries()) {
    const text = continued + withoutComment(raw)
    if (/\s\\$/.test(text)) {
      continued = `${text.slice(0, -1)} `
      continue
    }
    continued = ''
    // A text in single quotes is one word and not checked.
    const plain = text.replace(/'[^']*'/g, "'…'").replace(/"/g, '')
    for (const [, part, end] of plain.matchAll(/([^();|&`]*)([();|&`]+|$)/g)) {
      const words = part.split(/\s+/).filter((word) => word !== '' && word !== '$')
      while (/^\w+=/.test(words[0] ?? '') || words[0] === 'sudo') words.shift()
      if (words.length === 0 && end === '') continue
      yield { line: index + 1, words, opens: end.includes('('), closes: end.includes(')') }
    }
  }
}

function withoutComment(line) {
  return line.replace(/(^|\s)#.*$/, '')
}

function check(words, folder, repository, message) {
  const [program] = words
  if (program === 'npm') checkNpm(words.slice(1), folder, repository, message)
  if (program === 'cargo') checkCargo(words.slice(1), repository, message)
  if (['node', 'bash', 'sh'].includes(program))
    checkFile(words.slice(1), folder, repository, message)
  for (const word of words) {
    const path = folder === '.' ? word : posix.join(folder, word)
    const fault = folder === '.' || /^\.\//.test(word) ? pathFault(path, repository) : undefined
    if (fault) message(fault)
  }
}

function checkNpm(words, folder, repository, message) {
  const [command, name] = words.filter((word) => !word.startsWith('-'))
  const isRun = command === 'run' || command === 'run-script'
  const script = isRun ? name : scriptCommands.includes(command) ? command : undefined
  // `npm run NAME` is a placeholder.
  if (script === undefined || !/^[a-z][a-z0-9:-]*$/.test(script)) return
  const scripts = repository.scripts[folder]
  if (!scripts) return message(`"npm ${words.join(' ')}": ${folder} has no package.json`)
  if (scripts.includes(script)) return
  const file = posix.join(folder, 'package.json')
  message(`${file} has no script "${script}"; it has: ${scripts.join(', ')}`)
}

/** Checks the file in commands such as `node scripts/test.mjs`. */
function checkFile(words, folder, repository, message) {
  const file = words.find((word) => !word.startsWith('-'))
  if (!file || !/^[\w./-]+\/[\w.-]+$/.test(file) || words[0] !== file) return
  const path = posix.normalize(posix.join(folder, file))
  if (repository.has(path) || repository.isIgnored(path)) return
  message(`there is no ${path} in this repository: fix the path`)
}

function checkCargo(words, repository, message) {
  const args = words.includes('--') ? words.slice(0, words.indexOf('--')) : words
  // Another workspace, or `cargo fuzz`, whose targets are not in the metadata.
  if (args.includes('--manifest-path') || args[0] === 'fuzz') return
  const values = (...options) => args.filter((_, index) => options.includes(args[index - 1]))
  const named = values('-p', '--package')
  for (const name of named) {
    if (repository.packages[name] || repository.dependencies.includes(name)) continue
    const known = Object.keys(repository.packages).join(', ')
    message(`Cargo.lock has no package "${name}"; those of the workspace are: ${known}`)
  }
  const packages = named.length > 0 ? named : Object.keys(repository.packages)
  for (const [option, kind] of Object.entries(targetOptions)) {
    const known = packages.flatMap((name) => repository.packages[name]?.[kind] ?? [])
    for (const name of values(option)) {
      if (known.includes(name)) continue
      message(
        `"cargo ${option} ${name}": there is no such target; there are: ${known.join(', ') || 'none'}`,
      )
    }
  }
}
