// Appended to the module of image bitmaps. A small file can declare a huge image. An ArrayBuffer of the decoded size
// checks the memory limit before decoding, and fails with an exception.
function withMemory(file, ...args) {
  const { ArrayBuffer, MathAbs, MathCeil, MathMax, MathMin, RangeError } = primordials
  const pixelBytes = 4
  // Width and height from the header of a file, by format.
  const sizes = {
    __proto__: null,
    // PNG
    1: (file) => [big(file, 16, 4), big(file, 20, 4)],
    // JPEG: in the start-of-frame segment
    2(file) {
      for (let at = 2; at + 9 < file.length; at += 2 + big(file, at + 2, 2)) {
        while (file[at + 1] === 0xff) at++
        const kind = file[at + 1]
        const isFrame = kind >= 0xc0 && kind <= 0xcf && kind !== 0xc4 && kind !== 0xc8
        if (isFrame && kind !== 0xcc) return [big(file, at + 7, 2), big(file, at + 5, 2)]
      }
      return [65535, 65535]
    },
    // GIF
    3: (file) => [little(file, 6, 2), little(file, 8, 2)],
    // BMP
    4: (file) =>
      little(file, 14, 4) === 12
        ? [little(file, 18, 2), little(file, 20, 2)]
        : [MathAbs(little(file, 18, 4) | 0), MathAbs(little(file, 22, 4) | 0)],
    // ICO: the decoder refuses larger ones
    5: () => [256, 256],
    // WebP
    6(file) {
      const kind = file[15]
      if (kind === 0x58) return [little(file, 24, 3) + 1, little(file, 27, 3) + 1]
      if (kind === 0x4c) {
        const both = little(file, 21, 4)
        return [(both & 0x3fff) + 1, ((both >>> 14) & 0x3fff) + 1]
      }
      return [little(file, 26, 2) & 0x3fff, little(file, 28, 2) & 0x3fff]
    },
  }
  const big = (file, at, length) => {
    let number = 0
    for (let i = 0; i < length; i++) number = number * 256 + (file[at + i] ?? 0)
    return number
  }
  const little = (file, at, length) => {
    let number = 0
    for (let i = length; i-- > 0;) number = number * 256 + (file[at + i] ?? 0)
    return number
  }
  const [width, height, left, top, cropWidth, cropHeight, , , , toWidth, toHeight, , source, kind] =
    args
  const from = source === 0 ? sizes[kind](file) : [width, height]
  const depth = kind === 1 && file[24] === 16 ? 2 : 1
  // Deno computes with 32-bit numbers, and treats some of these as absent if they are 0.
  const isBeyond = left + cropWidth > 2 ** 31 - 1 || top + cropHeight > 2 ** 31 - 1
  if (cropWidth < 0 || cropHeight < 0 || isBeyond) {
    throw new RangeError('The crop rectangle must have a positive size and end before 2 ** 31')
  }
  const scaled = (length, to, of) => {
    if (of === 0 || length * to >= 2 ** 32) {
      throw new RangeError(`The image cannot be resized to ${to}: give both width and height`)
    }
    return MathCeil((length * to) / of)
  }
  // The pixels of a rectangle, the larger of before and after resizing.
  const pixels = (width, height) =>
    MathMax(
      width * height,
      (toWidth || (toHeight ? scaled(width, toHeight, height) : width)) *
        (toHeight || (toWidth ? scaled(height, toWidth, width) : height)),
    )
  const whole = MathMax(pixels(from[0], from[1]), from[0] * from[1] * depth)
  const largest = MathMax(whole, pixels(cropWidth || from[0], cropHeight || from[1]))
  const bytes = largest * pixelBytes
  try {
    new ArrayBuffer(MathMin(bytes, 2 ** 53 - 1))
  } catch {
    throw new RangeError(
      `The image takes ${bytes} bytes, which exceeds the limit (limits.arrayBufferMb)`,
    )
  }
  return op_create_image_bitmap(file, ...args)
}
