//! The runtimes to try for a request, and the error to report when none starts.

use crate::error::Error;
use crate::wire::{Runtime, SpawnConfig};

/// The runtimes that `auto` tries, in order, in a build without the embedded engine.
const AUTO: [Runtime; 3] = [Runtime::Deno, Runtime::Bun, Runtime::Node];

/// The runtimes to try, in order, each once.
pub(super) fn candidates(config: &SpawnConfig) -> Vec<Runtime> {
    let first = config.runtime.unwrap_or(Runtime::Auto);
    let mut candidates = Vec::new();
    for runtime in std::iter::once(first).chain(config.fallback.iter().copied()) {
        let choices: &[Runtime] = match &runtime {
            Runtime::Auto if cfg!(feature = "embedded") => &[Runtime::Embedded],
            Runtime::Auto => &AUTO,
            chosen => std::slice::from_ref(chosen),
        };
        for &choice in choices {
            if !candidates.contains(&choice) {
                candidates.push(choice);
            }
        }
    }
    candidates
}

/// The error to report when no candidate started: the first. With `auto`, an error other than a missing runtime
/// comes first, because the request did not name a runtime.
pub(super) fn failure(requested: Runtime, mut errors: Vec<Error>) -> Error {
    let is_missing = |error: &Error| matches!(error, Error::RuntimeUnavailable { .. });
    match errors.iter().position(|error| requested != Runtime::Auto || !is_missing(error)) {
        Some(first) => errors.swap_remove(first),
        None => nothing_to_choose(),
    }
}

#[cfg(not(feature = "embedded"))]
fn nothing_to_choose() -> Error {
    Error::RuntimeUnavailable {
        runtime: Runtime::Auto.to_string(),
        message: format!(
            "neither deno nor bun nor node can be used; install one of them, or name its executable with \
             set_runtime_path; {}",
            crate::error::NO_ENGINE
        ),
    }
}

/// Unreachable with the engine: `auto` is then the embedded runtime, which is never missing.
#[cfg(feature = "embedded")]
fn nothing_to_choose() -> Error {
    Error::RuntimeUnavailable {
        runtime: Runtime::Auto.to_string(),
        message: "no runtime to choose from".to_owned(),
    }
}

#[cfg(all(test, not(feature = "embedded")))]
mod tests {
    use super::*;

    #[test]
    fn without_the_engine_auto_tries_each_child_runtime_once() {
        let tried = |runtime, fallback: &[Runtime]| {
            candidates(&SpawnConfig {
                runtime,
                fallback: fallback.to_vec(),
                ..SpawnConfig::default()
            })
        };
        let (engine, deno, bun) = (Runtime::Embedded, Runtime::Deno, Runtime::Bun);
        assert_eq!(tried(None, &[]), AUTO);
        assert_eq!(tried(Some(Runtime::Auto), &[bun, Runtime::Node]), AUTO);
        assert_eq!(tried(Some(engine), &[Runtime::Auto]), [&[engine][..], &AUTO].concat());
        assert_eq!(tried(Some(bun), &[deno, bun]), [bun, deno]);
    }
}
