import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { FakeHost } from './support/host.ts'
import { load, until } from './support/page.ts'
import { enterWebView } from './support/webview.ts'

test('a WebView evaluates large messages', async () => {
  const host = new FakeHost()
  const page = await load(host)
  const process = host.start('p')
  enterWebView()
  const lines: string[] = []
  await page.onStdout('p', (line) => lines.push(line))
  const long = 'é'.repeat(100_000)
  for (const line of ['short', long, 'end']) process.print(line)
  await until(() => lines.length === 3)
  expect(lines).toEqual(['short', long, 'end'])
})

test('no file of the package mentions the invoke key of Tauri', () => {
  const folder = join(import.meta.dirname, '../src')
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.ts'),
  )
  expect(files.length).toBeGreaterThan(20)
  const text = (file: string) => readFileSync(join(folder, file), 'utf8')
  expect(files.filter((file) => /invoke[-_ ]?key/i.test(text(file)))).toEqual([])
})
