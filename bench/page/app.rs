//! The commands of both apps: the task of the page, an empty command, and the report.

#[derive(serde::Serialize)]
struct Task {
    /// `ours` or `peer`.
    app: &'static str,
    /// The script of the peer's backend. The embedded backend is bundled.
    script: Option<String>,
    /// The runtime of the peer's backend.
    runtime: Option<String>,
    /// Measure the time to the first response only.
    only_start: bool,
}

#[tauri::command]
fn task() -> Task {
    let variable = |name| std::env::var(name).ok();
    Task {
        app: super::APP,
        script: variable("PAGE_BENCH_SCRIPT"),
        runtime: variable("PAGE_BENCH_RUNTIME"),
        only_start: variable("PAGE_BENCH_ONLY_START").is_some(),
    }
}

/// Does nothing: measures the cost of a Tauri command.
#[tauri::command]
async fn nothing() {}

#[tauri::command]
fn report(app: tauri::AppHandle, result: serde_json::Value) {
    println!("{result}");
    app.exit(0);
}

pub(crate) fn run(
    builder: tauri::Builder<tauri::Wry>,
    context: tauri::Context<tauri::Wry>,
) -> tauri::Result<()> {
    builder.invoke_handler(tauri::generate_handler![task, nothing, report]).run(context)
}
