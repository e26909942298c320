/** A client of the W3C WebDriver protocol, as far as these tests need it. */

/** How WebDriver writes an element; the name is from the specification. */
const elementKey = 'element-6066-11e4-a52e-4f735466cecf'

/** What the driver answers that is not success. */
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
  const answer = await fetch(url, {
    method,
    // Newer drivers refuse the type that `fetch` gives to text.
    ...(body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(150_000),
  })
  const text = await answer.text()
  const { value } = text === '' ? { value: null } : JSON.parse(text)
  if (!answer.ok) throw new WebDriverError(`${method} ${new URL(url).pathname}`, value ?? {})
  return value
}

/** One app under the driver's control. */
export class Session {
  #url
  /** @param {string} url */
  constructor(url) {
    this.#url = url
  }

  /**
   * Starts the app. `browserName` must stay out: the driver would compare it with its own.
   * @param {string} driver
   * @param {string} binary
   */
  static async start(driver, binary) {
    const options = { 'webkitgtk:browserOptions': { binary, args: [] } }
    const answer = await request(`${driver}/session`, 'POST', {
      capabilities: { alwaysMatch: options },
    })
    const session = new Session(`${driver}/session/${answer.sessionId}`)
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
   * Runs a function in the page and gives what it returns; what it needs comes with `args`.
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
   * The same for a function that takes its time; an error in it is thrown here.
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
   * @returns {Promise<string[]>} the elements that match
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
   * Makes the window as large as that, in pixels.
   * @param {number} width
   * @param {number} height
   */
  async resize(width, height) {
    await this.#post('/window/rect', { x: 0, y: 0, width, height })
  }

  async reload() {
    await this.#post('/refresh', {})
  }

  /** A PNG of the page. */
  async screenshot() {
    // Right after a change the picture would still be the one before it.
    await this.executeAsync(
      () =>
        new Promise((resolve) =>
          requestAnimationFrame(() => requestAnimationFrame(() => resolve(null))),
        ),
    )
    return Buffer.from(await request(`${this.#url}/screenshot`, 'GET'), 'base64')
  }

  /** Ends the session and so closes the window. The driver answers that with an error, or not at all. */
  async close() {
    await request(this.#url, 'DELETE').catch(() => {})
  }
}
