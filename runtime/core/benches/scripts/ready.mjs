console.log('ready')
setInterval(() => {}, 1 << 30)
