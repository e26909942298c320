import { expect, test } from 'vitest'
import { parseAnsi, stripAnsi } from './ansi'

const ESC = '\x1b'

test('plain text is one segment', () => {
  expect(parseAnsi('hello')).toEqual([{ text: 'hello', style: {} }])
})

test('colours start and end', () => {
  expect(parseAnsi(`a${ESC}[31mred${ESC}[0m b`)).toEqual([
    { text: 'a', style: {} },
    { text: 'red', style: { color: 1 } },
    { text: ' b', style: {} },
  ])
})

test('styles add up until they are taken back', () => {
  const [first, second] = parseAnsi(`${ESC}[1;92mok${ESC}[22;39m then`)
  expect(first).toEqual({ text: 'ok', style: { bold: true, color: 10 } })
  expect(second!.style).toEqual({ bold: false, dim: false })
})

test.each([
  ['38;5;9', 9],
  ['38;5;196', 'rgb(255, 0, 0)'],
  ['38;5;244', 'rgb(128, 128, 128)'],
  ['38;2;1;2;3', 'rgb(1, 2, 3)'],
])('extended colour %s', (code, color) => {
  expect(parseAnsi(`${ESC}[${code}mx`)[0]!.style.color).toBe(color)
})

test('what moves cursors or sets titles disappears', () => {
  expect(stripAnsi(`${ESC}]0;title\x07${ESC}[2K${ESC}[1Gdone\x00`)).toBe('done')
  expect(stripAnsi(`${ESC}]8;;https://deno.com${ESC}\\link${ESC}]8;;${ESC}\\`)).toBe('link')
})

test('a carriage return overwrites, and one at the end does not', () => {
  expect(stripAnsi('10 %\r50 %\r100 %')).toBe('100 %')
  expect(stripAnsi('windows line\r')).toBe('windows line')
})

test('an escape that is cut off does no harm', () => {
  expect(stripAnsi(`text${ESC}[3`)).toBe('text[3')
})
