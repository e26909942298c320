//! The reviewed list of Deno's ops, with a verdict on each.
//!
//! Deno adds ops with every version. An op that is not in `verdicts/ops.txt` throws when it is called. Read its source
//! before adding it. The tests compare the list with the running engine.

#[cfg(test)]
mod buffers;

use std::collections::HashMap;
use std::sync::LazyLock;

use deno_error::JsErrorBox;
use deno_runtime::deno_core::{OpDecl, op2};

/// Sections. The first line of each is `[verdict] reason`, the others are names of ops.
const OPS: &str = include_str!("verdicts/ops.txt");

/// The effect that a script can have by calling an op directly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// The effect stays within the isolate.
    Harmless,
    /// The op checks a permission in Rust.
    Permission,
    /// The op acts on a resource or an object whose creation checked a permission.
    Resource,
    /// The op uses memory or time that a limit bounds.
    Bounded,
    /// `overrides` replaces the op.
    Replaced,
    /// The op throws. No embedded script needs it.
    Refused,
}

impl Verdict {
    fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "harmless" => Self::Harmless,
            "permission" => Self::Permission,
            "resource" => Self::Resource,
            "bounded" => Self::Bounded,
            "replaced" => Self::Replaced,
            "refused" => Self::Refused,
            _ => return None,
        })
    }
}

/// Returns the op, or one that throws if its verdict does not allow it. `overrides` has not replaced this op.
pub(crate) fn allowed(op: OpDecl) -> OpDecl {
    static VERDICTS: LazyLock<HashMap<&str, Verdict>> =
        LazyLock::new(|| parse(OPS).flatten().collect());
    let name = op.name;
    #[cfg(test)]
    let name = tests::listed_name(name);
    match VERDICTS.get(name) {
        None => op.with_implementation_from(&op_host_unlisted()),
        Some(Verdict::Refused | Verdict::Replaced) => {
            op.with_implementation_from(&op_host_refused())
        }
        Some(_) => op,
    }
}

/// Names with their verdicts. An error is an invalid line.
fn parse(list: &str) -> impl Iterator<Item = Result<(&str, Verdict), &str>> {
    let mut current = None;
    list.lines().filter(|line| !line.is_empty()).filter_map(move |line| {
        let Some(section) = line.strip_prefix('[') else {
            return Some(current.map(|verdict| (line, verdict)).ok_or(line));
        };
        current = section.split_once("] ").and_then(|(name, _)| Verdict::parse(name));
        current.is_none().then_some(Err(line))
    })
}

#[op2(nofast)]
fn op_host_unlisted() -> Result<(), JsErrorBox> {
    Err(JsErrorBox::new(
        "NotSupported",
        "This engine has an op that is not in the list of reviewed ops (verdicts/ops.txt), so an embedded \
         script cannot use it; a child process can: runtime \"deno\"",
    ))
}

#[op2(nofast)]
fn op_host_refused() -> Result<(), JsErrorBox> {
    Err(JsErrorBox::new(
        "NotSupported",
        "An embedded script cannot use this op of Deno's command line; a child process can: \
         runtime \"deno\"",
    ))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use bytes::Bytes;

    use super::*;
    use crate::generation::plan::EngineLimits;
    use crate::isolate::lifecycle::bootstrapped::Bootstrapped;
    use crate::isolate::lifecycle::engine;
    use crate::isolate::lifecycle::shared_state::SharedState;
    use crate::patience::finishes;
    use crate::{Backpressure, Event, Permissions, Runtime, SpawnConfig, Subscription, Supervisor};

    /// Runs `test` on a thread of the engine.
    fn on_the_engine<T: Send + 'static>(test: impl FnOnce() -> T + Send + 'static) -> T {
        let executor = || tokio::runtime::Builder::new_current_thread().enable_all().build();
        executor().expect("an executor can be built").block_on(async {
            let (sender, receiver) = tokio::sync::oneshot::channel();
            let thread = engine::spawn("test", move || {
                let executor = executor().expect("an executor can be built");
                let result = executor.block_on(async { test() });
                assert!(sender.send(result).is_ok(), "the receiver is open");
            });
            let thread = thread.await.expect("the thread starts");
            let result = finishes(receiver).await.expect("the test ends in time");
            thread.join().expect("the thread does not panic");
            result.expect("the test does not panic")
        })
    }

    #[test]
    fn every_op_of_the_engine_is_listed_once() {
        let names = on_the_engine(|| {
            let memory = EngineLimits::new(None).memory;
            let isolate = Bootstrapped::new(&SharedState::new(memory)).expect("an isolate");
            isolate.op_names()
        });
        // Methods of native classes have other names, and are listed in `globals.txt`.
        let ops: BTreeSet<_> = names.into_iter().filter(|name| name.starts_with("op_")).collect();
        let entries: Result<Vec<_>, _> = parse(OPS).collect();
        let entries = entries.unwrap_or_else(|line| panic!("verdicts/ops.txt: '{line}'"));
        let listed: BTreeSet<_> = entries.iter().map(|(name, _)| *name).collect();
        let missing: Vec<_> = ops.difference(&listed).collect();
        let gone: Vec<_> = listed.difference(&ops).collect();
        assert!(missing.is_empty() && gone.is_empty(), "missing: {missing:#?}; gone: {gone:#?}");
        assert_eq!(listed.len(), entries.len(), "an op is listed twice");
    }

    #[test]
    fn every_replaced_op_has_the_verdict_replaced() {
        let verdicts: HashMap<_, _> = parse(OPS).flatten().collect();
        let table = |source: &'static str, end| {
            let table = source.split_once("match op.name {").expect("the table starts here").1;
            table.split_once(end).expect("the table ends here").0
        };
        let tables = [
            table(include_str!("overrides.rs"), "name => originals"),
            table(include_str!("../../modules.rs"), "_ => return None"),
        ];
        let replaced: BTreeSet<_> = tables
            .iter()
            .flat_map(|table| table.split('"'))
            .filter(|word| word.starts_with("op_") && !word.ends_with('_'))
            .collect();
        let listed = verdicts.iter().filter(|(_, verdict)| **verdict == Verdict::Replaced);
        let listed: BTreeSet<_> = listed.map(|(name, _)| *name).collect();
        // Matched by prefix, or replaced on some systems or in tests only.
        let special = ["op_fs_chdir", "op_fs_umask", "op_gid", "op_dns_resolve"];
        let is_special = |name: &str| name.starts_with("op_ffi_") || special.contains(&name);
        let differ: Vec<_> =
            replaced.symmetric_difference(&listed).filter(|name| !is_special(name)).collect();
        assert!(differ.is_empty(), "{differ:#?}");
    }

    /// Ops of `punycode.encode()` and `Deno.makeTempDir()`, which tests look up under a name that is not listed.
    const UNLISTED: [&str; 2] = ["op_node_idna_punycode_encode", "op_fs_make_temp_dir_async"];

    pub(crate) fn listed_name(name: &'static str) -> &'static str {
        if UNLISTED.contains(&name) { "op_unlisted" } else { name }
    }

    #[test]
    fn an_unlisted_op_throws_in_scripts_and_in_workers() {
        let executor = tokio::runtime::Builder::new_current_thread().enable_all().build();
        executor.expect("an executor can be built").block_on(async {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let script = folder.path().join("unlisted.mjs");
            std::fs::write(&script, SCRIPT).expect("the folder is writable");
            let config = SpawnConfig {
                permissions: Some(Permissions::all()),
                ..SpawnConfig::script(Runtime::Embedded, script.to_string_lossy())
            };
            let supervisor = Supervisor::new().expect("the runtime thread starts");
            let spawned = supervisor.spawn_subscribed("unlisted", config, Backpressure::Wait).await;
            let (_, mut events) = spawned.expect("the script starts");
            let mut lines = Vec::new();
            while let Some(line) = finishes(line(&mut events)).await.expect("the script ends") {
                lines.push(String::from_utf8_lossy(&line).into_owned());
            }
            assert_eq!(lines.len(), 3, "{lines:?}");
            let message = "NotSupported: This engine has an op that is not in the list";
            assert!(lines.iter().all(|line| line.starts_with(message)), "{lines:?}");
            supervisor.shutdown().await;
        });
    }

    /// Repeats the calls until V8 would optimize them.
    const SCRIPT: &str = "
        import { encode } from 'node:punycode'
        const repeat = (call) => {
          let error
          for (let i = 0; i < 20_000; i++) try { return call() } catch (thrown) { error = thrown }
          return `${error.name}: ${error.message}`
        }
        console.log(repeat(() => encode('m\u{fc}ller')))
        console.log(await Deno.makeTempDir().catch((error) => `${error.name}: ${error.message}`))
        const code = `import { encode } from 'node:punycode';
          try { postMessage(encode('m')) } catch (error) { postMessage(error.name + ': ' + error.message) }`
        const worker = new Worker('data:text/javascript,' + encodeURIComponent(code), { type: 'module' })
        worker.onmessage = ({ data }) => { console.log(data); worker.terminate() }";

    /// The next line of stdout, or `None` at the end.
    async fn line(events: &mut Subscription) -> Option<Bytes> {
        loop {
            match events.recv().await.expect("an exit event").event {
                Event::Stdout(line) => return Some(line),
                Event::Exit { .. } => return None,
                _ => {}
            }
        }
    }
}
