//! Room for the parser to recurse.
//!
//! swc descends once per level of nesting, and a thread that runs out of stack takes the whole
//! application with it. So it runs on a stack of its own that is far larger than any source needs;
//! only the part that is used costs memory. What is nested deeper still is refused: V8 would not
//! compile it either.

use std::any::Any;
use std::panic::{self, AssertUnwindSafe};
use std::thread;

use super::Error;

/// An unoptimised swc takes up to 32 KiB per level.
const STACK: usize = 256 << 20;
const MAX_DEPTH: usize = 4000;

/// Runs `work`, which parses `text`, and turns a panic in it into an error.
pub(super) fn run<T: Send>(
    specifier: &str,
    text: &str,
    work: impl FnOnce() -> Result<T, Error> + Send,
) -> Result<T, Error> {
    if depth(text) > MAX_DEPTH {
        // A data: URL is its own text.
        let at: String = specifier.chars().take(200).collect();
        return Err(Error::Syntax(format!("Nested too deeply at {at}")));
    }
    let internal = |reason| Error::Internal { specifier: specifier.to_owned(), reason };
    let panicked = |panic: &(dyn Any + Send)| internal(panic_text(panic));
    let mut work = Some(work);
    let on_its_own_stack = thread::scope(|scope| {
        let thread = thread::Builder::new().name("js:parse".to_owned()).stack_size(STACK);
        let parsing = thread.spawn_scoped(scope, || work.take().map(|work| work())).ok()?;
        Some(parsing.join().unwrap_or_else(|panic| Some(Err(panicked(&*panic)))))
    });
    // Where address space is rationed there is no such thread; ordinary sources need none.
    on_its_own_stack.flatten().unwrap_or_else(|| match work {
        Some(work) => panic::catch_unwind(AssertUnwindSafe(work))
            .unwrap_or_else(|panic| Err(panicked(&*panic))),
        None => Err(internal("the parser did not answer".to_owned())),
    })
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
