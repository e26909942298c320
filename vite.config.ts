import { fileURLToPath } from 'node:url'
import { svelte } from '@sveltejs/vite-plugin-svelte'
import { defineConfig } from 'vite'

const host = process.env.TAURI_DEV_HOST

export default defineConfig({
  plugins: [svelte()],
  resolve: {
    alias: {
      // The plugin's own source, so that the page never runs against a stale build of it.
      'tauri-plugin-js-api': fileURLToPath(
        new URL('./runtime/plugin/guest-js/src/index.ts', import.meta.url),
      ),
    },
  },
  // Tauri prints Rust errors to the same terminal.
  clearScreen: false,
  server: {
    // tauri.conf.json names this port: another one would show an empty window.
    port: 1420,
    strictPort: true,
    host: host || false,
    watch: { ignored: ['**/src-tauri/**', '**/target/**'] },
  },
  build: {
    // The oldest WebKit that Tauri's webviews bring.
    target: 'safari16',
    // The content security policy allows no inline scripts, and every WebKit knows modulepreload.
    modulePreload: { polyfill: false },
    // Nor does it allow data: URLs.
    assetsInlineLimit: 0,
  },
})
