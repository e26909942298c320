// The commands of the palette.
import { app, TABS } from './app.svelte'
import { theme, THEMES } from './theme.svelte'
import { toasts } from './toasts.svelte'

export interface Command {
  name: string
  keys?: string
  run(): unknown
}

export function commands(): Command[] {
  const { selected } = app
  return [
    ...(selected ? selectedCommands(selected.name, selected.exited) : []),
    ...app.processes
      .filter((process) => process !== selected)
      .map(({ name }) => ({ name: `Select ${name}`, run: () => app.select(name) })),
    ...app.backends
      .filter((backend) => app.canStart(backend))
      .map(({ name }) => ({ name: `Start ${name}`, run: () => app.start(name) })),
    ...(app.backends.length > 1 ? [{ name: 'Start all', run: () => app.startAll() }] : []),
    { name: 'Start another process…', run: () => (app.dialog = 'spawn') },
    { name: 'Kill all…', run: () => (app.dialog = 'kill-all') },
    ...TABS.map((tab, i) => ({
      name: `Show ${tab}`,
      keys: String(i + 1),
      run: () => (app.tab = tab),
    })),
    { name: 'Runtimes…', run: () => (app.dialog = 'runtimes') },
    { name: 'New window', run: () => app.openWindow() },
    ...THEMES.map((name) => ({ name: `Theme: ${name}`, run: () => theme.set(name) })),
    {
      name: app.heartbeat ? 'Stop measuring round trips' : 'Measure round trips',
      run: () => app.setHeartbeat(!app.heartbeat),
    },
    { name: 'Keyboard…', keys: '?', run: () => (app.dialog = 'keys') },
  ]
}

function selectedCommands(name: string, exited: boolean): Command[] {
  return [
    { name: `Restart ${name}`, keys: 'R', run: () => app.restart(name) },
    exited
      ? { name: `Remove ${name}`, keys: 'Del', run: () => app.remove(name) }
      : { name: `Kill ${name}`, keys: 'K', run: () => app.kill(name) },
    { name: `Copy the name ${name}`, run: () => copy(name) },
  ]
}

async function copy(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text)
  } catch (error) {
    toasts.fail('Could not copy to the clipboard', error)
  }
}
