/** Access to the functions that an endpoint offers. */
import type { Request } from './kkrpc.ts'

/** How deep nested objects are listed. */
const MAX_DEPTH = 4

/**
 * Performs a request on an API object. Only members of the API itself and of its classes are reached, and
 * none that every object or function has.
 *
 * @throws What the function throws; an error that names the member if there is none.
 */
export function perform(api: object, { op, path, args, value }: Request): unknown {
  let target: unknown = api
  for (let index = 0; index < path.length - 1; index++) {
    const key = path[index]!
    target = isMember(target, key) ? (target as Members)[key] : undefined
    if (target === undefined || target === null) {
      throw new Error(`Method path ${path.join('.')} not found at ${key}`)
    }
  }
  const key = path[path.length - 1]
  if (key === undefined) throw new Error('the request names no member')
  const member = isMember(target, key) ? (target as Members)[key] : undefined
  switch (op) {
    case 'get':
      return member
    case 'set':
      if (key === '__proto__' || key === 'constructor') throw new Error(`${key} cannot be set`)
      if (!isMember(target, key)) throw new Error(`Property ${path.join('.')} does not exist`)
      ;(target as Members)[key] = value
      return true
    case 'new':
      if (typeof member !== 'function')
        throw new Error(`Constructor ${path.join('.')} is not a function`)
      return Reflect.construct(member, args) as object
    case 'call':
      if (typeof member !== 'function')
        throw new Error(`Method ${path.join('.')} is not a function`)
      return Reflect.apply(member, target, args) as unknown
    default:
      throw new Error(`the operation ${String(op)} does not exist`)
  }
}

/** Whether the API has this member. */
export function hasMember(api: object, path: readonly string[]): boolean {
  let target: unknown = api
  for (const key of path) {
    if (!isMember(target, key)) return false
    target = (target as Members)[key]
  }
  return true
}

/** The paths of all functions of an API, with dots. */
export function namesOf(api: object): string[] {
  const names: string[] = []
  const visit = (target: object, prefix: string, depth: number) => {
    for (const key of keysOf(target)) {
      const member: unknown = (target as Members)[key]
      const name = prefix + key
      if (typeof member === 'function') names.push(name)
      else if (typeof member === 'object' && member !== null && depth < MAX_DEPTH) {
        visit(member, `${name}.`, depth + 1)
      }
    }
  }
  visit(api, '', 1)
  return names
}

type Members = Record<string, unknown>

function isMember(target: unknown, key: string): boolean {
  if ((typeof target !== 'object' && typeof target !== 'function') || target === null) return false
  if (Object.hasOwn(target, key)) return true
  if (key in Object.prototype || !(key in target)) return false
  return typeof target !== 'function' || !(key in Function.prototype)
}

/** Own keys, and those of classes. */
function keysOf(target: object): string[] {
  const keys = new Set(Object.keys(target))
  for (
    let prototype = Object.getPrototypeOf(target) as object | null;
    prototype && prototype !== Object.prototype && prototype !== Array.prototype;
    prototype = Object.getPrototypeOf(prototype) as object | null
  ) {
    for (const key of Object.getOwnPropertyNames(prototype)) {
      const getter = Object.getOwnPropertyDescriptor(prototype, key)?.get
      if (key !== 'constructor' && !getter) keys.add(key)
    }
  }
  return [...keys]
}
