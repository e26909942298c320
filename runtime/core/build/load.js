// Runs before Deno's bootstrap, which hides the function that this needs. Defines `jsRuntimeLoad`, which loads the
// modules whose code the executable contains: those that the pool preloads, and those that scripts import most.
;(() => {
  const { createLazyLoader } = __bootstrap.core
  const modules = [
    'node:process',
    'node:buffer',
    'node:child_process',
    'node:crypto',
    'node:events',
    'node:fs',
    'node:fs/promises',
    'node:module',
    'node:os',
    'node:path',
    'node:stream',
    'node:stream/promises',
    'node:timers',
    'node:timers/promises',
    'node:url',
    'node:util',
  ]
  // The first use of a global loads its module.
  const globals = [
    'AbortController',
    'Blob',
    'MessageChannel',
    'ReadableStream',
    'Request',
    'crypto',
    'fetch',
    'performance',
  ]
  Object.defineProperty(globalThis, 'jsRuntimeLoad', {
    value: () => {
      for (const module of modules) createLazyLoader(module)()
      for (const name of globals) void globalThis[name]
    },
  })
})()
