// Sends every line back, with the fastest API of each runtime.
const frames = globalThis.process?.getBuiltinModule?.('js-runtime:lines')
if (frames) {
  for (let lines; (lines = await frames.readAll()) !== null;) frames.writeAll(lines)
} else if (globalThis.Bun) {
  const writer = Bun.stdout.writer()
  for await (const chunk of Bun.stdin.stream()) {
    writer.write(chunk)
    await writer.flush()
  }
} else if (globalThis.Deno) {
  for await (const chunk of Deno.stdin.readable) {
    for (let sent = 0; sent < chunk.length;) sent += Deno.stdout.writeSync(chunk.subarray(sent))
  }
} else {
  const process = (await import('node:process')).default
  process.stdin.pipe(process.stdout)
}
