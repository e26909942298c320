// What a filter field means: words, all of which must occur, or `/an expression/`.

export type Matches = (text: string) => boolean

const everything: Matches = () => true

/** Ignores case unless the words have capitals. A broken expression is taken as plain words. */
export function matcher(query: string): Matches {
  const expression = /^\/(.+)\/$/.exec(query.trim())?.[1]
  if (expression) {
    try {
      const pattern = new RegExp(expression, 'i')
      return (text) => pattern.test(text)
    } catch {
      // Someone is still typing it.
    }
  }
  const words = query.split(/\s+/).filter(Boolean)
  if (words.length === 0) return everything
  const exact = /[A-Z]/.test(query)
  return (text) => {
    const line = exact ? text : text.toLowerCase()
    return words.every((word) => line.includes(word))
  }
}

/**
 * How well `query` fits `text` when its letters may be spread out, as in a command palette: less is
 * better, null is not at all.
 */
export function fuzzy(query: string, text: string): number | null {
  const line = text.toLowerCase()
  const letters = query.toLowerCase().replaceAll(' ', '')
  const whole = line.indexOf(query.toLowerCase())
  if (whole >= 0) return whole / 1000
  let at = -1
  let gaps = 1
  for (const letter of letters) {
    const next = line.indexOf(letter, at + 1)
    if (next < 0) return null
    gaps += next - at - 1
    at = next
  }
  return gaps
}
