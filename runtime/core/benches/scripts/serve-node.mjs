// A backend that uses modules of Node.
import { EventEmitter } from 'node:events'
import { readdirSync } from 'node:fs'
import { extname, join } from 'node:path'
import { serve } from 'tauri-plugin-js-api/backend'
import { api } from './api.mjs'

const events = new EventEmitter()
let listed = 0
events.on('listed', (count) => (listed += count))

serve({
  ...api,
  /** `a + b`, after use of each module. */
  add(a, b) {
    const scripts = readdirSync('/').filter((name) => extname(join('/', name)) === '.mjs')
    events.emit('listed', scripts.length)
    return a + b
  },
  listed: () => listed,
})
