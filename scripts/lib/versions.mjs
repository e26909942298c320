/** Compares versions of two numbers, such as "1.95". */

/** True for ("1.100", "1.95"). */
export function isAtLeast(version, wanted) {
  const [have, want] = [version, wanted].map((text) => text.split('.').map(Number))
  return have[0] === want[0] ? (have[1] ?? 0) >= (want[1] ?? 0) : have[0] > want[0]
}

/** The version of glibc, such as "2.36"; undefined with another C library. */
export function systemGlibc() {
  if (process.platform !== 'linux') return undefined
  // Otherwise the report resolves the host names of all open connections.
  process.report.excludeNetwork = true
  return process.report.getReport().header.glibcVersionRuntime
}
