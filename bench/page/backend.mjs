// Sends every line back, and on `flood <n>` so many of its own; by the shortest way that each runtime has.
const flood = (count) => Array.from({ length: count }, (_, n) => `line ${n} ${'x'.repeat(50)}`)

const answer = (line, write) => {
  if (!line.startsWith('flood ')) return write(line)
  for (const own of flood(Number(line.slice(6)))) write(own)
}

const door = globalThis.process?.getBuiltinModule?.('js-runtime:lines')
if (door) {
  for (let line; (line = await door.read()) !== null;) answer(line, door.write)
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
