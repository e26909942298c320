/** A client for the part of the W3C WebDriver protocol that the tests use. */

/** The key of element references, from the specification. */
const elementKey = 'element-6066-11e4-a52e-4f735466cecf'

/** An error response of the driver. */
export class WebDriverError extends Error {
  /**
   * @param {string} command
   * @param {{ error?: string, message?: string }} value
   */
  constructor(command, value) {
    super(`${command}: ${value.error ?? 'unknown error'}: ${value.message ?? ''}`)
    this.name = 'WebDriverError'
    this.kind = value.error ?? 'unknown error'
  }
}

/**
 * @param {string} url
 * @param {'GET' | 'POST' | 'DELETE'} method
 * @param {object} [body]
 * @returns {Promise<any>}
 */
async function request(url, method, body) {
  const response = await fetch(url, {
    method,
    // Newer drivers refuse the default content type of `fetch`.
    ...(body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(150_000),
  })
  const text = await response.text()
  const { value } = text === '' ? { value: null } : JSON.parse(text)
  if (!response.ok) throw new WebDriverError(`${method} ${new URL(url).pathname}`, value ?? {})
  return value
}

/** A WebDriver session with one app. */
export class Session {
  #url
  /** @param {string} url */
  constructor(url) {
    this.#url = url
  }

  /**
   * Starts the app. Without `browserName`: the driver would compare it with its own.
   * @param {string} driver
   * @param {string} binary
   */
  static async start(driver, binary) {
    const options = { 'webkitgtk:browserOptions': { binary, args: [] } }
    const created = await request(`${driver}/session`, 'POST', {
      capabilities: { alwaysMatch: options },
    })
    const session = new Session(`${driver}/session/${created.sessionId}`)
    await session.#post('/timeouts', { script: 120_000, pageLoad: 120_000, implicit: 0 })
    return session
  }

  /**
   * @param {string} path
   * @param {object} body
   */
  #post(path, body) {
    return request(this.#url + path, 'POST', body)
  }

  /**
   * Runs a function in the page and returns its result. The function is sent as text: pass values as `args`.
   * @template T
   * @template {unknown[]} Args
   * @param {(...args: Args) => T} code
   * @param {Args} args
   * @returns {Promise<T>}
   */
  execute(code, ...args) {
    return this.#post('/execute/sync', { script: `return (${code})(...arguments)`, args })
  }

  /**
   * Runs an async function in the page. Throws the errors of the function.
   * @template T
   * @template {unknown[]} Args
   * @param {(...args: Args) => Promise<T>} code
   * @param {Args} args
   * @returns {Promise<T>}
   */
  async executeAsync(code, ...args) {
    const script = `const args = [...arguments], done = args.pop()
      Promise.resolve().then(() => (${code})(...args)).then(
        (value) => done({ value }),
        (error) => done({ message: error?.message ?? String(error), error: { ...error } }),
      )`
    const result = await this.#post('/execute/async', { script, args })
    if (result.message === undefined) return result.value
    throw Object.assign(new Error(`in the page: ${result.message}`), result.error)
  }

  /**
   * @param {string} css
   * @returns {Promise<string[]>} references to the matching elements
   */
  async findAll(css) {
    const found = await this.#post('/elements', { using: 'css selector', value: css })
    return found.map((/** @type {any} */ element) => element[elementKey])
  }

  /** @param {string} element */
  async click(element) {
    await this.#post(`/element/${element}/click`, {})
  }

  /**
   * @param {string} element
   * @param {string} text
   */
  async type(element, text) {
    await this.#post(`/element/${element}/value`, { text })
  }

  /**
   * @param {string} element
   * @returns {Promise<string>}
   */
  text(element) {
    return request(`${this.#url}/element/${element}/text`, 'GET')
  }

  /**
   * Resizes the window, in pixels.
   * @param {number} width
   * @param {number} height
   */
  async resize(width, height) {
    await this.#post('/window/rect', { x: 0, y: 0, width, height })
  }

  async reload() {
    await this.#post('/refresh', {})
  }

  /** A PNG of the viewport. */
  async screenshot() {
    // Waits for two frames: the page draws a change in the next frame.
    await this.executeAsync(
      () =>
        new Promise((resolve) =>
          requestAnimationFrame(() => requestAnimationFrame(() => resolve(null))),
        ),
    )
    return Buffer.from(await request(`${this.#url}/screenshot`, 'GET'), 'base64')
  }

  /** Ends the session, which closes the window. The driver may answer with an error, or not at all. */
  async close() {
    await request(this.#url, 'DELETE').catch(() => {})
  }
}
