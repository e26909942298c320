/** Access to the functions that an endpoint offers. */
import { isNative } from './encode.ts'
import type { Request } from './kkrpc.ts'

/** How deep nested objects are listed. */
const MAX_DEPTH = 4

/** The most members that are listed. */
const MAX_NAMES = 4096

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
      if (typeof member === 'function') throw new Error(`Function ${path.join('.')} cannot be set`)
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

/** The paths of all functions and properties of an API, with dots. */
export function namesOf(api: object): string[] {
  const names: string[] = []
  const visit = (target: object, prefix: string, depth: number) => {
    for (const key of keysOf(target)) {
      if (names.length === MAX_NAMES) return
      // Getters are not run.
      const member = valueOf(target, key)
      const name = prefix + key
      names.push(name)
      if (typeof member === 'object' && member !== null && depth < MAX_DEPTH) {
        visit(member, `${name}.`, depth + 1)
      }
    }
  }
  visit(api, '', 1)
  return names
}

type Members = Record<string, unknown>

/** Members of functions that are not offered. */
const OF_FUNCTIONS = new Set(['prototype', 'name', 'length', 'caller', 'arguments'])

/** Whether a member was written by the application: its own, or one of its classes. */
function isMember(target: unknown, key: string): boolean {
  if (typeof target === 'function') return Object.hasOwn(target, key) && !OF_FUNCTIONS.has(key)
  if (typeof target !== 'object' || target === null || key === 'constructor') return false
  let owner: object | null = target
  while (owner && !Object.hasOwn(owner, key)) owner = Object.getPrototypeOf(owner) as object | null
  return owner !== null && (owner === target || !isBuiltIn(owner))
}

/** The prototypes of the language and of the runtime, such as those of `Array` and `Map`. */
function isBuiltIn(prototype: object): boolean {
  const { constructor } = prototype as { constructor?: unknown }
  return typeof constructor === 'function' && isNative(constructor)
}

/** The value of a property without running a getter. */
function valueOf(target: object, key: string): unknown {
  let owner: object | null = target
  while (owner && !Object.hasOwn(owner, key)) owner = Object.getPrototypeOf(owner) as object | null
  return owner && Object.getOwnPropertyDescriptor(owner, key)?.value
}

/** Own keys, and those of classes. Binary data and arrays have none that are offered. */
function keysOf(target: object): string[] {
  if (ArrayBuffer.isView(target) || Array.isArray(target)) return []
  const keys = new Set(Object.keys(target))
  for (
    let prototype = Object.getPrototypeOf(target) as object | null;
    prototype && !isBuiltIn(prototype);
    prototype = Object.getPrototypeOf(prototype) as object | null
  ) {
    for (const key of Object.getOwnPropertyNames(prototype)) {
      if (key !== 'constructor') keys.add(key)
    }
  }
  return [...keys]
}
