/** Frames with superjson's annotations, as kkrpc writes them. */
import { SuperJSON } from 'superjson'

type Meta = NonNullable<ReturnType<typeof SuperJSON.serialize>['meta']>

/** A frame with superjson's wrapper. */
export function toSuperjson(frame: object): string {
  return SuperJSON.stringify(frame)
}

/**
 * The frame in superjson's wrapper, whose line has so many characters.
 *
 * @throws `TypeError` for annotations that kkrpc does not write: those that make a value larger than its text.
 */
export function fromSuperjson(wrapper: { json: unknown; meta?: unknown }, chars: number): unknown {
  const { json, meta } = wrapper
  if (typeof meta !== 'object' || meta === null) return json
  const restored: unknown = SuperJSON.deserialize({ json: json as never, meta: meta as Meta })
  // kkrpc writes a shared object in full at each place, so the text is at least as long as the value.
  if ('referentialEqualities' in meta && sizeOf(restored, new Map()) > chars) {
    throw new TypeError('the annotations of the frame repeat more values than the frame has')
  }
  return restored
}

/** The number of values in a value, shared ones counted at each place. Values that contain themselves count once. */
function sizeOf(value: unknown, sizes: Map<object, number>): number {
  if (typeof value !== 'object' || value === null) return 1
  const known = sizes.get(value)
  if (known !== undefined) return known
  sizes.set(value, 1)
  let size = 1
  for (const item of itemsOf(value)) size += sizeOf(item, sizes)
  sizes.set(value, size)
  return size
}

function itemsOf(value: object): Iterable<unknown> {
  if (value instanceof Map) return [...value].flat()
  if (value instanceof Set) return value
  return ArrayBuffer.isView(value) ? [] : Object.values(value)
}
