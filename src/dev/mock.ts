// The plugin, imitated in the page: every state of the UI without Rust. Loaded in development only,
// by `?mock=<scenario>`; the string below must not be found in a build.
import { mockIPC, mockWindows } from '@tauri-apps/api/mocks'
import { FakePlugin } from './fake-plugin'
import { scenarios } from './scenarios'

export const MARKER = 'mock-of-the-plugin'

export function mock(name: string): void {
  document.documentElement.dataset.mock = MARKER
  // As the app's configuration has it (`freezePrototype`): what breaks on it breaks here.
  Object.freeze(Object.prototype)
  mockWindows('main')
  mockIPC(() => null)
  const plugin = new FakePlugin()
  const internals = (window as unknown as { __TAURI_INTERNALS__: { invoke: unknown } })
    .__TAURI_INTERNALS__
  // mockIPC's own handler does not see the headers that raw bodies come with.
  internals.invoke = async (command: string, args: unknown, options?: { headers?: HeadersInit }) =>
    plugin.invoke(command.replace('plugin:js|', ''), args, new Headers(options?.headers))
  const scenario = scenarios[name] ?? scenarios.running!
  void scenario(plugin)
}
