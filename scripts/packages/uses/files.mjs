/** Uses of packages for files, folders and archives. */
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { mkdir, readFile, realpath, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { inFolder } from './local.mjs'

async function some(folder) {
  await mkdir(join(folder, 'sub'))
  await writeFile(join(folder, 'one.txt'), 'one')
  await writeFile(join(folder, 'sub/two.txt'), 'two')
}

async function zipped(folder) {
  const { ZipArchive } = await import('archiver')
  await some(folder)
  const file = join(folder, 'a.zip')
  const archive = new ZipArchive()
  const output = createWriteStream(file)
  archive.pipe(output)
  archive.file(join(folder, 'one.txt'), { name: 'one.txt' })
  archive.append('text', { name: 'sub/three.txt' })
  await Promise.all([once(output, 'close'), archive.finalize()])
  return file
}

async function entries(file) {
  const { default: yauzl } = await import('yauzl')
  const zip = await promisify(yauzl.open)(file, { lazyEntries: true })
  const openEntry = promisify(zip.openReadStream.bind(zip))
  const found = {}
  zip.on('entry', async (entry) => {
    let text = ''
    for await (const chunk of await openEntry(entry)) text += chunk
    found[entry.fileName] = text
    zip.readEntry()
  })
  const ended = once(zip, 'end')
  zip.readEntry()
  await ended
  return found
}

export const uses = {
  async 'fs-extra'() {
    const { default: fs } = await import('fs-extra')
    return inFolder(async (folder) => {
      await some(folder)
      await fs.copy(join(folder, 'sub'), join(folder, 'copy/deep'))
      await fs.outputJson(join(folder, 'x/y.json'), { a: 1 })
      const moved = join(folder, 'moved')
      await fs.move(join(folder, 'copy'), moved)
      const text = await readFile(join(moved, 'deep/two.txt'), 'utf8')
      return [text, await fs.readJson(join(folder, 'x/y.json')), await fs.pathExists(moved)]
    })
  },

  async glob() {
    const { glob } = await import('glob')
    return inFolder(async (folder) => {
      await some(folder)
      return (await glob('**/*.txt', { cwd: folder, posix: true })).sort()
    })
  },

  async 'fast-glob'() {
    const { default: fastGlob } = await import('fast-glob')
    return inFolder(async (folder) => {
      await some(folder)
      return (await fastGlob(['**/*.txt', '!one*'], { cwd: folder })).sort()
    })
  },

  async chokidar() {
    const { watch } = await import('chokidar')
    return inFolder(async (temporary) => {
      const folder = await realpath(temporary)
      const watcher = watch(folder, { cwd: folder })
      await once(watcher, 'ready')
      const added = once(watcher, 'add')
      await writeFile(join(folder, 'new.txt'), 'x')
      const [path] = await added
      await watcher.close()
      return path
    })
  },

  archiver: () => inFolder(async (folder) => entries(await zipped(folder))),

  yauzl: () => inFolder(async (folder) => Object.keys(await entries(await zipped(folder)))),

  async tar() {
    const { create, extract, list } = await import('tar')
    return inFolder(async (folder) => {
      await some(folder)
      const file = join(folder, 'a.tgz')
      await create({ gzip: true, file, cwd: folder }, ['one.txt', 'sub'])
      const paths = []
      await list({ file, onReadEntry: ({ path }) => paths.push(path) })
      await mkdir(join(folder, 'out'))
      await extract({ file, cwd: join(folder, 'out') })
      return [paths.sort(), await readFile(join(folder, 'out/sub/two.txt'), 'utf8')]
    })
  },
}
