// Formats numbers. Widths are stable, so that table columns do not shift.

const KIB = 1024
const UNITS = ['B', 'KB', 'MB', 'GB', 'TB'] as const

/** `88 MB`, `1.4 GB`: at most three digits. */
export function bytes(value: number): string {
  let amount = value
  let unit = 0
  while (amount >= 999.5 && unit < UNITS.length - 1) {
    amount /= KIB
    unit++
  }
  const digits = unit > 0 && amount < 9.95 ? 1 : 0
  return `${amount.toFixed(digits)} ${UNITS[unit]}`
}

/** Memory and its limit: `12 / 64 MB`. */
export function bytesOf(value: number, limit: number): string {
  const mega = (amount: number) => Math.round(amount / KIB / KIB)
  return `${mega(value)} / ${mega(limit)} MB`
}

/** A time span: `0.31 ms`, `12 ms`, `1.4 s`. */
export function millis(value: number): string {
  if (value < 0.995) return `${value.toFixed(2)} ms`
  if (value < 9.95) return `${value.toFixed(1)} ms`
  if (value < 999.5) return `${Math.round(value)} ms`
  return `${(value / 1000).toFixed(value < 9950 ? 1 : 0)} s`
}

/** Time since a start: `02:11`, `1:02:11`, `3 d 04 h`. */
export function uptime(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000))
  const two = (part: number) => String(part).padStart(2, '0')
  const [s, m, h] = [seconds % 60, Math.floor(seconds / 60) % 60, Math.floor(seconds / 3600)]
  if (h >= 24) return `${Math.floor(h / 24)} d ${two(h % 24)} h`
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${two(m)}:${two(s)}`
}

/** Local time with milliseconds: `14:03:07.250`. */
export function clock(at: number): string {
  const date = new Date(at)
  const two = (part: number) => String(part).padStart(2, '0')
  const time = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':')
  return `${time}.${String(date.getMilliseconds()).padStart(3, '0')}`
}

/** `9 %`; `0.4 %` below one. */
export function percent(value: number): string {
  return `${value > 0 && value < 0.95 ? value.toFixed(1) : Math.round(value)} %`
}

/** `1,204`, in every locale: the page is English. */
export function count(value: number): string {
  return Math.round(value).toLocaleString('en-US')
}

/** A multiple of the best value: `1×`, `6.2×`, `34×`. */
export function ratio(value: number, best: number): string {
  const times = best > 0 ? value / best : 1
  return `${times < 9.95 && times >= 1.05 ? times.toFixed(1) : Math.round(times)}×`
}

/** `1 line`, `4 lines`. */
export function plural(amount: number, one: string, many = `${one}s`): string {
  return `${count(amount)} ${amount === 1 ? one : many}`
}
