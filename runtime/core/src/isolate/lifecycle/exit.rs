//! How a script's end becomes an exit: codes as the Deno command line gives them.

use std::fmt::Write;

use deno_runtime::deno_core::error::{CoreError, CoreErrorKind};
use deno_runtime::fmt_errors::format_js_error;
use deno_runtime::worker::MainWorker;

use crate::backend::running::Exit;
use crate::isolate::lifecycle::process_context::ProcessContext;
use crate::isolate::limits::control::{Memory, SelfEnded};
use crate::isolate::stdio::Stdio;
use crate::wire::ExitReason;

/// What an uncaught error ends with.
const UNCAUGHT: i32 = 1;

/// Tells why the event loop came to its end, or was left before it (`None`); an uncaught error is said
/// on stderr.
pub(crate) fn of(
    result: Option<Result<(), CoreError>>,
    worker: &MainWorker,
    program: &ProcessContext,
    stderr: &Stdio,
) -> Exit {
    match program.control.self_ended() {
        Some(SelfEnded::Exhausted(memory)) => {
            stderr.say(&format!("error: {}\n", exhausted(memory)));
            return of_exhausted(memory);
        }
        Some(SelfEnded::Signal(signal)) => {
            return Exit { reason: ExitReason::Killed { signal: Some(signal) }, code: None };
        }
        Some(SelfEnded::Exit(code)) => return completed(code),
        Some(SelfEnded::Panicked) => return panicked(program.control.crash.message()),
        None => {}
    }
    match result {
        None => killed(),
        Some(Ok(())) => completed(worker.exit_code()),
        Some(Err(_)) if program.control.is_asked() => killed(),
        Some(Err(error)) => {
            let (message, stack) = describe(&error);
            let (message, stack) = (shortened(message), stack.map(shortened));
            let (mut message, stack) = (in_own_words(&message), stack.as_deref().map(in_own_words));
            if program.commons.buffers.have_refused()
                && REFUSED.iter().any(|it| message.contains(it))
            {
                message.push_str(" (limits.arrayBufferMb)");
            }
            stderr.say(&format!("error: {}\n", stack.as_deref().unwrap_or(&message)));
            Exit { reason: ExitReason::Error { message, stack }, code: Some(UNCAUGHT) }
        }
    }
}

/// What V8 throws when there is no memory for a buffer, or for WebAssembly.
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

/// Something of it hangs, and was given up.
pub(crate) fn unresponsive() -> Exit {
    Exit { reason: ExitReason::Unresponsive, code: None }
}

/// Ended from outside while it waited for something.
pub(crate) fn killed() -> Exit {
    Exit { reason: ExitReason::Killed { signal: None }, code: None }
}

/// A panic on the isolate's thread, contained.
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

/// The longest message and the longest stack in bytes: they are kept with the process, and sent to all that listen.
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

/// Deno tells of its command line's flags. A process is granted `permissions`; `jsproc` has the flags
/// too.
fn in_own_words(text: &str) -> String {
    let mut parts = text.split("run again with the --allow-");
    let mut said = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once(" flag") {
            Some((kind, rest)) => {
                let _ = write!(
                    said,
                    "which permissions.{kind} grants (--allow-{kind} of jsproc){rest}"
                );
            }
            None => said.push_str(part),
        }
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_between_two_characters() {
        let short = "x".repeat(LONGEST_TEXT);
        assert_eq!(shortened(short.clone()), short);
        let long = format!("x{}", "ü".repeat(LONGEST_TEXT));
        let cut = shortened(long);
        assert!(cut.ends_with(&format!("ü… ({} bytes)", 2 * LONGEST_TEXT + 1)), "{}", cut.len());
        assert!(cut.len() < LONGEST_TEXT + 64);
    }

    #[test]
    fn a_refusal_names_the_permission_that_allows_it() {
        let refusal =
            "NotCapable: Requires net access to \"a.b:443\", run again with the --allow-net flag";
        let expected = "NotCapable: Requires net access to \"a.b:443\", \
            which permissions.net grants (--allow-net of jsproc)\n at x";
        assert_eq!(in_own_words(&format!("{refusal}\n at x")), expected);
        assert_eq!(in_own_words("no refusal"), "no refusal");
    }
}
