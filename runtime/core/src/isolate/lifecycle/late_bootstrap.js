// Runs before Deno's bootstrap, which hides the functions that this needs. Defines `load`, which loads modules that most
// scripts use, `compile`, which compiles functions that most scripts call, and `start`, which sets the values that are
// known only when a process starts.
;(() => {
  const { createLazyLoader, loadExtScript } = __bootstrap.core
  const { setTimeOrigin } = loadExtScript('ext:deno_web/15_performance.js')
  const loadProcess = createLazyLoader('node:process')
  let process

  const start = (path, args, executable) => {
    setTimeOrigin()
    Deno.args.push(...args)
    if (process) {
      process.execPath = executable
      process.argv[0] = executable
      process.argv[1] = path
      process.argv.push(...args)
    }
  }
  const load = () => {
    process = loadProcess().default
  }
  const compile = () => {
    // The first call of a function compiles it. This output is discarded.
    start('', [], '')
    console.log('%s', {})
    clearTimeout(setTimeout(() => {}))
  }
  Object.defineProperty(globalThis, 'jsRuntimeLateBootstrap', {
    configurable: true,
    value: [load, compile, start],
  })
})()
