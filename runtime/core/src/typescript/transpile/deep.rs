//! Runs the parser on a thread with a large stack.
//!
//! swc recurses once per level of nesting, and a stack overflow would end the application. The stack is larger than any
//! ordinary source needs; only the used part takes memory. Deeper nesting is refused; V8 would not compile it either.

use std::any::Any;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use parking_lot::Mutex;

use super::Error;
use crate::crash::{self, Crash};

/// An unoptimised swc takes up to 32 KiB per level.
const STACK: usize = 256 << 20;
const MAX_DEPTH: usize = 4000;

/// How often to check whether the parser's thread has crashed.
const CRASH_CHECK: Duration = Duration::from_millis(20);

/// Runs `work`, which parses `text`, and turns a panic in it into an error.
pub(super) fn run<T: Send + 'static>(
    specifier: &str,
    text: &str,
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    if depth(text) > MAX_DEPTH {
        return Err(too_deep(specifier));
    }
    let internal = |reason| Error::Internal { specifier: specifier.to_owned(), reason };
    let process = crash::current().or_else(Crash::without_process);
    let (done, result) = mpsc::channel();
    let helped = process.clone();
    let work = Arc::new(Mutex::new(Some(work)));
    let parse = move || {
        let work = work.lock().take();
        let parsed = work.map(|work| panic::catch_unwind(AssertUnwindSafe(work)));
        // The receiver is gone if another thread of the process has crashed.
        let _ = parsed.map(|parsed| done.send(parsed));
    };
    let here = parse.clone();
    let body = move || {
        // Nesting without brackets can still overflow the stack. Then only this thread and its process crash.
        let _entered = helped.as_ref().map(crash::enter);
        parse();
    };
    let thread = thread::Builder::new().name("js:parse".to_owned()).stack_size(STACK).spawn(body);
    if thread.is_err() {
        // With limited address space the thread cannot start; ordinary sources need no large stack.
        here();
    }
    loop {
        match result.recv_timeout(CRASH_CHECK) {
            Ok(parsed) => {
                // The thread is about to return, and its panics were caught.
                let _ = thread.map(JoinHandle::join);
                return parsed.unwrap_or_else(|panic| Err(internal(panic_text(&*panic))));
            }
            Err(RecvTimeoutError::Disconnected) => {
                return Err(internal("the parser returned no result".to_owned()));
            }
            Err(RecvTimeoutError::Timeout) => {
                if process.as_ref().is_some_and(|crash| crash.has_happened()) {
                    return Err(too_deep(specifier));
                }
            }
        }
    }
}

fn too_deep(specifier: &str) -> Error {
    // A `data:` URL contains the whole source.
    let at: String = specifier.chars().take(200).collect();
    Error::Syntax(format!("Nested too deeply at {at}"))
}

/// The message of a panic.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> String {
    if let Some(text) = panic.downcast_ref::<String>() {
        text.clone()
    } else {
        panic.downcast_ref::<&str>().map_or_else(|| "panic".to_owned(), |text| (*text).to_owned())
    }
}

/// How deeply brackets nest. Brackets in strings count too; the limit leaves enough room.
fn depth(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut deepest = 0;
    for byte in text.bytes() {
        match byte {
            b'(' | b'[' | b'{' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_depth_is_that_of_the_deepest_bracket() {
        assert_eq!(depth("f(a[{}], [])"), 3);
        assert_eq!(depth(")))("), 1);
    }

    #[test]
    fn a_panic_is_an_error() {
        let failed = run::<()>("file:///a.ts", "", || panic!("no"));
        assert!(matches!(failed, Err(Error::Internal { reason, .. }) if reason == "no"));
    }

    #[test]
    fn deep_nesting_is_refused() {
        let text = "[".repeat(MAX_DEPTH + 1);
        assert!(matches!(run("file:///a.ts", &text, || Ok(())), Err(Error::Syntax(_))));
    }
}
