/** A virtual screen (Xvfb) and a WebDriver for the apps on it. */
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { processesOfRun, runIdVariable, signal, start, until } from './processes.mjs'

/** @typedef {Awaited<ReturnType<typeof openDesktop>>} Desktop */

/** Opens a screen without a driver. Closing it ends all processes started with its environment. */
export async function openScreen() {
  const id = randomUUID()
  const home = mkdtempSync(join(tmpdir(), 'tauri-js-runtime-e2e-'))
  const env = environment(id, home)
  const cleanup = onInterrupt(() => {
    // Xvfb removes its socket on SIGTERM.
    for (const { pid, executable } of processesOfRun(id)) {
      signal(pid, executable.endsWith('/Xvfb') ? 'SIGTERM' : 'SIGKILL')
    }
    remove(home)
  })

  const size = '1280x900x24'
  const screenArgs = ['-displayfd', '3', '-screen', '0', size, '-nolisten', 'tcp']
  const screen = start('Xvfb', screenArgs, { env, pipes: 4 })
  const display = await Promise.race([firstLine(screen.child.stdio[3]), screen.failed])

  /** The processes that are not apps: screen and driver. */
  const infrastructure = [screen.child.pid]
  /** The running apps and the processes that they started. */
  const apps = () => processesOfRun(id).filter(({ pid }) => !infrastructure.includes(pid))
  /** Kills all apps. */
  const clear = () => {
    for (const { pid } of apps()) signal(pid, 'SIGKILL')
  }
  const close = async () => {
    clear()
    await screen.stop()
    await until(() => processesOfRun(id).length === 0, 'the end of all processes of the desktop')
    remove(home)
    cleanup.cancel()
  }
  return { env: { ...env, DISPLAY: `:${display}` }, infrastructure, apps, clear, close }
}

export async function openDesktop() {
  const { env, infrastructure, apps, clear, close } = await openScreen()
  const port = await freePort()
  const driver = start('WebKitWebDriver', ['--host=127.0.0.1', `--port=${port}`], {
    env: { ...env, TAURI_WEBVIEW_AUTOMATION: 'true' },
  })
  infrastructure.push(driver.child.pid)
  const url = `http://127.0.0.1:${port}`
  await Promise.race([until(() => isReady(url), 'WebKitWebDriver to answer'), driver.failed])
  const closeAll = async () => {
    clear()
    await driver.stop()
    await close()
  }
  return { url, apps, close: closeAll, output: driver.output }
}

/**
 * Retries, because a process that was just killed may still write a file.
 * @param {string} folder
 */
function remove(folder) {
  rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 })
}

/**
 * Calls `clean` if this process ends before the tests do.
 * @param {() => void} clean
 */
function onInterrupt(clean) {
  const end = () => process.exit(130)
  process.once('exit', clean)
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(name, end)
  return {
    cancel: () => {
      process.off('exit', clean)
      for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.off(name, end)
    },
  }
}

/**
 * Data of the apps goes to a temporary folder. There is no session bus: a bus that an app starts would
 * outlive it.
 * @param {string} id
 * @param {string} home
 */
function environment(id, home) {
  /** @type {NodeJS.ProcessEnv} */
  const env = {
    ...process.env,
    [runIdVariable]: id,
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
  // These connect to the desktop of the user, or make screenshots hang.
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
async function isReady(url) {
  const response = await fetch(`${url}/status`).catch(() => undefined)
  return response?.ok ?? false
}
