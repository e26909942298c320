//! What was judged of the engine's ops: a list that is compared with the running engine.
//!
//! Deno adds ops with every version. One that is not on the list throws when it is called, until its source
//! was read and it was put into `verdicts/ops.txt`. The test below names what is missing there.

#[cfg(test)]
mod buffers;

use std::collections::HashMap;
use std::sync::LazyLock;

use deno_error::JsErrorBox;
use deno_runtime::deno_core::{OpDecl, op2};

/// Sections, each with a verdict and its reason in the first line, and names of ops below.
const OPS: &str = include_str!("verdicts/ops.txt");

/// What a script can do by an op that it finds a way to call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// Nothing that reaches out of its isolate.
    Harmless,
    /// What is granted: the op asks for permission in Rust.
    Permission,
    /// What it was given a resource or an object for, which asked for permission.
    Resource,
    /// It needs memory or time, which a limit bounds.
    Bounded,
    /// One of `guards` takes its place.
    Replaced,
    /// Nothing: it throws, as no embedded script needs it.
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

/// The op as it is, or one that throws in its place. `guards` has replaced what it replaces.
pub(crate) fn judged(op: OpDecl) -> OpDecl {
    static VERDICTS: LazyLock<HashMap<&str, Verdict>> =
        LazyLock::new(|| parse(OPS).flatten().collect());
    let name = op.name;
    #[cfg(test)]
    let name = tests::name_of_tomorrow(name);
    match VERDICTS.get(name) {
        None => op.with_implementation_from(&op_host_unjudged()),
        Some(Verdict::Refused | Verdict::Replaced) => {
            op.with_implementation_from(&op_host_refused())
        }
        Some(_) => op,
    }
}

/// Names with their verdicts; an error is a line that cannot be read.
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
fn op_host_unjudged() -> Result<(), JsErrorBox> {
    Err(JsErrorBox::new(
        "NotSupported",
        "This engine has an op that is not in the list of judged ops (verdicts/ops.txt), so an embedded \
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
    use crate::backend::plan::Plan;
    use crate::isolate::lifecycle::bootstrapped::Bootstrapped;
    use crate::isolate::lifecycle::engine;
    use crate::isolate::lifecycle::shared_state::SharedState;
    use crate::patience::finishes;
    use crate::{Event, Permissions, Runtime, SpawnConfig, Subscription, Supervisor, WhenSlow};

    /// Runs `test` where an isolate may be.
    fn on_the_engine<T: Send + 'static>(test: impl FnOnce() -> T + Send + 'static) -> T {
        let executor = || tokio::runtime::Builder::new_current_thread().enable_all().build();
        executor().expect("an executor").block_on(async {
            let (sender, receiver) = tokio::sync::oneshot::channel();
            let thread = engine::spawn("test", move || {
                let done = executor().expect("an executor").block_on(async { test() });
                assert!(sender.send(done).is_ok(), "the test waits");
            });
            let thread = thread.await.expect("a thread");
            let done = finishes(receiver).await.expect("it hangs").expect("it panicked");
            thread.join().expect("no panic");
            done
        })
    }

    #[test]
    fn every_op_of_the_engine_is_judged_once() {
        let names = on_the_engine(|| {
            let memory = Plan::engine(&SpawnConfig::default()).memory;
            let prepared = Bootstrapped::new(&SharedState::new(memory)).expect("an isolate");
            prepared.op_names()
        });
        // Methods of native classes have no such name, and are judged in `globals.txt`.
        let there: BTreeSet<_> = names.into_iter().filter(|name| name.starts_with("op_")).collect();
        let judged: Result<Vec<_>, _> = parse(OPS).collect();
        let judged = judged.unwrap_or_else(|line| panic!("verdicts/ops.txt: '{line}'"));
        let listed: BTreeSet<_> = judged.iter().map(|(name, _)| *name).collect();
        let missing: Vec<_> = there.difference(&listed).collect();
        let gone: Vec<_> = listed.difference(&there).collect();
        assert!(missing.is_empty() && gone.is_empty(), "not judged: {missing:#?}; gone: {gone:#?}");
        assert_eq!(listed.len(), judged.len(), "an op is on the list twice");
    }

    #[test]
    fn every_op_that_is_replaced_is_listed_so() {
        let judged: HashMap<_, _> = parse(OPS).flatten().collect();
        let source = include_str!("overrides.rs");
        let table = source.split_once("match op.name {").expect("the table").1;
        let table = table.split_once("name => originals").expect("its end").0;
        let replaced: BTreeSet<_> = table
            .split('"')
            .filter(|word| word.starts_with("op_") && !word.ends_with('_'))
            .collect();
        let listed = judged.iter().filter(|(_, verdict)| **verdict == Verdict::Replaced);
        let listed: BTreeSet<_> = listed.map(|(name, _)| *name).collect();
        // Replaced by their beginning, on some systems, or in tests.
        let special = ["op_fs_chdir", "op_fs_umask", "op_gid", "op_dns_resolve"];
        let is_special = |name: &str| name.starts_with("op_ffi_") || special.contains(&name);
        let differ: Vec<_> =
            replaced.symmetric_difference(&listed).filter(|name| !is_special(name)).collect();
        assert!(differ.is_empty(), "{differ:#?}");
    }

    /// Behind `punycode.encode()` and `Deno.makeTempDir()`, for the test below.
    const OF_TOMORROW: [&str; 2] = ["op_node_idna_punycode_encode", "op_fs_make_temp_dir_async"];

    pub(crate) fn name_of_tomorrow(name: &'static str) -> &'static str {
        if OF_TOMORROW.contains(&name) { "op_of_tomorrow" } else { name }
    }

    #[test]
    fn an_op_that_is_not_judged_throws_also_in_workers() {
        let executor = tokio::runtime::Builder::new_current_thread().enable_all().build();
        executor.expect("an executor").block_on(async {
            let folder = tempfile::tempdir().expect("a folder");
            let script = folder.path().join("tomorrow.mjs");
            std::fs::write(&script, SCRIPT).expect("it is ours");
            let config = SpawnConfig {
                permissions: Some(Permissions::all()),
                ..SpawnConfig::script(Runtime::Embedded, script.to_string_lossy())
            };
            let supervisor = Supervisor::new().expect("there is room for a thread");
            let spawned = supervisor.spawn_subscribed("tomorrow", config, WhenSlow::Wait).await;
            let (_, mut events) = spawned.expect("it starts");
            let mut said = Vec::new();
            while let Some(line) = finishes(line(&mut events)).await.expect("it hangs") {
                said.push(String::from_utf8_lossy(&line).into_owned());
            }
            assert_eq!(said.len(), 3, "{said:?}");
            let unjudged = "NotSupported: This engine has an op that is not in the list";
            assert!(said.iter().all(|line| line.starts_with(unjudged)), "{said:?}");
            supervisor.shutdown().await;
        });
    }

    /// Often enough for V8 to compile the calls.
    const SCRIPT: &str = "
        import { encode } from 'node:punycode'
        const often = (act) => {
          let error
          for (let i = 0; i < 20_000; i++) try { return act() } catch (thrown) { error = thrown }
          return `${error.name}: ${error.message}`
        }
        console.log(often(() => encode('m\u{fc}ller')))
        console.log(await Deno.makeTempDir().catch((error) => `${error.name}: ${error.message}`))
        const code = `import { encode } from 'node:punycode';
          try { postMessage(encode('m')) } catch (error) { postMessage(error.name + ': ' + error.message) }`
        const worker = new Worker('data:text/javascript,' + encodeURIComponent(code), { type: 'module' })
        worker.onmessage = ({ data }) => { console.log(data); worker.terminate() }";

    /// The next line of stdout, or `None` at the end.
    async fn line(events: &mut Subscription) -> Option<Bytes> {
        loop {
            match events.recv().await.expect("an end").event {
                Event::Stdout(line) => return Some(line),
                Event::Exit { .. } => return None,
                _ => {}
            }
        }
    }
}
