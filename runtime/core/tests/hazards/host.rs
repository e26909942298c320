//! The application: runs hazards one after the other and prints the result of each.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use js_runtime::{
    Backpressure, Event, ExitReason, Limits, Runtime, SpawnConfig, Subscription, Supervisor,
    parked_threads,
};
use serde_json::json;

use crate::memory::Peak;
use crate::own;
use crate::patience::{PATIENCE, becomes, finishes};
use crate::pings::{Pings, echo};
use crate::state::State;
use crate::table::{self, Ends, Hazard};
use crate::yardstick::Yardstick;

/// The application's own stdin, which no hazard may read.
pub(crate) const OWN_INPUT: &str = "the application's own input";

/// The time before a busy hazard is killed.
const BUSY_TIME: Duration = Duration::from_millis(300);

/// The heap limit, and the permitted growth: heap, slack, the memory of an isolate without a script, and memory that V8
/// takes outside the heap for one call.
const HEAP_MB: u32 = 64;
const MAX_GROWTH_MB: u64 = HEAP_MB as u64 + 64 + 48;

/// The limits of a hazard that takes memory outside heap and buffers, and the permitted growth: exceeding the limit is
/// detected late, and ending the hazard takes time.
const SMALL_MB: u32 = 32;
const MEMORY_MB: u32 = 128;
const MAX_MEMORY_GROWTH_MB: u64 = MEMORY_MB as u64 + 160;

/// The memory limit of hazards that test other limits.
const AMPLE_MB: u32 = 4096;

/// The permitted duration of a kill in processor time of a spinning thread: twice the maximum on an idle machine, which
/// includes half a second of grace. A hanging thread is abandoned after five seconds.
const KILL_LIMIT: Duration = Duration::from_secs(2);

/// The same for a script that loads no module: less than the time that a kill waits for one.
const KILL_LIMIT_IN_ENGINE: Duration = Duration::from_millis(1400);

/// The permitted duration of the embedded neighbour's answer. A slower one is permitted if it takes at most
/// `SLOW_MACHINE` times as long as the child's, because then the machine is slow.
const LATE: Duration = Duration::from_millis(100);
const SLOW_MACHINE: u32 = 3;

/// Attempts until both neighbours answer in time. A busy machine delays one of them by chance, a hazard every time.
const ATTEMPTS: u32 = 10;

type Result<T = ()> = std::result::Result<T, String>;

pub(crate) fn run(names: &[String]) -> ExitCode {
    let folder = tempfile::tempdir().expect("a folder");
    let executor = tokio::runtime::Builder::new_current_thread().enable_all().build();
    tokio::task::LocalSet::new().block_on(&executor.expect("an executor"), async {
        let mut host = Host::start(folder.path()).await;
        for name in names {
            let hazard = table::all().find(|hazard| hazard.name == name).expect("a hazard's name");
            println!("{}", json!({ "started": name }));
            println!("{}", host.survive(hazard).await);
        }
        host.supervisor.shutdown().await;
    });
    let mut input = String::new();
    std::io::stdin().read_to_string(&mut input).expect("stdin is a pipe");
    assert_eq!(input, OWN_INPUT, "a hazard has read the application's stdin");
    ExitCode::SUCCESS
}

struct Host {
    supervisor: Arc<Supervisor>,
    embedded: Pings,
    child: Pings,
    folder: PathBuf,
    before: State,
    /// The number of parked threads at that time.
    parked: usize,
}

/// The outcome of a hazard.
#[derive(Default)]
struct Outcome {
    last_line: String,
    reason: Option<ExitReason>,
    code: Option<i32>,
    killed: Option<Kill>,
    /// The growth of the application's peak memory.
    grew_mb: u64,
}

/// The duration of a kill.
#[derive(Clone, Copy)]
struct Kill {
    elapsed: Duration,
    /// Processor time of a spinning thread meanwhile.
    yardstick: Duration,
}

impl Host {
    async fn start(folder: &Path) -> Self {
        // Warm isolates would change the state that is compared.
        let supervisor = Supervisor::builder().warm_isolates(0).build();
        let supervisor = Arc::new(supervisor.expect("a thread"));
        let embedded = SpawnConfig::script(Runtime::Embedded, echo());
        let child = SpawnConfig {
            fallback: vec![Runtime::Deno, Runtime::Node],
            ..SpawnConfig::script(Runtime::Bun, echo())
        };
        let embedded = Pings::start(&supervisor, "embedded", embedded).await;
        let child = Pings::start(&supervisor, "child", child).await;
        // Creates everything that is created on first use.
        for neighbour in [&embedded, &child] {
            assert!(becomes(|| neighbour.has_answered()).await, "a neighbour does not answer");
        }
        let folder = folder.to_path_buf();
        let before = State::now();
        let mut host = Self { supervisor, embedded, child, folder, before, parked: 0 };
        host.restart_well_behaved("first").await.expect("a well-behaved process");
        host.start_a_child().await;
        host.before = State::now();
        host
    }

    /// Starts a child from a script, because the first one creates state that all later ones share.
    async fn start_a_child(&self) {
        let before = own::children().len();
        let first = table::all().find(|hazard| hazard.name == "waits_for_a_child");
        let first = first.expect("a hazard");
        let _events = self.spawn(first).await.expect("the script starts");
        assert!(becomes(|| own::children().len() > before).await, "no child has started");
        self.supervisor.kill(first.name).await.expect("the script waits for its child");
        self.supervisor.remove(first.name).expect("the process has exited");
    }

    /// Runs a hazard and returns its report.
    async fn survive(&mut self, hazard: &Hazard) -> serde_json::Value {
        let (mut outcome, mut waits) = (Outcome::default(), (Duration::ZERO, Duration::ZERO));
        let checked = async {
            for attempt in 1..=ATTEMPTS {
                self.waits()?;
                outcome = self.run_hazard(hazard).await?;
                waits = self.waits()?;
                hazard.ends.check(&outcome)?;
                let (embedded, child) = waits;
                if embedded <= LATE || embedded <= child * SLOW_MACHINE {
                    break;
                }
                if attempt == ATTEMPTS {
                    return Err("the embedded neighbour answered late".to_owned());
                }
                self.supervisor.remove(hazard.name).map_err(|error| error.to_string())?;
            }
            self.restart_well_behaved(hazard.name).await?;
            self.check_state(hazard).await
        };
        let failure = checked.await.err();
        let end = outcome.reason.as_ref().map(|reason| match (reason, outcome.code) {
            (ExitReason::Completed, code) => format!("code {}", code.unwrap_or(-1)),
            (ExitReason::Error { message, .. }, _) => message.clone(),
            (ExitReason::Crashed { message }, _) => format!("crashed: {message}"),
            (ExitReason::Killed { signal: Some(signal) }, _) => format!("signal {signal}"),
            (ExitReason::Killed { signal: None }, _) => "killed".to_owned(),
            (ExitReason::HeapLimit, _) => "heap limit".to_owned(),
            (ExitReason::MemoryLimit, _) => "memory limit".to_owned(),
            (other, _) => format!("{other:?}"),
        });
        json!({
            "ended": hazard.name,
            "end": end,
            "killMs": outcome.killed.map(|kill| kill.elapsed.as_millis()),
            "grewMb": outcome.grew_mb,
            "embeddedMs": waits.0.as_millis(),
            "childMs": waits.1.as_millis(),
            "failure": failure,
        })
    }

    /// The slowest answers of both neighbours since the last call.
    fn waits(&self) -> Result<(Duration, Duration)> {
        Ok((self.embedded.take()?, self.child.take()?))
    }

    async fn run_hazard(&self, hazard: &Hazard) -> Result<Outcome> {
        let peak = Peak::mark();
        let events = self.spawn(hazard).await?;
        let outcome = finishes(self.await_exit(hazard, events)).await;
        let outcome = outcome.unwrap_or_else(|| Err(format!("no exit after {PATIENCE:?}")))?;
        Ok(Outcome { grew_mb: peak.growth(), ..outcome })
    }

    async fn spawn(&self, hazard: &Hazard) -> Result<Subscription> {
        let script = self.folder.join(format!("{}.mjs", hazard.name));
        std::fs::write(&script, hazard.script).map_err(|error| error.to_string())?;
        let is_small = hazard.ends.has_small_limits();
        let [heap, buffers, memory] =
            if is_small { [SMALL_MB, SMALL_MB, MEMORY_MB] } else { [HEAP_MB, 64, AMPLE_MB] };
        let limits = Limits {
            heap_mb: Some(heap),
            array_buffer_mb: Some(buffers),
            memory_mb: Some(memory),
            unresponsive_ms: Some(250),
            ..Limits::default()
        };
        let config = SpawnConfig {
            permissions: Some(hazard.granted.permissions()),
            limits: Some(limits),
            ..SpawnConfig::script(Runtime::Embedded, script.to_string_lossy())
        };
        let started =
            self.supervisor.spawn_subscribed(hazard.name, config, Backpressure::Drop).await;
        started.map(|(_, events)| events).map_err(|error| error.to_string())
    }

    /// Waits for the exit of a hazard. Kills it if it does not end by itself.
    async fn await_exit(&self, hazard: &Hazard, mut events: Subscription) -> Result<Outcome> {
        let mut outcome = Outcome::default();
        let mut kill_at = match hazard.ends {
            Ends::Busy | Ends::BusyForever => Some(Instant::now() + BUSY_TIME),
            _ => None,
        };
        loop {
            let due = async {
                match kill_at {
                    Some(at) => tokio::time::sleep_until(at.into()).await,
                    None => std::future::pending().await,
                }
            };
            let record = tokio::select! {
                record = events.recv() => record.ok_or("its events ended")?,
                () = due => {
                    kill_at = None;
                    let (started, yardstick) = (Instant::now(), Yardstick::start());
                    let killed = self.supervisor.kill(hazard.name).await;
                    let (elapsed, yardstick) = (started.elapsed(), yardstick.stop());
                    killed.map_err(|error| format!("kill: {error}"))?;
                    outcome.killed = Some(Kill { elapsed, yardstick });
                    continue;
                }
            };
            match record.event {
                Event::Stdout(line) => outcome.last_line = String::from_utf8_lossy(&line).into(),
                Event::State(js_runtime::State::Unresponsive)
                    if matches!(hazard.ends, Ends::Stuck | Ends::StuckInEngine) =>
                {
                    kill_at = Some(Instant::now());
                }
                Event::Exit { reason, code } => {
                    return Ok(Outcome { reason: Some(reason), code, ..outcome });
                }
                _ => {}
            }
        }
    }

    /// Restarts the process with a well-behaved script and checks that it answers.
    async fn restart_well_behaved(&self, name: &str) -> Result {
        let failed = |error: js_runtime::Error| format!("after a restart: {error}");
        let config = SpawnConfig::script(Runtime::Embedded, echo());
        match self.supervisor.status(name) {
            Ok(_) => self.supervisor.restart(name, Some(config)).await.map_err(failed)?,
            Err(_) => self.supervisor.spawn(name, config).await.map_err(failed)?,
        };
        let mut events = self.supervisor.subscribe(name).map_err(failed)?;
        self.supervisor.write_stdin(name, "again\n").await.map_err(failed)?;
        let answered = async {
            while let Some(record) = events.recv().await {
                if matches!(record.event, Event::Stdout(line) if line == "again") {
                    return true;
                }
            }
            false
        };
        if finishes(answered).await != Some(true) {
            return Err("no answer after a restart".to_owned());
        }
        self.supervisor.kill(name).await.map_err(failed)?;
        self.supervisor.remove(name).map_err(failed)
    }

    /// Checks that the process-wide state is the same as before the hazard.
    async fn check_state(&mut self, hazard: &Hazard) -> Result {
        // A parked thread retains its resources.
        let ignored: &[&str] = match hazard.ends {
            Ends::Crashed(_)
            | Ends::BusyForever
            | Ends::HeapLimitInOneCall
            | Ends::HeapLimitOfOneObject => &["threads", "open files"],
            _ => &[],
        };
        let changes = self.before.changes(ignored).await;
        let threads = self.before.threads();
        let is_counted = || State::now().threads() == threads + parked_threads() - self.parked;
        let may_park = matches!(
            hazard.ends,
            Ends::HeapLimit
                | Ends::HeapLimitInOneCall
                | Ends::HeapLimitOfOneObject
                | Ends::SmallHeapLimit
        );
        if may_park && !becomes(is_counted).await {
            return Err(format!("the count of parked threads is wrong: {}", parked_threads()));
        }
        self.parked = parked_threads();
        self.before = State::now();
        if changes.is_empty() { Ok(()) } else { Err(changes.join(", ")) }
    }
}

impl Ends {
    /// Whether the hazard takes memory outside heap and buffers and has small limits.
    fn has_small_limits(self) -> bool {
        matches!(self, Self::MemoryLimit | Self::SmallHeapLimit | Self::Refused(_))
    }

    fn check(self, outcome: &Outcome) -> Result {
        let Outcome { last_line, code: exit_code, grew_mb, killed, .. } = outcome;
        let Some(reason) = &outcome.reason else { return Err("no exit".to_owned()) };
        let is_expected = match (self, reason) {
            (Self::Fine, ExitReason::Completed) => *exit_code == Some(0) && last_line == "fine",
            (Self::Code(code), ExitReason::Completed) => *exit_code == Some(code),
            (Self::Error(part) | Self::Refused(part), ExitReason::Error { message, .. })
            | (Self::Crashed(part), ExitReason::Crashed { message }) => message.contains(part),
            (Self::Signal(signal), ExitReason::Killed { signal: Some(sent) }) => signal == *sent,
            (
                Self::Stuck | Self::StuckInEngine | Self::Busy | Self::BusyForever,
                ExitReason::Killed { signal: None },
            )
            | (
                Self::HeapLimit
                | Self::HeapLimitInOneCall
                | Self::HeapLimitOfOneObject
                | Self::SmallHeapLimit,
                ExitReason::HeapLimit,
            )
            | (Self::MemoryLimit, ExitReason::MemoryLimit) => true,
            _ => false,
        };
        if !is_expected {
            return Err(format!("expected {self:?}; last line: '{last_line}'"));
        }
        let max_growth_mb = match self {
            Self::HeapLimitInOneCall => MAX_GROWTH_MB,
            _ if self.has_small_limits() => MAX_MEMORY_GROWTH_MB,
            _ => u64::MAX,
        };
        if *grew_mb > max_growth_mb {
            return Err(format!("memory grew by {grew_mb} MiB, expected at most {max_growth_mb}"));
        }
        let kill_limit = match self {
            Self::StuckInEngine => KILL_LIMIT_IN_ENGINE,
            _ => KILL_LIMIT,
        };
        match killed {
            Some(Kill { elapsed, yardstick }) if *yardstick > kill_limit => Err(format!(
                "the kill took {elapsed:.1?}, in which a spinning thread got {yardstick:.1?}"
            )),
            _ => Ok(()),
        }
    }
}
