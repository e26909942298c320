/** The functions that every measured backend offers, by `serve` and by kkrpc. */
export const api = {
  add: (a, b) => a + b,
  echo: (value) => value,
  async *rows(count) {
    for (let row = 0; row < count; row++) yield { row, name: `row ${row}` }
  },
}
