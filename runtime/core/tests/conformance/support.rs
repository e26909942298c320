//! Support for cases: a bench that starts processes on one runtime, and the table of cases.

mod bench;
mod frames;
mod project;
mod run;

use std::future::Future;
use std::pin::Pin;

use js_runtime::{Runtime, Supervisor};
use libtest_mimic::{Completion, Failed, Trial};

use crate::patience::{PATIENCE, finishes};

pub(crate) use self::bench::Bench;
pub(crate) use self::frames::Rpc;
pub(crate) use self::project::Project;
pub(crate) use self::run::{Ended, Run};

/// Polls a future once.
pub(crate) fn poll_once<F: Future + Unpin>(future: &mut F) -> std::task::Poll<F::Output> {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    Pin::new(future).poll(&mut context)
}

/// The result of a case. A failed assertion panics; any other failure is an error.
pub(crate) type Outcome = Result<(), Failed>;

/// One case, for every runtime.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) run: for<'a> fn(&'a Bench) -> Pin<Box<dyn Future<Output = Outcome> + 'a>>,
}

/// A table of cases, each named by its function.
macro_rules! cases {
    ($($case:ident),+ $(,)?) => {
        &[$($crate::support::Case {
            name: stringify!($case),
            run: |bench| Box::pin($case(bench)),
        }),+]
    };
}
pub(crate) use cases;

/// The runtimes of the trials with their names. `warm` is the embedded engine with an isolate that was
/// bootstrapped before the start.
const SUBJECTS: [(&str, Runtime, bool); 5] = [
    ("embedded", Runtime::Embedded, false),
    ("warm", Runtime::Embedded, true),
    ("deno", Runtime::Deno, false),
    ("bun", Runtime::Bun, false),
    ("node", Runtime::Node, false),
];

/// All trials: every case on every runtime, the cases for one runtime, and the groups that run once.
pub(crate) fn trials(
    per_runtime: &'static [&[Case]],
    embedded: &'static [&[Case]],
    once: &[(&str, &'static [Case])],
) -> Vec<Trial> {
    let missing = missing_runtimes();
    let mut trials: Vec<Trial> = Vec::new();
    for (name, cases) in once {
        trials.extend(cases.iter().map(|case| {
            let run = || run(case, Runtime::Auto, false).map(|()| Completion::Completed);
            Trial::ignorable_test(format!("{name}::{}", case.name), run)
        }));
    }
    // A build without the engine is no missing runtime of the machine, so it is not reported.
    let is_built = |runtime| cfg!(feature = "embedded") || runtime != Runtime::Embedded;
    for (name, runtime, is_warm) in SUBJECTS.into_iter().filter(|subject| is_built(subject.1)) {
        let reason = missing.iter().find(|(name, _)| *name == runtime).map(|(_, why)| why.clone());
        let own = if runtime == Runtime::Embedded { embedded } else { &[] };
        for case in per_runtime.iter().chain(own).copied().flatten() {
            let reason = reason.clone();
            let run = move || match reason {
                None => run(case, runtime, is_warm).map(|()| Completion::Completed),
                Some(why) if must_have_all() => Err(why.into()),
                Some(why) => Ok(Completion::ignored_with(why)),
            };
            trials.push(Trial::ignorable_test(format!("{name}::{}", case.name), run));
        }
    }
    trials
}

fn run(case: &Case, runtime: Runtime, is_warm: bool) -> Outcome {
    block_on(async {
        let bench = Bench::new(runtime, is_warm)?;
        if is_warm {
            bench.supervisor.warm_up(None)?;
            bench.supervisor.warmed_up().await;
        }
        finishes((case.run)(&bench))
            .await
            .unwrap_or_else(|| Err(format!("still not done after {PATIENCE:?}").into()))
    })
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("an executor")
        .block_on(future)
}

fn must_have_all() -> bool {
    std::env::var_os("JS_RUNTIME_REQUIRE_ALL").is_some_and(|value| value == "1")
}

fn missing_runtimes() -> Vec<(Runtime, String)> {
    let found = block_on(async { Supervisor::new()?.detect_runtimes().await })
        .expect("detection answers whatever is there");
    let missing = found.iter().filter(|info| !info.available).map(|info| {
        let runtime = info.name.parse().expect("detection names runtimes");
        (runtime, format!("{} is not on this machine", info.name))
    });
    missing.collect()
}
