/** The other side's API as an object. */
import type { CallOptions } from './pending-calls.ts'
import type { Request } from './kkrpc.ts'
import type { Remote, RemoteProperty } from './types.ts'

/** Makes a request on the other side. */
export type Caller = (request: Request, options: CallOptions) => Promise<unknown>

interface Target {
  caller: Caller
  path: readonly string[]
  options: CallOptions
}

/** The most members of one object whose proxies are kept. */
const MAX_CHILDREN = 1000

/** What a proxy stands for, by the proxy. */
const targets = new WeakMap<object, Target>()

/** The API of the other side: each call of a function is a request. */
export function remote<Api extends object>(caller: Caller): Remote<Api> {
  return proxyFor({ caller, path: [], options: {} }) as Remote<Api>
}

/**
 * The same API with other options for its calls.
 *
 * @param api - What {@link connect} or `serve` has given, or a nested object or function of it.
 * @param options - Applied to every call; options of an earlier `withCallOptions` stay where these have none.
 * @throws `TypeError` if `api` is not from this package.
 *
 * @example
 * ```ts
 * const quick = withCallOptions(api, { timeout: 1000 })
 * await quick.add(1, 2)
 * ```
 */
export function withCallOptions<Api extends object>(api: Api, options: CallOptions): Api {
  const target = targets.get(api)
  if (!target) throw new TypeError('withCallOptions needs the api of a connection')
  return proxyFor({ ...target, options: { ...target.options, ...options } }) as Api
}

/** Reads a property of the other side: `await get(api.version)`. */
export function get<Value>(property: RemoteProperty<Value>): Promise<Value> {
  const { caller, path, options } = targetOf(property, 'get')
  return caller({ op: 'get', path, args: [] }, options) as Promise<Value>
}

/** Sets a property of the other side: `await set(api.settings.theme, 'dark')`. */
export async function set<Value>(
  property: RemoteProperty<Value>,
  value: NoInfer<Value>,
): Promise<void> {
  const { caller, path, options } = targetOf(property, 'set')
  await caller({ op: 'set', path, args: [], value }, options)
}

function targetOf(property: unknown, what: string): Target {
  const target =
    typeof property === 'object' || typeof property === 'function'
      ? targets.get(property as object)
      : undefined
  if (!target) throw new TypeError(`${what} needs a property of a connection's api`)
  return target
}

function proxyFor(target: Target): object {
  const children = new Map<string, object>()
  const proxy = new Proxy(noop, {
    get: (_function, key) => {
      // A proxy with `then` would be taken for a promise.
      if (typeof key !== 'string' || key === 'then') return undefined
      let child = children.get(key)
      if (!child) {
        child = proxyFor({ ...target, path: [...target.path, key] })
        // An app may use ids as names of members.
        if (children.size === MAX_CHILDREN) children.clear()
        children.set(key, child)
      }
      return child
    },
    set: (_function, key, value: unknown) => {
      if (typeof key !== 'string') return false
      const { caller, path, options } = target
      // An assignment has no result to wait for; `set` has.
      caller({ op: 'set', path: [...path, key], args: [], value }, options).catch(() => {})
      return true
    },
    apply: (_function, _this, args: unknown[]) =>
      target.caller({ op: 'call', path: target.path, args }, target.options),
    construct: (_function, args: unknown[]) =>
      target.caller({ op: 'new', path: target.path, args }, target.options),
  })
  targets.set(proxy, target)
  return proxy
}

// A function, so that proxies of it can be called and constructed.
function noop(): void {}
