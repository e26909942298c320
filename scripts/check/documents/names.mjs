/** Names of this repository's own files in inline code and shell commands. */

/** Folders at the root that an app does not have: `src/…` and `src-tauri/…` can be those of the reader's app. */
const own = ['runtime', 'scripts', 'docs', 'e2e', 'vendor', 'bench']

/** Why this word is not a path of the repository, although it begins like one; undefined where it is none or right. */
export function pathFault(word, repository) {
  const path = word.replace(/^\.\//, '').replace(/\/$/, '')
  const [first, second] = path.split('/')
  if (second === undefined || !own.includes(first) || !/^[\w./@*-]+$/.test(path)) return undefined
  if (path.includes('*') ? repository.matches(path) : repository.has(path)) return undefined
  if (repository.isIgnored(path)) return undefined
  return `there is no ${path} in this repository: correct the path`
}

export function pathFaults(documents, repository) {
  return documents.flatMap(({ path, inlineCode }) =>
    inlineCode.flatMap(({ line, code }) => {
      const message = pathFault(code, repository)
      return message ? [{ path, line, message }] : []
    }),
  )
}
