import { mount } from 'svelte'
import App from './App.svelte'
import { app } from './state/app.svelte'
import { runtimes } from './state/runtimes.svelte'
import './styles.css'

// Without an app around it, for design and for screenshots: `?mock=running`.
const scenario = new URLSearchParams(location.search).get('mock')
if (import.meta.env.DEV && scenario !== null) {
  const { mock } = await import('./dev/mock')
  mock(scenario)
}

// The app says so when a test drives it.
if ('__JS_DEMO_E2E__' in window) await import('./e2e')

mount(App, { target: document.getElementById('app')! })
void app.connect()
void runtimes.scan()
