/** Uses of packages for logs, command lines and child processes. */
import { once } from 'node:events'
import { Writable } from 'node:stream'

/** A stream that collects the written text. */
function memory() {
  let text = ''
  const stream = new Writable({
    write(chunk, encoding, done) {
      text += chunk
      done()
    },
  })
  return { stream, text: () => text }
}

export const uses = {
  async chalk() {
    const { Chalk } = await import('chalk')
    const chalk = new Chalk({ level: 2 })
    return chalk.bold.hex('#ff8800')('orange') + chalk.bgBlue` blue `
  },

  async debug() {
    const { default: debug } = await import('debug')
    const lines = []
    debug.enable('app:*,-app:no')
    for (const name of ['app:yes', 'app:no']) {
      const log = debug(name)
      log.log = (...args) => lines.push(args.join(' '))
      log('%s and %d', 'text', 42)
    }
    return lines.map((line) => line.replace(/\+\d+ms|\d{4}-\S+/, 'T'))
  },

  async pino() {
    const { default: pino } = await import('pino')
    const { stream, text } = memory()
    const log = pino({ base: null, timestamp: false, redact: ['password'] }, stream)
    log.child({ part: 'x' }).warn({ password: 'secret', error: 1 }, 'a %s', 'message')
    return text()
  },

  async winston() {
    const { default: winston } = await import('winston')
    const { stream, text } = memory()
    const log = winston.createLogger({
      format: winston.format.combine(winston.format.splat(), winston.format.simple()),
      transports: [new winston.transports.Stream({ stream })],
    })
    log.info('hello %s', 'there')
    log.debug('not shown')
    const finished = once(log, 'finish')
    log.end()
    await finished
    return text()
  },

  async commander() {
    const { Command } = await import('commander')
    const program = new Command()
    const seen = []
    program.option('-n, --number <n>', 'a number', Number, 1).exitOverride()
    program.command('add <items...>').action((items) => seen.push(items, program.opts()))
    program.parse(['-n', '7', 'add', 'a', 'b'], { from: 'user' })
    return [seen, program.helpInformation()]
  },

  async yargs() {
    const { default: yargs } = await import('yargs')
    const parser = yargs(['--port', '80', 'x', '--no-cache']).option('port', { type: 'number' })
    const { port, cache, _ } = await parser.exitProcess(false).parse()
    return { port, cache, _ }
  },

  async execa() {
    const { execa } = await import('execa')
    const { stdout, exitCode } = await execa('cat', { input: 'through a pipe' })
    const failed = await execa('sh', ['-c', 'echo no >&2; exit 3'], { reject: false })
    return [stdout, exitCode, failed.exitCode, failed.stderr]
  },

  async zx() {
    const { $ } = await import('zx')
    const { stdout } = await $`echo ${'two words'} | tr a-z A-Z`
    const { exitCode } = await $({ nothrow: true })`exit 4`
    return [stdout, exitCode]
  },

  async esbuild() {
    const esbuild = await import('esbuild')
    const { code } = await esbuild.transform('let x: number = 1 + 2', { loader: 'ts' })
    await esbuild.stop()
    return code
  },

  async open() {
    const { default: open } = await import('open')
    // Opens the file with an application that exits at once.
    const child = await open('a-file.txt', { app: { name: 'true' }, wait: true })
    return child.exitCode
  },

  async 'playwright-core'() {
    const { chromium } = await import('playwright-core')
    const executablePath = '/nonexistent/chromium'
    const error = await chromium.launch({ executablePath }).catch((error) => error)
    return error.message.split('\n')[0]
  },

  async 'puppeteer-core'() {
    const { default: puppeteer } = await import('puppeteer-core')
    const executablePath = '/nonexistent/chromium'
    const error = await puppeteer.launch({ executablePath }).catch((error) => error)
    return error.message.split('\n')[0]
  },

  async systeminformation() {
    const { default: si } = await import('systeminformation')
    const [{ cores }, { total }, { platform, hostname }] = [
      await si.cpu(),
      await si.mem(),
      await si.osInfo(),
    ]
    const disks = await si.fsSize()
    return { cores, total, platform, hostname, disks: disks.length > 0 }
  },
}
