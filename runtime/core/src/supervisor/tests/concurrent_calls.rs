//! Property tests with concurrent callers: a name has at most one live generation, generations never repeat, and each
//! reports exactly one exit as its last event.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::wire::Limits;

/// One call of a concurrent caller.
#[derive(Debug, Clone, Copy)]
enum Step {
    Spawn,
    Ensure,
    Kill,
    Restart,
    Remove,
    /// Lets the process exit with a failure.
    Crash,
    Yield,
}

/// Creates a folder while it runs, and prints `twice` if the folder exists already.
const SCRIPT: &str = "mkdir \"$0\" || { echo twice; exit 0; }
echo begun
read line
rmdir \"$0\"
exit 7";

fn config(folder: &Path) -> SpawnConfig {
    let lock_folder = folder.join("lock_folder").to_str().expect("UTF-8").to_owned();
    let when = RestartWhen::OnFailure;
    let restart = RestartPolicy { when, max_retries: 2, backoff_ms: 2, reset_after_ms: 60_000 };
    // A long grace: the script exits_seen with its stdin and removes the folder.
    let limits = Limits { kill_grace_ms: Some(600_000), ..Limits::default() };
    SpawnConfig {
        args: vec!["-c".to_owned(), SCRIPT.to_owned(), lock_folder],
        restart: Some(restart),
        limits: Some(limits),
        ..SpawnConfig::command("sh")
    }
}

type RecordsByGeneration = BTreeMap<u64, Vec<Record>>;

/// Runs the steps and ignores refusals. Returns the records of a subscription after each step.
async fn run_steps(
    supervisor: &Supervisor,
    folder: &Path,
    steps: &[Step],
) -> Vec<tokio::task::JoinHandle<Vec<Record>>> {
    let mut subscriptions = Vec::new();
    for step in steps {
        let started = match step {
            Step::Spawn => supervisor.spawn("p", config(folder)).await.ok(),
            Step::Ensure => supervisor.ensure("p", config(folder)).await.ok(),
            Step::Restart => supervisor.restart("p", None).await.ok(),
            Step::Kill => supervisor.kill("p").await.err().and(None),
            Step::Remove => supervisor.remove("p").err().and(None),
            Step::Crash => supervisor.write_stdin("p", "\n").await.err().and(None),
            Step::Yield => {
                tokio::time::sleep(Duration::from_millis(1)).await;
                None
            }
        };
        if let Some(info) = started {
            assert_eq!(info.state, State::Running, "{step:?}");
        }
        if let Ok(subscription) = supervisor.subscribe("p") {
            subscriptions.push(tokio::spawn(all_records(subscription)));
        }
    }
    subscriptions
}

async fn generations(callers: Vec<Vec<Step>>) -> RecordsByGeneration {
    let folder = tempfile::tempdir().expect("a folder");
    let supervisor = Supervisor::new().expect("a supervisor");
    let runs = callers.iter().map(|steps| run_steps(&supervisor, folder.path(), steps));
    let subscriptions: Vec<_> = join_all(runs).await.into_iter().flatten().collect();
    // A kill has the whole grace, a shutdown a shorter one.
    let _ = supervisor.kill("p").await;
    supervisor.shutdown().await;
    let mut generations = RecordsByGeneration::new();
    for subscription in subscriptions {
        let mut own = RecordsByGeneration::new();
        for record in subscription.await.expect("no panic") {
            own.entry(record.generation).or_default().push(record);
        }
        for (generation, records) in own {
            let earlier = generations.entry(generation).or_insert_with(|| records.clone());
            assert_eq!(*earlier, records, "subscribers disagree about generation {generation}");
        }
    }
    assert!(
        !fs::exists(folder.path().join("lock_folder")).expect("a folder"),
        "something still runs"
    );
    generations
}

fn check(generations: &RecordsByGeneration) {
    let mut last_seq: Option<(u64, u64)> = None;
    for (generation, records) in generations {
        let states: Vec<_> = records
            .iter()
            .filter(|record| matches!(&record.event, Event::State(State::Starting)))
            .collect();
        assert_eq!(states.len(), 1, "generation {generation} began {} times", states.len());
        let exits_seen = exits(records);
        assert_eq!(exits_seen.len(), 1, "generation {generation} ended {} times", exits_seen.len());
        assert!(matches!(records[records.len() - 1].event, Event::Exit { .. }), "{records:?}");
        for record in records {
            assert_ne!(record.event, Event::Stdout("twice".into()), "two generations live");
        }
        // Unless the process was removed, the next generation starts after the exit of the previous one.
        let (first, end) = (records[0].seq, records[records.len() - 1].seq);
        if let Some((_, earlier_end)) = last_seq {
            assert!(first > earlier_end || first == 0, "generation {generation} overlaps");
        }
        last_seq = Some((first, end));
    }
}

fn steps() -> impl Strategy<Value = Vec<Vec<Step>>> {
    let step = prop_oneof![
        1 => Just(Step::Spawn),
        3 => Just(Step::Ensure),
        2 => Just(Step::Kill),
        1 => Just(Step::Restart),
        2 => Just(Step::Remove),
        2 => Just(Step::Crash),
        1 => Just(Step::Yield),
    ];
    prop::collection::vec(prop::collection::vec(step, 1..8), 1..4)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 24,
        max_shrink_iters: 64,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn concurrent_calls_leave_one_generation_at_a_time_with_one_exit(callers in steps()) {
        check(&block_on(generations(callers)));
    }
}

#[test]
fn ensure_never_returns_a_process_that_was_removed() {
    use Step::{Crash, Ensure, Kill, Remove};
    let one = [Ensure, Kill, Remove].repeat(12);
    let other = [Ensure, Ensure, Crash].repeat(12);
    check(&block_on(generations(vec![one, other])));
}
