// A backend as the README shows it. It imports nothing of Node.
import { serve } from 'tauri-plugin-js-api/backend'
import { api } from './api.mjs'

serve(api)
