/** Links inside the repository: the file is there, and so is the heading that the anchor names. */
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
  const [file, anchor] = decoded(target).split(/#(.*)/s)
  if (file.startsWith('/'))
    return `the link "${target}" is absolute: write it relative to this file`
  const path = file
    ? posix.normalize(posix.join(posix.dirname(from), file)).replace(/\/$/, '')
    : from
  if (path.startsWith('..')) return `the link "${target}" leads out of the repository`
  if (!repository.has(path)) {
    return `the link "${target}" leads to ${path}, which git does not have: correct the path or add the file`
  }
  if (anchor === undefined) return undefined
  const known = anchors.get(path)
  if (!known)
    return `the link "${target}" has an anchor, but ${path} is no document: link to the file alone`
  if (known.has(anchor)) return undefined
  const near = [...known].filter((name) => name.includes(anchor) || anchor.includes(name))
  const list = (near.length > 0 ? near : [...known]).slice(0, 12).join(', ')
  return `the link "${target}" names the heading "${anchor}", which ${path} does not have; it has: ${list}`
}

/** `%20` and its like as the characters that they stand for. */
function decoded(target) {
  try {
    return decodeURIComponent(target)
  } catch {
    return target
  }
}
