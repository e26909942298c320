//! The application: it runs hazards one after the other, and says of each what came of it.

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

/// What stands on the application's own stdin; nobody but it may read that.
pub(crate) const OWN_INPUT: &str = "the application's own input";

/// How long one that goes on and on is watched before it is killed.
const WATCHED: Duration = Duration::from_millis(300);

/// Of a heap and all that may be over it, with what an isolate takes before its script runs, and what V8 takes
/// outside of the heap for the call.
const HEAP_MB: u32 = 64;
const MOST_MB: u64 = HEAP_MB as u64 + 64 + 48;

/// The limits of a hazard that takes memory outside of heaps and buffers, and what it may have at the most: it is
/// found some time after it has reached its limit, and ends some time after it was found.
const SMALL_MB: u32 = 32;
const MEMORY_MB: u32 = 128;
const MOST_MEMORY_MB: u64 = MEMORY_MB as u64 + 160;

/// All memory of the other hazards, which are about other limits.
const AMPLE_MB: u32 = 4096;

/// Kill to exit, as a thread counts it that spins meanwhile: twice what a kill takes at the most on a machine that
/// is not busy, half a second of which is its grace. A thread that hangs is given up after five.
const KILL_LIMIT: Duration = Duration::from_secs(2);

/// The longest that a neighbour's answer may take, unless the child's takes nearly as long: then it is
/// the machine that is slow.
const LATE: Duration = Duration::from_millis(100);
const SLOW_MACHINE: u32 = 3;

/// A busy machine is slow to one of two by chance, again and again but not always. What a hazard does to its
/// neighbours it does each time.
const ATTEMPTS: u32 = 10;

type Outcome<T = ()> = Result<T, String>;

pub(crate) fn run(names: &[String]) -> ExitCode {
    let folder = tempfile::tempdir().expect("a folder");
    let executor = tokio::runtime::Builder::new_current_thread().enable_all().build();
    tokio::task::LocalSet::new().block_on(&executor.expect("an executor"), async {
        let mut host = Host::start(folder.path()).await;
        for name in names {
            let hazard = table::all().find(|hazard| hazard.name == name).expect("a hazard's name");
            println!("{}", json!({ "begins": name }));
            println!("{}", host.survive(hazard).await);
        }
        host.supervisor.shutdown().await;
    });
    let mut input = String::new();
    std::io::stdin().read_to_string(&mut input).expect("stdin is a pipe");
    assert_eq!(input, OWN_INPUT, "somebody has read the application's stdin");
    ExitCode::SUCCESS
}

struct Host {
    supervisor: Arc<Supervisor>,
    embedded: Pings,
    child: Pings,
    folder: PathBuf,
    as_it_was: State,
    /// Threads that were parked then.
    parked: usize,
}

/// What came of a hazard.
#[derive(Default)]
struct Came {
    last_line: String,
    reason: Option<ExitReason>,
    code: Option<i32>,
    killed: Option<Kill>,
    /// By how much the application's memory grew at the most.
    grew_mb: u64,
}

/// How long a kill took.
#[derive(Clone, Copy)]
struct Kill {
    on_the_clock: Duration,
    /// What a spinning thread got done meanwhile.
    yardstick: Duration,
}

impl Host {
    async fn start(folder: &Path) -> Self {
        // None that waits: what there is is compared before and after.
        let supervisor = Supervisor::builder().warm_isolates(0).build();
        let supervisor = Arc::new(supervisor.expect("a thread"));
        let embedded = SpawnConfig::script(Runtime::Embedded, echo());
        let child = SpawnConfig {
            fallback: vec![Runtime::Deno, Runtime::Node],
            ..SpawnConfig::script(Runtime::Bun, echo())
        };
        let embedded = Pings::start(&supervisor, "embedded", embedded).await;
        let child = Pings::start(&supervisor, "child", child).await;
        // Everything that is made on first use is made.
        for neighbour in [&embedded, &child] {
            assert!(becomes(|| neighbour.has_answered()).await, "a neighbour does not answer");
        }
        let folder = folder.to_path_buf();
        let as_it_was = State::now();
        let mut host = Self { supervisor, embedded, child, folder, as_it_was, parked: 0 };
        host.lives_again("first").await.expect("a process that does no harm");
        host.starts_a_child().await;
        host.as_it_was = State::now();
        host
    }

    /// What the engine keeps for all children of all scripts is made with the first of them.
    async fn starts_a_child(&self) {
        let before = own::children().len();
        let first = table::all().find(|hazard| hazard.name == "waits_for_a_child");
        let first = first.expect("a hazard");
        let _events = self.begin(first).await.expect("it starts");
        assert!(becomes(|| own::children().len() > before).await, "no child is started");
        self.supervisor.kill(first.name).await.expect("it waits for its child");
        self.supervisor.remove(first.name).expect("it has exited");
    }

    /// Runs a hazard and tells of it in one line.
    async fn survive(&mut self, hazard: &Hazard) -> serde_json::Value {
        let (mut came, mut waits) = (Came::default(), (Duration::ZERO, Duration::ZERO));
        let checked = async {
            // A machine may be slow to one of two by chance, but not every time.
            for attempt in 1..=ATTEMPTS {
                self.waits()?;
                came = self.provoke(hazard).await?;
                waits = self.waits()?;
                hazard.ends.check(&came)?;
                let (embedded, child) = waits;
                if embedded <= LATE || embedded <= child * SLOW_MACHINE {
                    break;
                }
                if attempt == ATTEMPTS {
                    return Err("the neighbour had to wait".to_owned());
                }
                self.supervisor.remove(hazard.name).map_err(|error| error.to_string())?;
            }
            self.lives_again(hazard.name).await?;
            self.is_as_it_was(hazard).await
        };
        let failure = checked.await.err();
        let end = came.reason.as_ref().map(|reason| match (reason, came.code) {
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
            "killMs": came.killed.map(|kill| kill.on_the_clock.as_millis()),
            "grewMb": came.grew_mb,
            "embeddedMs": waits.0.as_millis(),
            "childMs": waits.1.as_millis(),
            "failure": failure,
        })
    }

    /// The longest that the two neighbours took to answer since this was asked last.
    fn waits(&self) -> Outcome<(Duration, Duration)> {
        Ok((self.embedded.take()?, self.child.take()?))
    }

    async fn provoke(&self, hazard: &Hazard) -> Outcome<Came> {
        let peak = Peak::mark();
        let events = self.begin(hazard).await?;
        let watched = finishes(self.watch(hazard, events)).await;
        let came = watched.unwrap_or_else(|| Err(format!("no end after {PATIENCE:?}")))?;
        Ok(Came { grew_mb: peak.growth(), ..came })
    }

    async fn begin(&self, hazard: &Hazard) -> Outcome<Subscription> {
        let script = self.folder.join(format!("{}.mjs", hazard.name));
        std::fs::write(&script, hazard.script).map_err(|error| error.to_string())?;
        let is_small = hazard.ends.is_bounded();
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

    /// Sees a hazard to its end, which it is brought to if it has none of its own.
    async fn watch(&self, hazard: &Hazard, mut events: Subscription) -> Outcome<Came> {
        let mut came = Came::default();
        let mut kill_at = match hazard.ends {
            Ends::Busy | Ends::BusyForGood => Some(Instant::now() + WATCHED),
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
                    let (asked, yardstick) = (Instant::now(), Yardstick::start());
                    let killed = self.supervisor.kill(hazard.name).await;
                    let (on_the_clock, yardstick) = (asked.elapsed(), yardstick.stop());
                    killed.map_err(|error| format!("kill: {error}"))?;
                    came.killed = Some(Kill { on_the_clock, yardstick });
                    continue;
                }
            };
            match record.event {
                Event::Stdout(line) => came.last_line = String::from_utf8_lossy(&line).into(),
                Event::State(js_runtime::State::Unresponsive)
                    if matches!(hazard.ends, Ends::Stuck) =>
                {
                    kill_at = Some(Instant::now());
                }
                Event::Exit { reason, code } => {
                    return Ok(Came { reason: Some(reason), code, ..came });
                }
                _ => {}
            }
        }
    }

    /// Starts what the name stood for again, as a process that does no harm.
    async fn lives_again(&self, name: &str) -> Outcome {
        let failed = |error: js_runtime::Error| format!("not started again: {error}");
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
            return Err("it does not answer after a restart".to_owned());
        }
        self.supervisor.kill(name).await.map_err(failed)?;
        self.supervisor.remove(name).map_err(failed)
    }

    async fn is_as_it_was(&mut self, hazard: &Hazard) -> Outcome {
        // A parked thread keeps what it had.
        let kept: &[&str] = match hazard.ends {
            Ends::Crashed(_)
            | Ends::BusyForGood
            | Ends::HeapLimitInOneCall
            | Ends::HeapLimitOfOneObject => &["threads", "open files"],
            _ => &[],
        };
        let changes = self.as_it_was.changes(kept).await;
        let threads = self.as_it_was.threads();
        let is_counted = || State::now().threads() == threads + parked_threads() - self.parked;
        let may_park = matches!(
            hazard.ends,
            Ends::HeapLimit
                | Ends::HeapLimitInOneCall
                | Ends::HeapLimitOfOneObject
                | Ends::SmallHeapLimit
        );
        if may_park && !becomes(is_counted).await {
            return Err(format!("{} threads are parked, and not counted so", parked_threads()));
        }
        self.parked = parked_threads();
        self.as_it_was = State::now();
        if changes.is_empty() { Ok(()) } else { Err(changes.join(", ")) }
    }
}

impl Ends {
    /// Whether it is about memory outside of heaps and buffers, with small limits.
    fn is_bounded(self) -> bool {
        matches!(self, Self::MemoryLimit | Self::SmallHeapLimit | Self::Refused(_))
    }

    fn check(self, came: &Came) -> Outcome {
        let Some(reason) = &came.reason else { return Err("no end".to_owned()) };
        let is_right = match (self, reason) {
            (Self::Fine, ExitReason::Completed) => came.code == Some(0) && came.last_line == "fine",
            (Self::Code(code), ExitReason::Completed) => came.code == Some(code),
            (Self::Error(words) | Self::Refused(words), ExitReason::Error { message, .. })
            | (Self::Crashed(words), ExitReason::Crashed { message }) => message.contains(words),
            (Self::Signal(signal), ExitReason::Killed { signal: Some(sent) }) => signal == *sent,
            (Self::Stuck | Self::Busy | Self::BusyForGood, ExitReason::Killed { signal: None })
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
        if !is_right {
            return Err(format!("expected {self:?}, it said '{}'", came.last_line));
        }
        if matches!(self, Self::HeapLimitInOneCall) && came.grew_mb > MOST_MB {
            return Err(format!("it took {} MiB at the most, and not {MOST_MB}", came.grew_mb));
        }
        if self.is_bounded() && came.grew_mb > MOST_MEMORY_MB {
            return Err(format!(
                "it took {} MiB at the most, and not {MOST_MEMORY_MB}",
                came.grew_mb
            ));
        }
        match came.killed {
            Some(Kill { on_the_clock, yardstick }) if yardstick > KILL_LIMIT => Err(format!(
                "the kill took {on_the_clock:.1?}, in which a spinning thread got {yardstick:.1?}"
            )),
            _ => Ok(()),
        }
    }
}
