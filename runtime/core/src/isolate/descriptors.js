// Stands at the head of every built-in module that has a way to the application's descriptors, with
// their `__bootstrap` in sight. The first of them to be loaded changes what all of them use; no script
// has seen any of it before, and none sees what it was.
{
  const { ops } = __bootstrap.core
  const { FunctionPrototypeCall, ObjectDefineProperty } = __bootstrap.primordials
  const { op_tty_check_fd_permission: check } = ops
  if (!ops.areDescriptorsGuarded) {
    const replace = (target, name, value) =>
      ObjectDefineProperty(target, name, {
        __proto__: null,
        value,
        configurable: false,
        enumerable: false,
        writable: false,
      })
    const guardOpen = ({ prototype }) => {
      const { open } = prototype
      replace(prototype, 'open', function (number) {
        // Once: an object could be one number for the check and another one for the call.
        const descriptor = number | 0
        check(descriptor)
        return FunctionPrototypeCall(open, this, descriptor)
      })
    }
    guardOpen(ops.PipeWrap)
    guardOpen(ops.TCPWrap)

    // The terminal is the application's.
    class TTY {
      constructor() {
        check(0)
      }
      static isTTY() {
        return false
      }
    }
    replace(ops.TTY.prototype, 'constructor', TTY)
    ops.TTY = TTY

    // Its standard streams are the application's, whatever numbers it is given.
    class WasiContext {
      constructor() {
        check(0)
      }
    }
    replace(ops.WasiContext.prototype, 'constructor', WasiContext)
    ops.WasiContext = WasiContext
    ops.areDescriptorsGuarded = true
  }
}
