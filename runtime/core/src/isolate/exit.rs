//! How a script's end becomes an exit: codes as the Deno command line gives them.

use deno_runtime::deno_core::error::{CoreError, CoreErrorKind};
use deno_runtime::fmt_errors::format_js_error;
use deno_runtime::worker::MainWorker;

use super::control::Control;
use super::guards::SelfEnded;
use super::stdio::Stdio;
use crate::backend::Exit;
use crate::wire::ExitReason;

/// What an uncaught error ends with.
const UNCAUGHT: i32 = 1;

/// Tells why the event loop came to its end, or was left before it (`None`); an uncaught error is said
/// on stderr.
pub(super) fn of(
    result: Option<Result<(), CoreError>>,
    worker: &mut MainWorker,
    control: &Control,
    stderr: &Stdio,
) -> Exit {
    if control.is_heap_exhausted() {
        stderr.say("error: the JavaScript heap reached its limit (limits.heapMb)\n");
        return Exit { reason: ExitReason::HeapLimit, code: None };
    }
    let ended = worker.js_runtime.op_state().borrow().try_borrow::<SelfEnded>().copied();
    match ended {
        Some(SelfEnded::Signal(signal)) => {
            return Exit { reason: ExitReason::Killed { signal: Some(signal) }, code: None };
        }
        Some(SelfEnded::Exit) => return completed(worker),
        None => {}
    }
    match result {
        None => killed(),
        Some(Ok(())) => completed(worker),
        Some(Err(_)) if control.is_asked() => killed(),
        Some(Err(error)) => {
            let (message, stack) = describe(&error);
            stderr.say(&format!("error: {}\n", stack.as_deref().unwrap_or(&message)));
            Exit { reason: ExitReason::Error { message, stack }, code: Some(UNCAUGHT) }
        }
    }
}

fn completed(worker: &MainWorker) -> Exit {
    Exit { reason: ExitReason::Completed, code: Some(worker.exit_code()) }
}

/// Ended from outside while it waited for something.
pub(super) fn killed() -> Exit {
    Exit { reason: ExitReason::Killed { signal: None }, code: None }
}

/// A panic on the isolate's thread, contained.
pub(super) fn panicked(payload: &(dyn std::any::Any + Send)) -> Exit {
    let text = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("unknown cause");
    Exit {
        reason: ExitReason::Error { message: format!("the engine panicked: {text}"), stack: None },
        code: None,
    }
}

fn describe(error: &CoreError) -> (String, Option<String>) {
    match error.as_kind() {
        CoreErrorKind::Js(error) => {
            let message = match (&error.name, &error.message) {
                (Some(name), Some(message)) => format!("{name}: {message}"),
                _ => error.exception_message.clone(),
            };
            (message, Some(format_js_error(error, None)))
        }
        _ => (error.to_string(), None),
    }
}
