//! JavaScript and TypeScript backends for Tauri apps: inside the app's process, or as children.
//!
//! ```text
//! page ── commands ──> scope (may this window?) ──> Js ──> js_runtime::Supervisor
//! page <── Channel ─── bridge (one per page and process) <── Subscription (held until acknowledged)
//! page <── events ──── events (js-process-*)
//! ```
//!
//! ```no_run
//! # fn add<R: tauri::Runtime>(builder: tauri::Builder<R>) -> tauri::Builder<R> {
//! builder.plugin(tauri_plugin_js::init())
//! # }
//! ```
//!
//! [`JsExt`] gives Rust code access to the same processes:
//!
//! ```no_run
//! use tauri_plugin_js::{JsExt, Runtime, SpawnConfig};
//! # async fn start<R: tauri::Runtime>(app: tauri::AppHandle<R>) -> Result<(), tauri_plugin_js::Error> {
//! app.js().spawn("math", SpawnConfig::script(Runtime::Embedded, "backends/math.ts")).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Modules
//!
//! In reading order:
//!
//! | module | purpose |
//! | --- | --- |
//! | `config` | `plugins > js` of `tauri.conf.json`, and its paths |
//! | `scope` | the processes and configurations that the capability of a window allows |
//! | `commands` | the commands that pages call |
//! | `js` | the plugin's state, and the API for Rust |
//! | `bridge` | output and process lists for pages |
//! | `input` | stdin from pages |
//! | `connections` | which window answers a request, and the end of a page's connections |
//! | `events` | the `js-process-*` events |
//! | `wire` | the types that only this crate sends to pages |
//! | `builder` | set-up, and the reactions to windows, pages and the exit of the app |
//!
//! # Invariants
//!
//! In addition to those of [`js_runtime`]:
//!
//! 1. A page never chooses a script, folder, environment or permission that Rust or its
//!    capability did not allow.
//! 2. A reload of a page neither loses nor repeats RPC frames. Listeners for output get the history again.
//! 3. Nothing a page sends blocks the main thread or makes Rust panic.
//! 4. What waits for a page is bounded. A page that does not keep up slows its process down.

mod bridge;
mod builder;
mod commands;
mod config;
mod connections;
mod error;
mod events;
mod input;
mod js;
mod scope;
mod wire;

pub use builder::{Builder, init};
pub use config::{Backend, Config, Defaults};
pub use error::Error;
pub use js::{Js, JsExt};
pub use js_runtime::rpc;
pub use js_runtime::{
    self, Backpressure, Event, ExitReason, Framing, Grant, Limits, Permissions, ProcessInfo,
    Record, RestartPolicy, RestartWhen, Runtime, RuntimeInfo, SpawnConfig, State, Stream,
    Subscription,
};

/// The result type of this crate.
pub type Result<T> = std::result::Result<T, Error>;
