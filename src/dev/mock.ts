// Runs the page on a fake of the plugin, without Rust. Loaded in development only, by
// `?mock=<scenario>`. A build must not contain the string `MARKER`.
import { mockIPC, mockWindows } from '@tauri-apps/api/mocks'
import { FakePlugin } from './fake-plugin'
import { scenarios } from './scenarios'

export const MARKER = 'mock-of-the-plugin'

export function mock(name: string): void {
  document.documentElement.dataset.mock = MARKER
  // The app sets `freezePrototype`: code that breaks with it must break here too.
  Object.freeze(Object.prototype)
  mockWindows('main')
  mockIPC(() => null)
  const plugin = new FakePlugin()
  const internals = (window as unknown as { __TAURI_INTERNALS__: { invoke: unknown } })
    .__TAURI_INTERNALS__
  // The handler of mockIPC does not get the headers of raw bodies.
  internals.invoke = async (command: string, args: unknown, options?: { headers?: HeadersInit }) =>
    plugin.invoke(command.replace('plugin:js|', ''), args, new Headers(options?.headers))
  const scenario = scenarios[name] ?? scenarios.running!
  void scenario(plugin)
}
