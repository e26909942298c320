//! What both apps offer the page: what to measure, and where to say what was found.

#[derive(serde::Serialize)]
struct Task {
    /// Which of the two apps this is.
    app: &'static str,
    /// The peer's backend: a file, and what runs it.
    script: Option<String>,
    runtime: Option<String>,
    /// Whether only the first answer is wanted.
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

/// What Tauri's own way costs, to a command that does nothing.
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
