/** The app on a desktop of its own, driven through its page. */
import { existsSync, realpathSync } from 'node:fs'
import { openDesktop } from './desktop.mjs'
import { signal, until } from './processes.mjs'
import { Session } from './webdriver.mjs'

/** @typedef {import('../../src/e2e.ts').Hook} Hook */

/**
 * The executable that a variable names; `npm test` builds it and says where.
 * @param {'JS_DEMO_APP' | 'JS_DEMO_APP_WITHOUT_ENGINE'} [variable]
 */
export function executable(variable = 'JS_DEMO_APP') {
  const path = process.env[variable]
  if (path && existsSync(path)) return realpathSync(path)
  throw new Error(
    `${variable} must name the executable of the app, built with its page: \`npm test\` does both`,
  )
}

/** @typedef {Awaited<ReturnType<typeof openApp>>} App */

/**
 * @param {object} [how]
 * @param {string} [how.binary] the app's executable
 * @param {string} [how.command] what starts it
 */
export async function openApp({ binary = executable(), command = binary } = {}) {
  const desktop = await openDesktop()
  try {
    const session = await Session.start(desktop.url, command)
    const app = control(session, desktop, binary)
    await app.loaded()
    return app
  } catch (error) {
    await desktop.close()
    throw new Error(`the app does not start: ${desktop.said()}`, { cause: error })
  }
}

/**
 * @param {Session} session
 * @param {import('./desktop.mjs').Desktop} desktop
 * @param {string} binary
 */
function control(session, desktop, binary) {
  /** The first element with that test id, once there is one. */
  const find = async (/** @type {string} */ id) => {
    const css = `[data-testid="${id}"]`
    const found = await until(async () => (await session.findAll(css))[0], `there is ${css}`)
    return /** @type {string} */ (found)
  }

  /**
   * Waits until the row of a process says so.
   * @param {string} name
   * @param {string} word
   */
  const stateIs = async (name, word) => {
    await find(`process-${name}`)
    const css = `[data-testid="process-${name}"] [data-testid="state"]`
    const state = () => session.execute((css) => document.querySelector(css)?.textContent, css)
    await until(async () => (await state()) === word, `${name} is ${word}`)
  }

  return {
    session,
    find,
    stateIs,
    click: async (/** @type {string} */ id) => session.click(await find(id)),
    text: async (/** @type {string} */ id) => session.text(await find(id)),

    /** Waits for the page to be there with its hook. */
    loaded: () => until(() => session.execute(() => '__e2e' in window), 'the page is loaded'),

    /**
     * Runs a function in the page with the guest API. It is sent as text: what it needs beside the
     * API comes with `args`.
     * @template T
     * @template {unknown[]} Args
     * @param {(hook: Hook, ...args: Args) => Promise<T>} code
     * @param {Args} args
     * @returns {Promise<T>}
     */
    run: (code, ...args) =>
      session.executeAsync(
        /** @type {(...args: Args) => Promise<T>} */ (
          /** @type {unknown} */ ({
            toString: () => `(...args) => (${code})(window.__e2e, ...args)`,
          })
        ),
        ...args,
      ),

    /** The app's own process. */
    process: () => desktop.apps().find((found) => found.executable === binary),
    /** All that the app has started, itself included. */
    processes: desktop.apps,
    /** Ends the app as a crash would. */
    kill: () => {
      for (const found of desktop.apps())
        if (found.executable === binary) signal(found.pid, 'SIGKILL')
    },
    /** Waits until nothing of the app is left. */
    gone: () =>
      until(() => desktop.apps().length === 0, 'nothing is left of the app').catch((error) => {
        const left = desktop.apps().map(({ pid, command }) => `${pid} ${command}`)
        throw new Error(`${error.message}; left: ${left.join(', ')}`)
      }),
    /** Ends whatever there still is. */
    close: async () => {
      await session.close()
      await desktop.close()
    },
  }
}
