import { expect, test } from 'vitest'
import { parseAnsi, stripAnsi, type Segment } from './ansi'

const ESC = '\x1b'

const segment = (text: string, style: Partial<Segment> = {}): Segment => ({
  ...{ text, color: null, background: null, decorations: new Set() },
  ...style,
})

test('plain text is one segment', () => {
  expect(parseAnsi('hello')).toEqual([segment('hello')])
})

test.each(['0', ''])('colours start and end with ESC[%sm', (reset) => {
  expect(parseAnsi(`a${ESC}[31mred${ESC}[${reset}m b`)).toEqual([
    segment('a'),
    segment('red', { color: 'var(--ansi-1)' }),
    segment(' b'),
  ])
})

test('styles accumulate until they are reset', () => {
  expect(parseAnsi(`${ESC}[1;92mok${ESC}[22;39m then`)).toEqual([
    segment('ok', { color: 'var(--ansi-10)', decorations: new Set(['bold'] as const) }),
    segment(' then'),
  ])
})

test('decorations and background are recognised', () => {
  expect(parseAnsi(`${ESC}[2;3;4;41mall${ESC}[22;23;24;49mnone`)).toEqual([
    segment('all', {
      background: 'var(--ansi-1)',
      decorations: new Set(['dim', 'italic', 'underline'] as const),
    }),
    segment('none'),
  ])
})

test.each([
  ['38;5;9', 'var(--ansi-9)'],
  ['38;5;196', '#ff0000'],
  ['38;5;244', '#808080'],
  ['38;2;1;2;3', '#010203'],
  ['38:2:1:2:3', '#010203'],
])('extended colour %s', (code, color) => {
  expect(parseAnsi(`${ESC}[${code}mx`)[0]!.color).toBe(color)
})

const texts = (line: string) => parseAnsi(line).map(({ text }) => text)

test.each([
  [`${ESC}]0;title\x07${ESC}[2K${ESC}[1Gdone\x00`, 'done'],
  [`${ESC}]8;;https://deno.com${ESC}\\link${ESC}]8;;${ESC}\\`, 'link'],
  [`${ESC}[?25lmoves${ESC}[10A only`, 'moves only'],
  [`${ESC}[>4;1mkeys`, 'keys'],
])('cursor movements, titles and links are removed: %j', (line, text) => {
  expect(stripAnsi(line)).toBe(text)
  expect(texts(line).join('')).toBe(text)
})

test('a carriage return overwrites, unless it ends the line', () => {
  expect(stripAnsi('10 %\r50 %\r100 %')).toBe('100 %')
  expect(texts('10 %\r50 %\r100 %')).toEqual(['100 %'])
  expect(stripAnsi('windows line\r')).toBe('windows line')
})

test('a truncated escape removes no text', () => {
  expect(stripAnsi(`text${ESC}[3`)).toBe('text[3')
  expect(texts(`text${ESC}[3`)).toEqual(['text[3'])
})
