//! The commands of both apps: the task of the page, an empty command, the memory of the app, and the report.

use std::collections::BTreeMap;
use std::fs;

#[cfg(target_os = "linux")]
#[path = "reply.rs"]
mod reply;

#[derive(serde::Serialize)]
struct Task {
    /// `ours` or `peer`.
    app: &'static str,
    /// The scripts of the peer's backends, by name. Embedded backends are bundled.
    scripts: BTreeMap<&'static str, String>,
    /// The runtime of the peer's backends.
    runtime: Option<String>,
    /// Measure only the time to the first response, and memory.
    only_start: bool,
}

#[tauri::command]
fn task() -> Task {
    let variable = |name| std::env::var(name).ok();
    let script = |(name, key)| Some((name, variable(key)?));
    let scripts = [("rpc", "PAGE_BENCH_RPC"), ("lines", "PAGE_BENCH_LINES")];
    Task {
        app: super::APP,
        scripts: scripts.into_iter().filter_map(script).collect(),
        runtime: variable("PAGE_BENCH_RUNTIME"),
        only_start: variable("PAGE_BENCH_ONLY_START").is_some(),
    }
}

/// Does nothing: measures the cost of a Tauri command.
#[tauri::command]
async fn nothing() {}

/// Anonymous memory of the app and of its backends in KiB, without the processes of the web view.
#[tauri::command]
async fn memory() -> u64 {
    anonymous_kb(std::process::id())
}

fn anonymous_kb(pid: u32) -> u64 {
    let read = |file| fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap_or_default();
    if read("comm").starts_with("WebKit") {
        return 0;
    }
    let sums = read("smaps_rollup");
    let field = |name: &'static str| sums.lines().find_map(|line| line.strip_prefix(name));
    let kb = |rest: &str| rest.split_whitespace().next()?.parse::<u64>().ok();
    let own = ["Anonymous:", "Swap:"].into_iter().filter_map(field).filter_map(kb).sum::<u64>();
    own + children(pid).into_iter().map(anonymous_kb).sum::<u64>()
}

fn children(pid: u32) -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|child| parent(*child) == Some(pid)).collect()
}

fn parent(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name is in parentheses and may itself contain parentheses. State and parent follow it.
    stat.rsplit_once(") ")?.1.split_whitespace().nth(1)?.parse().ok()
}

#[tauri::command]
fn report(app: tauri::AppHandle, result: serde_json::Value) {
    println!("{result}");
    app.exit(0);
}

pub(crate) fn run(
    builder: tauri::Builder<tauri::Wry>,
    context: tauri::Context<tauri::Wry>,
) -> tauri::Result<()> {
    #[cfg(target_os = "linux")]
    let builder = builder.setup(|app| Ok(reply::install(app)?));
    builder.invoke_handler(tauri::generate_handler![task, nothing, memory, report]).run(context)
}
