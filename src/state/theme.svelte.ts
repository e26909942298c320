// The colour theme.
import { load, save } from './storage'

export const THEMES = ['system', 'light', 'dark'] as const
export type Theme = (typeof THEMES)[number]

class ThemeState {
  current = $state<Theme>('system')

  constructor() {
    const stored = load<Theme>('theme', 'system')
    this.set(THEMES.includes(stored) ? stored : 'system')
  }

  set(theme: Theme): void {
    this.current = theme
    save('theme', theme)
    if (theme === 'system') delete document.documentElement.dataset.theme
    else document.documentElement.dataset.theme = theme
  }

  next(): void {
    this.set(THEMES[(THEMES.indexOf(this.current) + 1) % THEMES.length]!)
  }
}

export const theme = new ThemeState()
