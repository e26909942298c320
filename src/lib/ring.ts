// A bounded list that evicts its oldest items.

export class Ring<T> {
  readonly capacity: number
  #items: T[] = []
  #start = 0
  /** The number of evicted items. */
  evicted = 0

  constructor(capacity: number) {
    this.capacity = capacity
  }

  get length(): number {
    return this.#items.length
  }

  push(item: T): void {
    if (this.#items.length < this.capacity) {
      this.#items.push(item)
      return
    }
    this.#items[this.#start] = item
    this.#start = (this.#start + 1) % this.capacity
    this.evicted++
  }

  /** Oldest first. */
  toArray(): T[] {
    return [...this.#items.slice(this.#start), ...this.#items.slice(0, this.#start)]
  }

  last(): T | undefined {
    return this.#items.at(this.#start - 1)
  }

  clear(): void {
    this.#items = []
    this.#start = 0
    this.evicted = 0
  }
}
