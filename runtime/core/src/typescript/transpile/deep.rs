//! Room for the parser to recurse.
//!
//! swc descends once per level of nesting, and a thread that runs out of stack takes the whole
//! application with it. So it runs on a stack of its own that is far larger than any source needs;
//! only the part that is used costs memory. What is nested deeper still is refused: V8 would not
//! compile it either.

use std::any::Any;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use parking_lot::Mutex;

use super::Error;
use crate::isolate::crash;

/// An unoptimised swc takes up to 32 KiB per level.
const STACK: usize = 256 << 20;
const MAX_DEPTH: usize = 4000;

/// How often a parser that does not answer is suspected to have failed.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

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
    let process = crash::process_here().or_else(crash::process_of_its_own);
    let (done, result) = mpsc::channel();
    let helped = process.clone();
    let work = Arc::new(Mutex::new(Some(work)));
    let parse = move || {
        let work = work.lock().take();
        let parsed = work.map(|work| panic::catch_unwind(AssertUnwindSafe(work)));
        // Nobody waits any more when the process has failed elsewhere.
        let _ = parsed.map(|parsed| done.send(parsed));
    };
    let here = parse.clone();
    let body = move || {
        // What brackets do not show can nest too. Then this thread is lost, and the process that it works
        // for with it.
        let _entered = helped.as_ref().map(crash::enter);
        parse();
    };
    let thread = thread::Builder::new().name("js:parse".to_owned()).stack_size(STACK).spawn(body);
    if thread.is_err() {
        // Where address space is rationed there is no such thread; ordinary sources need none.
        here();
    }
    loop {
        match result.recv_timeout(LOOK_AGAIN) {
            Ok(parsed) => {
                // It has nothing left to do, and its panics were caught.
                let _ = thread.map(JoinHandle::join);
                return parsed.unwrap_or_else(|panic| Err(internal(panic_text(&*panic))));
            }
            Err(RecvTimeoutError::Disconnected) => {
                return Err(internal("the parser did not answer".to_owned()));
            }
            Err(RecvTimeoutError::Timeout) => {
                if process.as_ref().is_some_and(|process| process.crash.has_happened()) {
                    return Err(too_deep(specifier));
                }
            }
        }
    }
}

fn too_deep(specifier: &str) -> Error {
    // A data: URL is its own text.
    let at: String = specifier.chars().take(200).collect();
    Error::Syntax(format!("Nested too deeply at {at}"))
}

/// What a panic said.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> String {
    if let Some(text) = panic.downcast_ref::<String>() {
        text.clone()
    } else {
        panic.downcast_ref::<&str>().map_or_else(|| "panic".to_owned(), |text| (*text).to_owned())
    }
}

/// How deeply brackets nest. Those in strings count too, which is far from mattering.
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
    fn depth_is_that_of_the_deepest_bracket() {
        assert_eq!(depth("f(a[{}], [])"), 3);
        assert_eq!(depth(")))("), 1);
    }

    #[test]
    fn a_panic_is_an_error() {
        let failed = run::<()>("file:///a.ts", "", || panic!("no"));
        assert!(matches!(failed, Err(Error::Internal { reason, .. }) if reason == "no"));
    }

    #[test]
    fn what_no_engine_would_compile_is_refused() {
        let text = "[".repeat(MAX_DEPTH + 1);
        assert!(matches!(run("file:///a.ts", &text, || Ok(())), Err(Error::Syntax(_))));
    }
}
