//! Cases for the embedded engine alone: its scripts run in the application's process and must reach no
//! more of it than a child would.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use js_runtime::{ExitReason, Grant, Limits, Permissions, SpawnConfig};
use libtest_mimic::Failed;

use crate::support::{Bench, Case, Outcome, cases};

pub(crate) const CASES: &[Case] = cases![
    the_applications_descriptors_are_out_of_reach,
    a_child_shares_no_stream_with_the_application,
    a_child_has_no_descriptor_of_the_application,
    open_files_beyond_the_limit_are_refused_of_every_kind,
    files_that_other_threads_open_do_not_count_for_a_database,
    wasm_memory_and_resizable_buffers_are_bounded_in_every_realm,
    only_its_own_packages_may_be_read,
    a_group_of_its_own_may_be_killed,
    a_signal_to_the_process_group_reaches_the_script_alone,
    the_end_of_stdin_ends_synchronous_reads_on_all_threads,
    a_kill_ends_synchronous_reads_on_all_threads,
    the_frame_api_reads_one_line_or_all_that_have_arrived,
    a_heap_that_fills_while_engine_modules_load_ends_with_heap_limit,
    a_worker_whose_heap_is_full_amid_modules_of_the_engines_own_ends_alone,
];

fn hostile(bench: &Bench, name: &str, args: &[&str]) -> SpawnConfig {
    bench.fixture(&format!("hostile/{name}"), args)
}

fn may_run() -> Permissions {
    let all = || Grant::All(true);
    Permissions { run: all(), env: all(), ..Permissions::default() }
}

#[cfg(unix)]
async fn the_applications_descriptors_are_out_of_reach(bench: &Bench) -> Outcome {
    use std::io::{self, Read, Write};
    use std::os::fd::AsRawFd;

    // The permission to run programs grants no variable either.
    for permissions in [None, Some(may_run())] {
        let (mut secret, mut telling) = io::pipe()?;
        let (mut listening, target) = io::pipe()?;
        telling.write_all(b"secret")?;
        let numbers = [secret.as_raw_fd(), target.as_raw_fd()].map(|number| number.to_string());
        let config = hostile(bench, "descriptors.mjs", &[&numbers[0], &numbers[1]]);
        let ended = bench.run(SpawnConfig { permissions, ..config }, b"").await?;
        assert_eq!(ended.lines(), ["[]"], "{}", ended.log());

        drop((telling, target));
        let (mut left, mut injected) = (String::new(), String::new());
        secret.read_to_string(&mut left)?;
        listening.read_to_string(&mut injected)?;
        assert_eq!((left.as_str(), injected.as_str()), ("secret", ""));
    }
    Ok(())
}

#[cfg(not(unix))]
async fn the_applications_descriptors_are_out_of_reach(_: &Bench) -> Outcome {
    Ok(())
}

async fn a_child_shares_no_stream_with_the_application(bench: &Bench) -> Outcome {
    if !cfg!(target_os = "linux") {
        return Ok(());
    }
    let config =
        SpawnConfig { permissions: Some(may_run()), ..hostile(bench, "child-streams.mjs", &[]) };
    let ended = bench.run(config, b"").await?;
    assert_eq!(ended.lines(), [r#"{"leaks":[],"own":"piped"}"#], "{}", ended.log());
    Ok(())
}

#[cfg(target_os = "linux")]
async fn a_child_has_no_descriptor_of_the_application(bench: &Bench) -> Outcome {
    use nix::fcntl::{FcntlArg, FdFlag, fcntl};
    use std::os::fd::AsRawFd;

    let (_reader, writer) = std::io::pipe()?;
    // A descriptor without close-on-exec, as a library of the application may open it.
    fcntl(&writer, FcntlArg::F_SETFD(FdFlag::empty()))?;
    let number = writer.as_raw_fd().to_string();
    let target = fs::read_link(format!("/proc/self/fd/{number}"))?;
    let target = target.to_str().ok_or("not UTF-8")?;
    let config = hostile(bench, "child-descriptors.mjs", &[&number, target]);
    let run = Grant::Some(vec!["sh".to_owned(), "sleep".to_owned()]);
    let permissions = Some(Permissions { run, ..Permissions::default() });
    let ended = bench.run(SpawnConfig { permissions, ..config }, b"").await?;
    assert_eq!(ended.lines(), ["[]"], "{}", ended.log());
    Ok(())
}

#[cfg(not(target_os = "linux"))]
async fn a_child_has_no_descriptor_of_the_application(_: &Bench) -> Outcome {
    Ok(())
}

async fn open_files_beyond_the_limit_are_refused_of_every_kind(bench: &Bench) -> Outcome {
    if !cfg!(target_os = "linux") {
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    let folder = folder.path().to_str().ok_or("not UTF-8")?;
    let limits = Some(Limits { open_files: Some(40), ..Limits::default() });
    let all = || Grant::All(true);
    let permissions = Permissions { read: all(), write: all(), net: all(), ..may_run() };
    let config = bench.fixture("open-files.mjs", &[folder]);
    let config = SpawnConfig { permissions: Some(permissions), limits, ..config };
    let ended = bench.run(config, b"").await?;
    assert_eq!(ended.lines(), ["[]"], "{}", ended.log());
    Ok(())
}

async fn files_that_other_threads_open_do_not_count_for_a_database(bench: &Bench) -> Outcome {
    const MOST: usize = 400;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("file").display().to_string();
    let limits = Some(Limits { open_files: Some(20), ..Limits::default() });
    let permissions =
        Permissions { read: Grant::All(true), write: Grant::All(true), ..Permissions::default() };
    let config = bench.fixture("reopen-database.mjs", &[&file]);
    let config = SpawnConfig { permissions: Some(permissions), limits, ..config };
    let is_over = Arc::new(AtomicBool::new(false));
    let others = std::thread::spawn({
        let is_over = is_over.clone();
        move || {
            let mut open = Vec::new();
            while open.len() < MOST && !is_over.load(Ordering::Relaxed) {
                open.extend(std::io::pipe());
                std::thread::yield_now();
            }
            while !is_over.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    });
    let ended = bench.run(config, b"").await;
    is_over.store(true, Ordering::Relaxed);
    others.join().expect("the other thread has opened files");
    let ended = ended?;
    assert_eq!(ended.lines(), ["fine"], "{}", ended.log());
    Ok(())
}

async fn wasm_memory_and_resizable_buffers_are_bounded_in_every_realm(bench: &Bench) -> Outcome {
    let limits = Some(Limits { array_buffer_mb: Some(32), ..Limits::default() });
    let config = SpawnConfig { limits, ..bench.fixture("wasm-memories.mjs", &[]) };
    let ended = bench.run(config, b"").await?;
    assert_eq!(ended.lines(), ["[]"], "{}", ended.log());
    Ok(())
}

async fn the_end_of_stdin_ends_synchronous_reads_on_all_threads(bench: &Bench) -> Outcome {
    let mut run = bench.start(bench.fixture("read-sync-threads.mjs", &[])).await?;
    run.until_ready().await?;
    run.write("read by one of them").await?;
    run.close()?;
    let ended = run.end().await?;
    assert_eq!((ended.lines(), ended.code), (vec!["end".to_owned(); 4], Some(0)));
    Ok(())
}

async fn a_kill_ends_synchronous_reads_on_all_threads(bench: &Bench) -> Outcome {
    // The end of stdin must end the script within half of this time, before SIGTERM.
    let limits = Some(Limits { kill_grace_ms: Some(600_000), ..Limits::default() });
    let config = SpawnConfig { limits, ..bench.fixture("read-sync-threads.mjs", &[]) };
    let mut run = bench.start(config).await?;
    run.until_ready().await?;
    run.kill().await?;
    assert_eq!(run.end().await?.reason, Some(ExitReason::Killed { signal: None }));
    Ok(())
}

async fn only_its_own_packages_may_be_read(bench: &Bench) -> Outcome {
    let folder = tempfile::tempdir()?;
    let package = folder.path().join("node_modules/p");
    fs::create_dir_all(&package)?;
    let files = [("x.json", "{}"), ("x.txt", "secret"), ("x.cjs", "module.exports = 'secret'")];
    let mut paths = Vec::new();
    for (name, text) in files {
        let path = package.join(name);
        fs::write(&path, text)?;
        paths.push(path.to_str().ok_or("not UTF-8")?.to_owned());
    }
    let args = [paths[0].as_str(), &paths[1], &paths[2]];
    let ended = bench.run(hostile(bench, "foreign-packages.mjs", &args), b"").await?;
    assert_eq!(ended.lines(), ["[]"], "{}", ended.log());

    // A script beside these packages may load them.
    let script = folder.path().join("main.mjs");
    fs::write(&script, "console.log((await import(process.argv[2])).default)")?;
    let ended = bench.run(bench.script(&script, &[&paths[2]]), b"").await?;
    assert_eq!(ended.lines(), ["secret"], "{}", ended.log());
    Ok(())
}

async fn a_group_of_its_own_may_be_killed(bench: &Bench) -> Outcome {
    if !cfg!(unix) {
        return Ok(());
    }
    let config =
        SpawnConfig { permissions: Some(may_run()), ..hostile(bench, "kill-group.mjs", &[]) };
    let ended = bench.run(config, b"").await?;
    assert_eq!(ended.lines(), ["SIGTERM"], "{}", ended.log());
    Ok(())
}

async fn a_signal_to_the_process_group_reaches_the_script_alone(bench: &Bench) -> Outcome {
    if !cfg!(unix) {
        return Ok(());
    }
    let ended = bench.run(hostile(bench, "kill-own-group.mjs", &[]), b"").await?;
    assert_eq!(ended.lines(), ["heard 4"], "{}", ended.log());
    Ok(())
}

async fn the_frame_api_reads_one_line_or_all_that_have_arrived(bench: &Bench) -> Outcome {
    let long = "x".repeat(70_000);
    let input =
        ["one\ntwo\n\nfo\u{fc}r\r\nb".as_bytes(), b"\xffd\n", long.as_bytes(), b"\nlast"].concat();
    let ended = bench.run(bench.fixture("frame-api.mjs", &[]), &input).await?;
    let expected = ["one", "two", "", "fo\u{fc}r", "b\u{fffd}d", &long, "last", "the end"];
    assert_eq!(ended.lines(), expected, "{}", ended.log());
    Ok(())
}

/// Each script fills a little more of its heap than the one before and then loads modules. The first ones
/// load nearly all of them, the last ones none.
async fn a_heap_that_fills_while_engine_modules_load_ends_with_heap_limit(
    bench: &Bench,
) -> Outcome {
    const HEAP_MB: u32 = 40;
    const STEP_KIB: usize = 100;
    /// Retries, because a busy machine is slow by chance.
    const ATTEMPTS: usize = 10;
    let mut times = Vec::new();
    for step in 0..40 {
        let limits = Some(Limits { heap_mb: Some(HEAP_MB), ..Limits::default() });
        let filled = (25 * 1024 + step * STEP_KIB).to_string();
        let config =
            SpawnConfig { limits, ..bench.fixture("load-near-heap-limit.mjs", &[filled.as_str()]) };
        times.push((time_to_the_limit(bench, &config).await?, config));
    }
    times.sort_by_key(|(time, _)| *time);
    // A heap that only collects garbage takes ten times as long in every try.
    let usual = times[times.len() / 2].0 * 6;
    for (mut time, config) in times {
        for _ in 0..ATTEMPTS {
            if time < usual {
                break;
            }
            time = time_to_the_limit(bench, &config).await?;
        }
        assert!(time < usual, "{time:?} with {:?}", config.args);
    }
    Ok(())
}

async fn time_to_the_limit(bench: &Bench, config: &SpawnConfig) -> Result<Duration, Failed> {
    let began = Instant::now();
    let ended = bench.run(config.clone(), b"").await?;
    assert_eq!(ended.reason, Some(ExitReason::HeapLimit), "with {:?} KiB", config.args);
    Ok(began.elapsed())
}

/// The same for the heaps of workers: the script gets an error and continues.
async fn a_worker_whose_heap_is_full_amid_modules_of_the_engines_own_ends_alone(
    bench: &Bench,
) -> Outcome {
    let args = ["30", "14000", "700", "20"];
    let ended = bench.run(bench.fixture("workers-near-heap-limit.mjs", &args), b"").await?;
    assert_eq!(ended.lines(), ["20"], "{}", ended.log());
    assert_eq!(ended.reason, Some(ExitReason::Completed), "{}", ended.log());
    Ok(())
}
