/** Starts the app on a virtual desktop and controls its page. */
import { existsSync, realpathSync } from 'node:fs'
import { openDesktop } from './desktop.mjs'
import { signal, until } from './processes.mjs'
import { Session } from './webdriver.mjs'

/** @typedef {import('../../src/e2e.ts').Hook} Hook */

/**
 * The executable that an environment variable names. `npm test` builds it and sets the variable.
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
 * @param {object} [options]
 * @param {string} [options.binary] the executable of the app
 * @param {string} [options.command] the command that starts it, by default the executable
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
    throw new Error(`the app does not start: ${desktop.output()}`, { cause: error })
  }
}

/**
 * @param {Session} session
 * @param {import('./desktop.mjs').Desktop} desktop
 * @param {string} binary
 */
function control(session, desktop, binary) {
  /** Waits for an element with the test id. */
  const find = async (/** @type {string} */ id) => {
    const css = `[data-testid="${id}"]`
    const found = await until(async () => (await session.findAll(css))[0], `an element ${css}`)
    return /** @type {string} */ (found)
  }

  /**
   * Waits until the list shows a state of a process.
   * @param {string} name
   * @param {string} label
   */
  const stateIs = async (name, label) => {
    await find(`process-${name}`)
    const css = `[data-testid="process-${name}"] [data-testid="state"]`
    const state = () => session.execute((css) => document.querySelector(css)?.textContent, css)
    await until(async () => (await state()) === label, `${name} is ${label}`)
  }

  return {
    session,
    find,
    stateIs,
    click: async (/** @type {string} */ id) => session.click(await find(id)),
    text: async (/** @type {string} */ id) => session.text(await find(id)),

    /** Waits for the page and its test hook. */
    loaded: () => until(() => session.execute(() => '__e2e' in window), 'the page is loaded'),

    /**
     * Runs a function in the page with the guest API. The function is sent as text: pass values from
     * outside as `args`.
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

    /** The process of the app. */
    process: () => desktop.apps().find((found) => found.executable === binary),
    /** The app and all processes that it started. */
    processes: desktop.apps,
    /** Kills the app with SIGKILL. */
    kill: () => {
      for (const found of desktop.apps())
        if (found.executable === binary) signal(found.pid, 'SIGKILL')
    },
    /** Waits until the app and all its processes have ended. */
    gone: () =>
      until(() => desktop.apps().length === 0, 'the end of all processes of the app').catch(
        (error) => {
          const left = desktop.apps().map(({ pid, command }) => `${pid} ${command}`)
          throw new Error(`${error.message}; left: ${left.join(', ')}`)
        },
      ),
    /** Ends the session and all remaining processes. */
    close: async () => {
      await session.close()
      await desktop.close()
    },
  }
}
