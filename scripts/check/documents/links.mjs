/** Checks links inside the repository, with their anchors, and paths in inline code. */
import { posix } from 'node:path'

export function linkFaults(documents, repository) {
  const anchors = new Map(documents.map((document) => [document.path, document.anchors]))
  return documents.flatMap((document) =>
    document.links.flatMap(({ line, target }) => {
      const message = faultOf(target, document.path, anchors, repository)
      return message ? [{ path: document.path, line, message }] : []
    }),
  )
}

function faultOf(target, from, anchors, repository) {
  if (/^\[.*\]$/.test(target))
    return `the link label ${target} is not defined: add "${target}: address"`
  // With a scheme (https:, mailto:) or for another host.
  if (/^(?:[a-z][a-z0-9+.-]*:|\/\/)/i.test(target)) return undefined
  const [file, anchor] = decode(target).split(/#(.*)/s)
  if (file.startsWith('/'))
    return `the link "${target}" is absolute: write it relative to this file`
  const path = file
    ? posix.normalize(posix.join(posix.dirname(from), file)).replace(/\/$/, '')
    : from
  if (path.startsWith('..')) return `the link "${target}" points outside the repository`
  if (!repository.has(path)) {
    return `the link "${target}" points to ${path}, which is not in git: fix the path or add the file`
  }
  if (anchor === undefined) return undefined
  const known = anchors.get(path)
  if (!known)
    return `the link "${target}" has an anchor, but ${path} is not a document: link to the file without an anchor`
  if (known.has(anchor)) return undefined
  const near = [...known].filter((name) => name.includes(anchor) || anchor.includes(name))
  const list = (near.length > 0 ? near : [...known]).slice(0, 12).join(', ')
  return `the link "${target}" names the heading "${anchor}", which ${path} does not have; it has: ${list}`
}

/** Decodes percent-encoding. */
function decode(target) {
  try {
    return decodeURIComponent(target)
  } catch {
    return target
  }
}

/** Folders of this repository. `src/…` and `src-tauri/…` are not listed: they may belong to the reader's app. */
const ownFolders = ['runtime', 'scripts', 'docs', 'e2e', 'vendor', 'bench']

/** The fault of a word that looks like a path of the repository but is not one; undefined for other words. */
export function pathFault(word, repository) {
  const path = word.replace(/^\.\//, '').replace(/\/$/, '')
  const [first, second] = path.split('/')
  if (second === undefined || !ownFolders.includes(first) || !/^[\w./@*-]+$/.test(path))
    return undefined
  if (path.includes('*') ? repository.matches(path) : repository.has(path)) return undefined
  if (repository.isIgnored(path)) return undefined
  return `there is no ${path} in this repository: fix the path`
}

export function pathFaults(documents, repository) {
  return documents.flatMap(({ path, inlineCode }) =>
    inlineCode.flatMap(({ line, code }) => {
      const message = pathFault(code, repository)
      return message ? [{ path, line, message }] : []
    }),
  )
}
