// Notifications. Problems stay until they are closed.
import { explain, type Problem } from '../lib/hints'

export interface Toast {
  id: number
  problem: Problem | null
  text: string
}

const NOTE_MS = 4000
/** More would cover the page. */
const MAX_TOASTS = 4

class Toasts {
  list: Toast[] = $state.raw([])
  #nextId = 1

  note(text: string): void {
    const id = this.#add({ problem: null, text })
    setTimeout(() => this.close(id), NOTE_MS)
  }

  fail(title: string, error: unknown): void {
    const problem = explain(title, error)
    this.#add({ problem, text: problem.title })
  }

  close(id: number): void {
    this.list = this.list.filter((toast) => toast.id !== id)
  }

  #add(toast: Omit<Toast, 'id'>): number {
    const id = this.#nextId++
    this.list = [...this.list, { ...toast, id }].slice(-MAX_TOASTS)
    return id
  }
}

export const toasts = new Toasts()
