/** Comparing versions of two numbers, such as "1.95". */

/** "1.100" is at least "1.95". */
export function isAtLeast(version, wanted) {
  const [have, want] = [version, wanted].map((text) => text.split('.').map(Number))
  return have[0] === want[0] ? (have[1] ?? 0) >= (want[1] ?? 0) : have[0] > want[0]
}

/** The system's C library: "2.36", or undefined where it is not glibc. */
export function systemGlibc() {
  if (process.platform !== 'linux') return undefined
  // The report would look up the names of all open connections.
  process.report.excludeNetwork = true
  return process.report.getReport().header.glibcVersionRuntime
}
