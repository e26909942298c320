/** What documents refer to: the files that git has, the npm scripts and the cargo packages with their targets. */
import { readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { capture, tryCapture } from '../../lib/run.mjs'

export class Repository {
  /**
   * @param {object} content
   * @param {string[]} content.files relative to the root, with slashes
   * @param {Record<string, string[]>} content.scripts the npm scripts of each folder with a package.json
   * @param {Record<string, Record<string, string[]>>} content.packages the workspace's cargo packages: the names of
   *   targets by kind
   * @param {string[]} content.dependencies the names of all packages in Cargo.lock
   * @param {(path: string) => boolean} [content.isIgnored] whether git ignores a path, as it does what is built
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

  /** Whether there is such a file or folder. */
  has(path) {
    return this.#paths.has(path)
  }

  /** Whether a file or folder matches, where `*` stands for characters other than a slash, and `**` for any. */
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
    for (const { kind, name } of list) for (const one of kind) (byKind[one] ??= []).push(name)
    return byKind
  }
  return Object.fromEntries(packages.map((one) => [one.name, targets(one.targets)]))
}
