//! Runs many short processes, good and hostile, two at a time, and checks for leaks.

use std::fs;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use js_runtime::{
    Backpressure, Event, ExitReason, Limits, Runtime, SpawnConfig, State, Supervisor,
};
use libtest_mimic::Failed;

use crate::own;
use crate::patience::eventually;
use crate::table::{self, Ends, Hazard};

/// After as many processes V8's own threads run and caches are filled.
const WARM_UP: usize = 100;

/// One fifth of a long run is warm-up: every hazard runs once in about 500 processes.
const WARM_UP_DIVISOR: usize = 5;

/// Permitted growth of memory after the warm-up. A leaked isolate takes 5 MB.
const SLACK_KB: u64 = 10_000;

/// Permitted growth per process: the engine retains half a kilobyte (tables of its source maps), and fragmentation
/// takes more than twice that.
const PROCESS_KB: u64 = 2;

/// Limits malloc to one arena. With an arena per thread, fragmentation grows by about 100 MB in the first thousand
/// processes and then no more.
const ONE_ARENA: (&str, &str) = ("MALLOC_ARENA_MAX", "1");

/// Every third process is hostile.
const HOSTILE: usize = 3;

/// The resources of this program at one moment.
#[derive(Debug)]
struct Resources {
    /// The number of processes that have run.
    processes: usize,
    threads: usize,
    files: usize,
    /// Anonymous memory.
    memory_kb: u64,
}

impl Resources {
    fn now(processes: usize) -> Self {
        // The system lists ended threads for a moment.
        let is_engine = |name: &String| name.starts_with("js:") || name.starts_with("worker-");
        let have_ended = eventually(|| !own::threads().iter().any(is_engine));
        assert!(have_ended, "threads of isolates are left: {:?}", own::threads());
        let status = fs::read_to_string("/proc/self/status").expect("procfs");
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).expect("RssAnon");
        Self {
            processes,
            threads: own::threads().len(),
            files: fs::read_dir("/proc/self/fd").expect("procfs").count(),
            memory_kb: line.trim().trim_end_matches(" kB").parse().expect("a number of kB"),
        }
    }

    fn check(&self, warm: &Self) -> Result<(), Failed> {
        let grown = self.memory_kb.saturating_sub(warm.memory_kb);
        let allowed = SLACK_KB + PROCESS_KB * (self.processes - warm.processes) as u64;
        if self.threads > warm.threads || self.files > warm.files || grown > allowed {
            return Err(format!("{warm:?} has grown to {self:?}").into());
        }
        Ok(())
    }

    fn print(&self, label: &str) {
        println!(
            "{label:>9}  {:>7}  {:>5}  {:>3} MB",
            self.threads,
            self.files,
            self.memory_kb / 1024
        );
    }
}

/// Runs in a subprocess, so that nothing else starts threads or takes memory meanwhile.
pub(crate) fn three_hundred() -> Result<(), Failed> {
    let ended = subprocess(&["300".to_owned()])?.output()?;
    println!("{}", String::from_utf8_lossy(&ended.stdout));
    if ended.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&ended.stderr).into_owned().into())
}

/// Runs as many processes as the first word says, prints the resources, and fails if they grow.
pub(crate) fn print(words: &[String]) -> ExitCode {
    let (name, one) = ONE_ARENA;
    if std::env::var_os(name).is_none_or(|set| set != one) {
        let ended = subprocess(words).and_then(|mut this| this.status());
        return if ended.is_ok_and(|ended| ended.success()) {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        };
    }
    let count = words.first().and_then(|word| word.parse().ok()).unwrap_or(10_000);
    match run(count) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{}", failure.message().unwrap_or("failed"));
            ExitCode::FAILURE
        }
    }
}

fn subprocess(words: &[String]) -> std::io::Result<Command> {
    let mut this = Command::new(std::env::current_exe()?);
    this.arg("cycles").args(words).envs([ONE_ARENA]);
    Ok(this)
}

fn run(count: usize) -> Result<(), Failed> {
    let executor = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let supervisor = Supervisor::builder().warm_isolates(0).build()?;
    let folder = tempfile::tempdir()?;
    let hostile: Vec<_> = table::all().filter(|hazard| is_brief(hazard)).collect();
    for hazard in &hostile {
        fs::write(folder.path().join(hazard.name), hazard.script)?;
    }
    // The first child starts the guardian, which has a pipe.
    let starts_children =
        hostile.iter().find(|hazard| hazard.name == "children_end_with_the_script");
    let starts_children = starts_children.ok_or("no hazard starts children")?;
    let script = folder.path().join(starts_children.name).to_string_lossy().into_owned();
    executor.block_on(cycle(&supervisor, count + 2, script, Some(starts_children)));
    let started = Instant::now();
    println!("processes  threads  files  memory");
    let mut warm = None;
    for done in (0..=count).step_by(2) {
        if done > 0 && (done.is_multiple_of(count / 20 * 2) || done == WARM_UP) {
            let now = Resources::now(done);
            now.print(&done.to_string());
            if done >= WARM_UP.max(count / WARM_UP_DIVISOR) {
                warm.get_or_insert(now);
            }
        }
        let two = [done, done + 1].map(|number| {
            let hazard =
                number.is_multiple_of(HOSTILE).then(|| hostile[number / HOSTILE % hostile.len()]);
            let script = hazard.map_or_else(crate::pings::echo, |hazard| {
                folder.path().join(hazard.name).to_string_lossy().into_owned()
            });
            cycle(&supervisor, number, script, hazard)
        });
        let [one, other] = two;
        executor.block_on(async { tokio::join!(one, other) });
    }
    println!("{:.1} s in total", started.elapsed().as_secs_f64());
    let warm = warm.ok_or("too few processes for a warm-up")?;
    // Some resources are released a while after the last exit.
    let mut end = Resources::now(count);
    eventually(|| {
        end = Resources::now(count);
        end.check(&warm).is_ok()
    });
    end.print("idle");
    end.check(&warm)
}

/// Whether a hazard ends soon and parks no thread.
fn is_brief(hazard: &Hazard) -> bool {
    let ends_soon = !matches!(
        hazard.ends,
        Ends::Stuck
            | Ends::StuckInEngine
            | Ends::BusyForever
            | Ends::Crashed(_)
            | Ends::HeapLimit
            | Ends::MemoryLimit
            | Ends::SmallHeapLimit
            | Ends::Refused(_)
            // The thread may stay parked with its resources.
            | Ends::HeapLimitInOneCall
            | Ends::HeapLimitOfOneObject
    );
    ends_soon || ["objects", "loop_in_module"].contains(&hazard.name)
}

/// Runs a process until it exits or has echoed a line, at most for 200 ms.
async fn cycle(supervisor: &Supervisor, number: usize, script: String, hazard: Option<&Hazard>) {
    const MAX_TIME: Duration = Duration::from_millis(200);
    let name = format!("process {number}");
    let limits = Limits { heap_mb: Some(64), array_buffer_mb: Some(64), ..Limits::default() };
    let config = SpawnConfig {
        permissions: hazard.map(|hazard| hazard.granted.permissions()),
        limits: Some(Limits { kill_grace_ms: Some(50), ..limits }),
        ..SpawnConfig::script(Runtime::Embedded, script)
    };
    let started = supervisor.spawn_subscribed(&name, config, Backpressure::Drop).await;
    let (_, mut events) = started.expect("the script starts");
    // Fails if a hostile script has already ended.
    let _ = supervisor.write_stdin(&name, "hello\n").await;
    let echoed_or_exited = async {
        while let Some(record) = events.recv().await {
            let is_echo = matches!(record.event, Event::Stdout(line) if line == "hello");
            if is_echo || matches!(supervisor.status(&name), Ok(info) if info.state.is_exited()) {
                break;
            }
        }
    };
    let _ = tokio::time::timeout(MAX_TIME, echoed_or_exited).await;
    // Fails if the process has exited.
    let _ = supervisor.kill(&name).await;
    let state = supervisor.status(&name).expect("the process is listed").state;
    supervisor.remove(&name).expect("the process has exited");
    let has_crashed = matches!(state, State::Exited { reason: ExitReason::Crashed { .. }, .. });
    assert!(
        !has_crashed,
        "the engine has failed in {:?}: {state:?}",
        hazard.map(|hazard| hazard.name)
    );
}
