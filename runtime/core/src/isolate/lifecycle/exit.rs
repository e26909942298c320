//! Maps the end of a script to an exit, with the codes of the Deno command line.

use std::fmt::Write;

use deno_runtime::deno_core::error::{CoreError, CoreErrorKind};
use deno_runtime::fmt_errors::format_js_error;
use deno_runtime::worker::MainWorker;

use crate::generation::Exit;
use crate::isolate::lifecycle::process_context::ProcessContext;
use crate::isolate::limits::control::{Memory, SelfEnded};
use crate::isolate::stdio::Stdio;
use crate::wire::ExitReason;

/// Exit code after an uncaught error.
const UNCAUGHT: i32 = 1;

/// The exit of a script. `result` is that of the event loop; `None` if the loop was cancelled. Prints an uncaught error
/// to stderr.
pub(crate) fn of(
    result: Option<Result<(), CoreError>>,
    worker: &MainWorker,
    process: &ProcessContext,
    stderr: &Stdio,
) -> Exit {
    match process.control.self_ended() {
        Some(SelfEnded::Exhausted(memory)) => {
            stderr.write_text(&format!("error: {}\n", exhausted(memory)));
            return of_exhausted(memory);
        }
        Some(SelfEnded::Signal(signal)) => {
            return Exit { reason: ExitReason::Killed { signal: Some(signal) }, code: None };
        }
        Some(SelfEnded::Exit(code)) => return completed(code),
        Some(SelfEnded::Panicked) => return panicked(process.control.crash.message()),
        None => {}
    }
    match result {
        None => killed(),
        Some(Ok(())) => completed(worker.exit_code()),
        Some(Err(_)) if process.control.is_end_requested() => killed(),
        Some(Err(error)) => {
            let (message, stack) = describe(&error);
            let (message, stack) = (shortened(message), stack.map(shortened));
            let (mut message, stack) =
                (with_permission_hint(&message), stack.as_deref().map(with_permission_hint));
            if process.shared.buffers.have_refused()
                && REFUSED.iter().any(|it| message.contains(it))
            {
                message.push_str(" (limits.arrayBufferMb)");
            }
            stderr.write_text(&format!("error: {}\n", stack.as_deref().unwrap_or(&message)));
            Exit { reason: ExitReason::Error { message, stack }, code: Some(UNCAUGHT) }
        }
    }
}

/// Messages that V8 throws when memory for a buffer or for WebAssembly is refused.
const REFUSED: [&str; 5] = [
    "Array buffer allocation failed",
    "Cannot allocate Wasm memory",
    "Out of memory",
    "Unable to grow instance memory",
    "could not allocate memory",
];

pub(crate) fn exhausted(memory: Memory) -> &'static str {
    match memory {
        Memory::Heap => "the JavaScript heap reached its limit (limits.heapMb)",
        Memory::Buffers => {
            "memory outside of the JavaScript heap reached its limit (limits.arrayBufferMb)"
        }
        Memory::Process => "the memory of the process reached its limit (limits.memoryMb)",
    }
}

pub(crate) fn of_exhausted(memory: Memory) -> Exit {
    let reason = match memory {
        Memory::Heap | Memory::Buffers => ExitReason::HeapLimit,
        Memory::Process => ExitReason::MemoryLimit,
    };
    Exit { reason, code: None }
}

fn completed(code: i32) -> Exit {
    Exit { reason: ExitReason::Completed, code: Some(code) }
}

/// The exit of a process with a thread that does not end.
pub(crate) fn unresponsive() -> Exit {
    Exit { reason: ExitReason::Unresponsive, code: None }
}

/// The exit of a process that was killed.
pub(crate) fn killed() -> Exit {
    Exit { reason: ExitReason::Killed { signal: None }, code: None }
}

/// The exit after a contained panic on the isolate's thread.
pub(crate) fn panicked(message: String) -> Exit {
    Exit { reason: ExitReason::Error { message, stack: None }, code: None }
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

/// The longest message and stack in bytes: they are stored with the process and sent to all subscribers.
const LONGEST_TEXT: usize = 64 << 10;

pub(crate) fn shortened(mut text: String) -> String {
    if text.len() > LONGEST_TEXT {
        let all = text.len();
        text.truncate(text.floor_char_boundary(LONGEST_TEXT));
        text.shrink_to_fit();
        let _ = write!(text, "… ({all} bytes)");
    }
    text
}

/// Replaces Deno's hint to a command-line flag by one to `permissions`; `jsproc` has the flags too.
fn with_permission_hint(text: &str) -> String {
    let mut parts = text.split("run again with the --allow-");
    let mut replaced = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once(" flag") {
            Some((kind, rest)) => {
                let _ = write!(
                    replaced,
                    "which permissions.{kind} grants (--allow-{kind} of jsproc){rest}"
                );
            }
            None => replaced.push_str(part),
        }
    }
    replaced
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let short = "x".repeat(LONGEST_TEXT);
        assert_eq!(shortened(short.clone()), short);
        let long = format!("x{}", "ü".repeat(LONGEST_TEXT));
        let cut = shortened(long);
        assert!(cut.ends_with(&format!("ü… ({} bytes)", 2 * LONGEST_TEXT + 1)), "{}", cut.len());
        assert!(cut.len() < LONGEST_TEXT + 64);
    }

    #[test]
    fn a_refusal_names_the_permission_that_is_missing() {
        let refusal =
            "NotCapable: Requires net access to \"a.b:443\", run again with the --allow-net flag";
        let expected = "NotCapable: Requires net access to \"a.b:443\", \
            which permissions.net grants (--allow-net of jsproc)\n at x";
        assert_eq!(with_permission_hint(&format!("{refusal}\n at x")), expected);
        assert_eq!(with_permission_hint("no refusal"), "no refusal");
    }
}
