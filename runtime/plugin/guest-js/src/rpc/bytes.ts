/** Binary data as base64, with the name of its view. */

/** Views that can be sent. */
const VIEWS = {
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
  DataView,
} as const

/** Newer engines encode base64 themselves. */
interface Base64Array {
  toBase64?(): string
}
interface Base64Constructor {
  fromBase64?(text: string): Uint8Array<ArrayBuffer>
}

/** Arguments of one `String.fromCharCode` call. */
const CHUNK = 0x8000

/** The name of a view, or `ArrayBuffer`; `null` for other values. A subclass has the name of its base. */
export function binaryType(value: object): string | null {
  const tag = tagOf(value)
  return tag === 'ArrayBuffer' || ArrayBuffer.isView(value) ? tag : null
}

/** The class of a value as the language names it, in every realm. */
export function tagOf(value: object): string {
  return Object.prototype.toString.call(value).slice(8, -1)
}

/** @throws `TypeError` for a view that the other side may not have. */
export function toBase64(value: ArrayBuffer | ArrayBufferView, type: string): string {
  if (type !== 'ArrayBuffer' && !Object.hasOwn(VIEWS, type)) {
    throw new TypeError(`a ${type} cannot be sent`)
  }
  const bytes = bytesOf(value)
  const native = (bytes as unknown as Base64Array).toBase64
  if (native) return native.call(bytes)
  let binary = ''
  for (let at = 0; at < bytes.length; at += CHUNK) {
    binary += String.fromCharCode(...bytes.subarray(at, at + CHUNK))
  }
  return btoa(binary)
}

/** The bytes of a view or a buffer, not copied. */
export function bytesOf(value: ArrayBuffer | ArrayBufferView): Uint8Array {
  if (!ArrayBuffer.isView(value)) return new Uint8Array(value)
  return new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
}

/** @throws `TypeError` for an unknown type, `SyntaxError` or `DOMException` for text that is no base64. */
export function fromBase64(type: string, text: string): ArrayBuffer | ArrayBufferView {
  const bytes = decodeBase64(text)
  if (type === 'Uint8Array') return bytes
  if (type === 'ArrayBuffer') return bytes.buffer
  if (!Object.hasOwn(VIEWS, type)) {
    throw new TypeError(`the frame has binary data of the unknown type ${type}`)
  }
  const View = VIEWS[type as keyof typeof VIEWS] as typeof DataView
  return new View(bytes.buffer)
}

function decodeBase64(text: string): Uint8Array<ArrayBuffer> {
  const { fromBase64: native } = Uint8Array as unknown as Base64Constructor
  if (native) return native.call(Uint8Array, text)
  const binary = atob(text)
  const bytes = new Uint8Array(binary.length)
  for (let at = 0; at < binary.length; at++) bytes[at] = binary.charCodeAt(at)
  return bytes
}
