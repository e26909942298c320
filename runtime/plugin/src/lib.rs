//! JavaScript and TypeScript backends for Tauri apps: inside the app's process, or as children.
//!
//! ```text
//! page ── commands ──> scope (may this window?) ──> Js ──> js_runtime::Supervisor
//! page <── Channel ─── bridge (one per page and process) <── Subscription (held until handled)
//! page <── events ──── compat (js-process-*)
//! ```
//!
//! ```no_run
//! # fn add<R: tauri::Runtime>(builder: tauri::Builder<R>) -> tauri::Builder<R> {
//! builder.plugin(tauri_plugin_js::init())
//! # }
//! ```
//!
//! Rust reaches the same processes through [`JsExt`]:
//!
//! ```no_run
//! use tauri_plugin_js::{JsExt, Runtime, SpawnConfig};
//! # async fn start<R: tauri::Runtime>(app: tauri::AppHandle<R>) -> Result<(), tauri_plugin_js::Error> {
//! app.js().spawn("math", SpawnConfig::script(Runtime::Embedded, "backends/math.ts")).await?;
//! # Ok(())
//! # }
//! ```
//!
//! Reading order: `config` (tauri.conf.json), `scope` (capabilities), `commands`, `js` (what they and
//! Rust call), `bridge` (output on its way to a page), `write` (input on its way from one), `watch`,
//! `compat`.
//!
//! # Invariants
//!
//! On top of those of [`js_runtime`]:
//!
//! 1. A page never chooses a script, folder, environment or permission that Rust or its
//!    capability did not allow.
//! 2. A reload of a page neither loses nor repeats RPC frames. Listeners for output get the history again.
//! 3. Nothing a page sends blocks the main thread or makes Rust panic.
//! 4. What waits for a page is bounded. A page that does not keep up slows its process down.

mod bridge;
mod builder;
mod commands;
mod compat;
mod config;
mod error;
mod js;
mod paths;
mod scope;
mod started;
mod viewers;
mod watch;
mod wire;
mod write;

pub use builder::{Builder, init};
pub use config::{Backend, Config, Defaults};
pub use error::Error;
pub use js::{Js, JsExt};
pub use js_runtime::{
    self, Backpressure, Event, ExitReason, Framing, Grant, Limits, Permissions, ProcessInfo,
    Record, RestartPolicy, RestartWhen, Runtime, RuntimeInfo, SpawnConfig, State, Stream,
    Subscription,
};

/// A result of this crate.
pub type Result<T> = std::result::Result<T, Error>;
