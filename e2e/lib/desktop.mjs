/** A screen that nobody sees, and a driver for the apps that open their windows on it. */
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { mark, marked, signal, start, until } from './processes.mjs'

/** @typedef {Awaited<ReturnType<typeof openDesktop>>} Desktop */

/** The screen alone; apps that are started with its environment are ended with it. */
export async function openScreen() {
  const id = randomUUID()
  const home = mkdtempSync(join(tmpdir(), 'tauri-js-runtime-e2e-'))
  const env = environment(id, home)
  const keeper = whenInterrupted(() => {
    // Only the screen has something to remove when it ends: its socket.
    for (const { pid, executable } of marked(id)) {
      signal(pid, executable.endsWith('/Xvfb') ? 'SIGTERM' : 'SIGKILL')
    }
    remove(home)
  })

  const size = '1280x900x24'
  const screenArgs = ['-displayfd', '3', '-screen', '0', size, '-nolisten', 'tcp']
  const screen = start('Xvfb', screenArgs, { env, pipes: 4 })
  const display = await Promise.race([firstLine(screen.child.stdio[3]), screen.failed])

  const own = [screen.child.pid]
  /** Whatever an app has started here and not ended, the app included. */
  const apps = () => marked(id).filter(({ pid }) => !own.includes(pid))
  /** Ends them. */
  const clear = () => {
    for (const { pid } of apps()) signal(pid, 'SIGKILL')
  }
  const close = async () => {
    clear()
    await screen.stop()
    await until(() => marked(id).length === 0, 'nothing is left of the desktop')
    remove(home)
    keeper.release()
  }
  return { env: { ...env, DISPLAY: `:${display}` }, own, apps, clear, close }
}

export async function openDesktop() {
  const { env, own, apps, clear, close } = await openScreen()
  const port = await freePort()
  const driver = start('WebKitWebDriver', ['--host=127.0.0.1', `--port=${port}`], {
    env: { ...env, TAURI_WEBVIEW_AUTOMATION: 'true' },
  })
  own.push(driver.child.pid)
  const url = `http://127.0.0.1:${port}`
  await Promise.race([until(() => answers(url), 'WebKitWebDriver answers'), driver.failed])
  const closeAll = async () => {
    clear()
    await driver.stop()
    await close()
  }
  return { url, apps, close: closeAll, said: driver.said }
}

/**
 * More than once if need be: what was just killed may write a last file.
 * @param {string} folder
 */
function remove(folder) {
  rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 })
}

/**
 * Cleans up where this process ends before its tests do.
 * @param {() => void} clean
 */
function whenInterrupted(clean) {
  const end = () => process.exit(130)
  process.once('exit', clean)
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(name, end)
  return {
    release: () => {
      process.off('exit', clean)
      for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.off(name, end)
    },
  }
}

/**
 * What apps keep goes to a folder that is removed, and there is no session bus: one that is started
 * for the occasion would stay.
 * @param {string} id
 * @param {string} home
 */
function environment(id, home) {
  /** @type {NodeJS.ProcessEnv} */
  const env = {
    ...process.env,
    [mark]: id,
    XDG_CACHE_HOME: join(home, 'cache'),
    XDG_CONFIG_HOME: join(home, 'config'),
    XDG_DATA_HOME: join(home, 'data'),
    XDG_RUNTIME_DIR: home,
    TMPDIR: home,
    DBUS_SESSION_BUS_ADDRESS: 'disabled:',
    NO_AT_BRIDGE: '1',
    GDK_BACKEND: 'x11',
    LIBGL_ALWAYS_SOFTWARE: '1',
  }
  // They would lead to the desktop of whoever runs the tests, or make screenshots hang.
  for (const name of ['WAYLAND_DISPLAY', 'XAUTHORITY', 'NODE_TEST_CONTEXT', 'NODE_OPTIONS']) {
    delete env[name]
  }
  delete env.WEBKIT_DISABLE_COMPOSITING_MODE
  delete env.WEBKIT_DISABLE_DMABUF_RENDERER
  return env
}

/**
 * @param {unknown} stream
 * @returns {Promise<string>}
 */
async function firstLine(stream) {
  let text = ''
  for await (const chunk of /** @type {AsyncIterable<Buffer>} */ (stream)) {
    text += chunk
    if (text.includes('\n')) break
  }
  return text.trim()
}

/** @returns {Promise<number>} */
function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      const port = typeof address === 'object' && address ? address.port : 0
      server.close(() => resolve(port))
    })
  })
}

/** @param {string} url */
async function answers(url) {
  const answer = await fetch(`${url}/status`).catch(() => undefined)
  return answer?.ok ?? false
}
