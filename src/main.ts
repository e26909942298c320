import { mount } from 'svelte'
import App from './App.svelte'
import { app } from './state/app.svelte'
import { runtimes } from './state/runtimes.svelte'
import './styles.css'

// Development without the app: `?mock=running`.
const scenario = new URLSearchParams(location.search).get('mock')
if (import.meta.env.DEV && scenario !== null) {
  const { mock } = await import('./dev/mock')
  mock(scenario)
}

// The app defines this variable when an e2e test drives it.
if ('__JS_DEMO_E2E__' in window) await import('./e2e')

mount(App, { target: document.getElementById('app')! })
void app.connect()
void runtimes.scan()
