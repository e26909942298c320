// Runs before Deno's bootstrap, which hides what this needs. Leaves behind what loads beforehand what
// most scripts ask for first, and what puts in at last what nobody knew when the isolate was made.
;(() => {
  const { createLazyLoader, loadExtScript } = __bootstrap.core
  const { setTimeOrigin } = loadExtScript('ext:deno_web/15_performance.js')
  const loadProcess = createLazyLoader('node:process')
  let process

  const begin = (path, args, executable) => {
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
    // V8 compiles what is called for the first time. Nobody sees what is printed here.
    begin('', [], '')
    console.log('%s', {})
    clearTimeout(setTimeout(() => {}))
  }
  Object.defineProperty(globalThis, 'jsRuntimeBegin', { configurable: true, value: [load, begin] })
})()
