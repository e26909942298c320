//! Short lives, good and hostile, one after the other and two at a time: what the application holds
//! stays the same.

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

/// By then V8's own threads run and every cache is filled.
const WARM_UP: usize = 100;

/// Of many lives, so large a part is warm-up: every hazard has its turn once in some 500.
const WARM_UP_PART: usize = 5;

/// What memory may grow by after that. An isolate that is kept takes 5 MB.
const SLACK_KB: u64 = 10_000;

/// And by so much for each life: half a kilobyte stays behind in the engine (the tables of its source
/// maps), and more than twice that is lost between what is in use.
const LIFE_KB: u64 = 2;

/// Has the system's allocator take all memory from one place. Else it has a place for each of the threads
/// that run at once, and what lies between the pieces in use there grows by some 100 MB in the
/// first thousand lives, and then no more.
const ONE_ARENA: (&str, &str) = ("MALLOC_ARENA_MAX", "1");

/// A third of all lives are hostile.
const HOSTILE: usize = 3;

/// What this program holds at a moment.
#[derive(Debug)]
struct Holds {
    lives: usize,
    threads: usize,
    files: usize,
    /// Without what is in files too, such as the code of this program.
    memory_kb: u64,
}

impl Holds {
    fn now(lives: usize) -> Self {
        // What ended is still listed for a moment.
        let is_live = |name: &String| name.starts_with("js:") || name.starts_with("worker-");
        let have_ended = eventually(|| !own::threads().iter().any(is_live));
        assert!(have_ended, "isolates' threads are left: {:?}", own::threads());
        let status = fs::read_to_string("/proc/self/status").expect("procfs");
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).expect("RssAnon");
        Self {
            lives,
            threads: own::threads().len(),
            files: fs::read_dir("/proc/self/fd").expect("procfs").count(),
            memory_kb: line.trim().trim_end_matches(" kB").parse().expect("a number of kB"),
        }
    }

    fn check(&self, warm: &Self) -> Result<(), Failed> {
        let grown = self.memory_kb.saturating_sub(warm.memory_kb);
        let allowed = SLACK_KB + LIFE_KB * (self.lives - warm.lives) as u64;
        if self.threads > warm.threads || self.files > warm.files || grown > allowed {
            return Err(format!("{warm:?} has become {self:?}").into());
        }
        Ok(())
    }

    fn print(&self, lives: &str) {
        println!(
            "{lives:>7}  {:>7}  {:>5}  {:>3} MB",
            self.threads,
            self.files,
            self.memory_kb / 1024
        );
    }
}

/// In a program of its own, so that nothing else starts threads or takes memory meanwhile.
pub(crate) fn three_hundred() -> Result<(), Failed> {
    let ended = again(&["300".to_owned()])?.output()?;
    println!("{}", String::from_utf8_lossy(&ended.stdout));
    if ended.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&ended.stderr).into_owned().into())
}

/// Runs as many lives as the word says, prints what is held, and fails if that grows.
pub(crate) fn print(words: &[String]) -> ExitCode {
    let (name, one) = ONE_ARENA;
    if std::env::var_os(name).is_none_or(|set| set != one) {
        let ended = again(words).and_then(|mut this| this.status());
        return if ended.is_ok_and(|ended| ended.success()) {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        };
    }
    let count = words.first().and_then(|word| word.parse().ok()).unwrap_or(10_000);
    match live(count) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{}", failure.message().unwrap_or("failed"));
            ExitCode::FAILURE
        }
    }
}

/// This program, started for this.
fn again(words: &[String]) -> std::io::Result<Command> {
    let mut this = Command::new(std::env::current_exe()?);
    this.arg("cycles").args(words).envs([ONE_ARENA]);
    Ok(this)
}

fn live(count: usize) -> Result<(), Failed> {
    let executor = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let supervisor = Supervisor::builder().warm_isolates(0).build()?;
    let folder = tempfile::tempdir()?;
    let hostile: Vec<_> = table::all().filter(|hazard| is_brief(hazard)).collect();
    for hazard in &hostile {
        fs::write(folder.path().join(hazard.name), hazard.script)?;
    }
    // The guardian comes with the first child, and has a pipe.
    let starts_children = hostile.iter().find(|hazard| hazard.name == "children_end_with_it");
    let starts_children = starts_children.ok_or("no hazard starts children")?;
    let script = folder.path().join(starts_children.name).to_string_lossy().into_owned();
    executor.block_on(life(&supervisor, count + 2, script, Some(starts_children)));
    let began = Instant::now();
    println!("  lives  threads  files  memory");
    let mut warm = None;
    for lived in (0..=count).step_by(2) {
        if lived > 0 && (lived.is_multiple_of(count / 20 * 2) || lived == WARM_UP) {
            let holds = Holds::now(lived);
            holds.print(&lived.to_string());
            if lived >= WARM_UP.max(count / WARM_UP_PART) {
                warm.get_or_insert(holds);
            }
        }
        let two = [lived, lived + 1].map(|number| {
            let hazard =
                number.is_multiple_of(HOSTILE).then(|| hostile[number / HOSTILE % hostile.len()]);
            let script = hazard.map_or_else(crate::pings::echo, |hazard| {
                folder.path().join(hazard.name).to_string_lossy().into_owned()
            });
            life(&supervisor, number, script, hazard)
        });
        let [one, other] = two;
        executor.block_on(async { tokio::join!(one, other) });
    }
    println!("{:.1} s in all", began.elapsed().as_secs_f64());
    let warm = warm.ok_or("too few lives to tell")?;
    // What is let go of is given back some time after the last end.
    let mut holds = Holds::now(count);
    eventually(|| {
        holds = Holds::now(count);
        holds.check(&warm).is_ok()
    });
    holds.print("at rest");
    holds.check(&warm)
}

/// Those that end soon, and leave nothing that is parked.
fn is_brief(hazard: &Hazard) -> bool {
    let ends_soon = !matches!(
        hazard.ends,
        Ends::Stuck
            | Ends::BusyForGood
            | Ends::Crashed(_)
            | Ends::HeapLimit
            | Ends::MemoryLimit
            | Ends::SmallHeapLimit
            | Ends::Refused(_)
            // The thread may stay parked, with what it holds.
            | Ends::HeapLimitInOneCall
            | Ends::HeapLimitOfOneObject
    );
    ends_soon || ["objects", "loop_in_module"].contains(&hazard.name)
}

/// One life: it runs until it ends, or has echoed a line, or for a moment.
async fn life(supervisor: &Supervisor, number: usize, script: String, hazard: Option<&Hazard>) {
    const MOMENT: Duration = Duration::from_millis(200);
    let name = format!("life {number}");
    let limits = Limits { heap_mb: Some(64), array_buffer_mb: Some(64), ..Limits::default() };
    let config = SpawnConfig {
        permissions: hazard.map(|hazard| hazard.granted.permissions()),
        limits: Some(Limits { kill_grace_ms: Some(50), ..limits }),
        ..SpawnConfig::script(Runtime::Embedded, script)
    };
    let started = supervisor.spawn_subscribed(&name, config, Backpressure::Drop).await;
    let (_, mut events) = started.expect("it starts");
    // A hostile one may have ended.
    let _ = supervisor.write_stdin(&name, "hello\n").await;
    let said_or_ended = async {
        while let Some(record) = events.recv().await {
            let is_said = matches!(record.event, Event::Stdout(line) if line == "hello");
            if is_said || matches!(supervisor.status(&name), Ok(info) if info.state.is_exited()) {
                break;
            }
        }
    };
    let _ = tokio::time::timeout(MOMENT, said_or_ended).await;
    // Likewise.
    let _ = supervisor.kill(&name).await;
    let state = supervisor.status(&name).expect("it is listed").state;
    supervisor.remove(&name).expect("it has exited");
    let has_crashed = matches!(state, State::Exited { reason: ExitReason::Crashed { .. }, .. });
    assert!(
        !has_crashed,
        "the engine has failed in {:?}: {state:?}",
        hazard.map(|hazard| hazard.name)
    );
}
