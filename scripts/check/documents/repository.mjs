/** The names that documents may use: files in git, npm scripts, and cargo packages with their targets. */
import { readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { capture, tryCapture } from '../../lib/run.mjs'

export class Repository {
  /**
   * @param {object} content
   * @param {string[]} content.files relative to the root, with slashes
   * @param {Record<string, string[]>} content.scripts npm scripts by folder of their package.json
   * @param {Record<string, Record<string, string[]>>} content.packages target names by kind of
   *   each cargo package of the workspace
   * @param {string[]} content.dependencies the names of all packages in Cargo.lock
   * @param {(path: string) => boolean} [content.isIgnored] true for paths that git ignores, such as build output
   */
  constructor({ files, scripts, packages, dependencies, isIgnored = () => false }) {
    this.files = files
    this.scripts = scripts
    this.packages = packages
    this.dependencies = dependencies
    this.isIgnored = isIgnored
    this.#paths = new Set(['.', ...files])
    for (const file of files) {
      for (let folder = posix.dirname(file); folder !== '.'; folder = posix.dirname(folder)) {
        this.#paths.add(folder)
      }
    }
  }

  #paths

  /** True if the file or folder exists. */
  has(path) {
    return this.#paths.has(path)
  }

  /** True if a file or folder matches. `*` does not match slashes, `**` does. */
  matches(pattern) {
    const source = pattern
      .replace(/[.+?^${}()|[\]\\]/g, '\\$&')
      .replace(/\*+/g, (stars) => (stars.length > 1 ? '.*' : '[^/]*'))
    const expression = new RegExp(`^${source}$`)
    return [...this.#paths].some((path) => expression.test(path))
  }
}

export function readRepository(root, env) {
  const listing = capture('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: root,
    env,
  })
  const files = listing.split('\0').filter(Boolean)
  const read = (path) => readFileSync(join(root, path), 'utf8')
  const manifests = files.filter((file) => posix.basename(file) === 'package.json')
  const scripts = manifests.map((file) => [
    posix.dirname(file),
    Object.keys(JSON.parse(read(file)).scripts ?? {}),
  ])
  const isIgnored = (path) =>
    tryCapture('git', ['check-ignore', '--quiet', '--no-index', path], { cwd: root, env }) !==
    undefined
  return new Repository({
    files,
    scripts: Object.fromEntries(scripts),
    packages: cargoPackages(root, env),
    dependencies: [...read('Cargo.lock').matchAll(/^name = "(.+)"$/gm)].map(([, name]) => name),
    isIgnored,
  })
}

function cargoPackages(root, env) {
  const args = ['metadata', '--no-deps', '--format-version', '1']
  const { packages } = JSON.parse(capture('cargo', args, { cwd: root, env }))
  const targets = (list) => {
    const byKind = {}
    for (const { kind, name } of list) for (const key of kind) (byKind[key] ??= []).push(name)
    return byKind
  }
  return Object.fromEntries(packages.map((entry) => [entry.name, targets(entry.targets)]))
}
