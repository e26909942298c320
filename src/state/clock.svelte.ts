// The current time, once a second: what uptimes are read against.

class Clock {
  now = $state(Date.now())

  constructor() {
    setInterval(() => {
      if (!document.hidden) this.now = Date.now()
    }, 1000)
  }
}

export const clock = new Clock()
