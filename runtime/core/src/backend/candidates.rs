//! Which runtimes to try for a request, and which error to report when none could be started.

use crate::error::Error;
use crate::wire::{Runtime, SpawnConfig};

/// What `auto` tries, in order, after the embedded engine.
const AUTO: [Runtime; 3] = [Runtime::Deno, Runtime::Bun, Runtime::Node];

/// What to try, in order. Without the engine `auto` and `fallback` often name the same runtime twice.
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

/// The error to report when no candidate started: the first. For `auto` a missing runtime counts last: the
/// request did not name it.
pub(super) fn failure(asked: Runtime, mut errors: Vec<Error>) -> Error {
    let is_missing = |error: &Error| matches!(error, Error::RuntimeUnavailable { .. });
    match errors.iter().position(|error| asked != Runtime::Auto || !is_missing(error)) {
        Some(telling) => errors.swap_remove(telling),
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

/// With the engine `auto` always has one candidate, which is never missing.
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
    fn without_the_engine_auto_is_the_children_and_each_is_tried_once() {
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
