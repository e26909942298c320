// Text filters: words that must all occur, or `/a regular expression/`.

export type Matches = (text: string) => boolean

const everything: Matches = () => true

/** Ignores case unless a word has capitals. Treats an invalid expression as words. */
export function matcher(query: string): Matches {
  const expression = /^\/(.+)\/$/.exec(query.trim())?.[1]
  if (expression) {
    try {
      const pattern = new RegExp(expression, 'i')
      return (text) => pattern.test(text)
    } catch {
      // Incomplete while it is typed.
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

/** A fuzzy score for a command palette: lower is better, null is no match. Letters may be apart. */
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
