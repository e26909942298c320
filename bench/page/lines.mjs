// Echoes every line, and answers `flood <n>` with `n` lines, by the fastest API of each runtime.
const floodLines = (count) => Array.from({ length: count }, (_, n) => `line ${n} ${'x'.repeat(50)}`)

const answer = (line, write) => {
  if (!line.startsWith('flood ')) return write(line)
  for (const text of floodLines(Number(line.slice(6)))) write(text)
}

const frameApi = globalThis.process?.getBuiltinModule?.('js-runtime:lines')
if (frameApi) {
  for (let line; (line = await frameApi.read()) !== null;) answer(line, frameApi.write)
} else {
  const process = (await import('node:process')).default
  const write = (line) => process.stdout.write(`${line}\n`)
  let rest = []
  for await (const chunk of process.stdin.setEncoding('utf8')) {
    const [head, ...tail] = chunk.split('\n')
    rest.push(head)
    if (tail.length === 0) continue
    answer(rest.join(''), write)
    rest = [tail.pop()]
    for (const line of tail) answer(line, write)
  }
}
