// Keyboard shortcuts. They are inactive in text fields.
import { app, TABS } from './app.svelte'

const TEXT_FIELDS = 'input, textarea, select, [contenteditable]'
/** Elements that handle Enter and the arrow keys themselves. */
const OWN_KEYS = 'button, a, [role="tab"], [role="log"], [role="separator"], [role="menuitem"]'

export function shortcut(event: KeyboardEvent): void {
  if (event.defaultPrevented) return
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'k') {
    app.dialog = app.dialog === 'palette' ? null : 'palette'
    event.preventDefault()
    return
  }
  const target = event.target as HTMLElement
  if (event.ctrlKey || event.metaKey || event.altKey || app.dialog !== null) return
  if (target.closest?.(TEXT_FIELDS)) return
  if (handleKey(event.key, target)) event.preventDefault()
}

/** Returns true if the key is a shortcut. */
function handleKey(key: string, target: HTMLElement): boolean {
  const process = app.selected
  const ownKeys = target.closest?.(OWN_KEYS) ?? null
  const tab = TABS[Number(key) - 1]
  if (tab) app.tab = tab
  else if (key === '?') app.dialog = 'keys'
  else if (key === 'n') focus('[data-testid="start"]')?.click()
  else if ((key === 'ArrowDown' || key === 'ArrowUp') && !ownKeys) {
    app.moveSelection(key === 'ArrowDown' ? 1 : -1)
    requestAnimationFrame(() => focus('tr[aria-selected="true"]'))
  } else if (!process) return false
  else if (key === 'Enter' && !ownKeys) {
    app.tab = 'console'
    requestAnimationFrame(() => focus('[data-testid="console"]'))
  } else if (key === '/') {
    app.tab = 'console'
    requestAnimationFrame(() => focus('[data-testid="filter"]'))
  } else if (key === 'k' && !process.exited) void app.kill(process.name)
  else if (key === 'r') void app.restart(process.name)
  else if (key === 'Delete' && process.exited) void app.remove(process.name)
  else return false
  return true
}

function focus(selector: string): HTMLElement | null {
  const element = document.querySelector<HTMLElement>(selector)
  element?.focus()
  return element
}
