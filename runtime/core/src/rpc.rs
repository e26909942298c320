//! Calls between Rust and a backend, on the wire of `serve` from `tauri-plugin-js-api/backend` and of kkrpc.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use js_runtime::rpc::{Callback, Error};
//! use js_runtime::{Runtime, SpawnConfig, Supervisor};
//!
//! # async fn calls() -> Result<(), Box<dyn std::error::Error>> {
//! let supervisor = Supervisor::new()?;
//! supervisor.spawn("math", SpawnConfig::script(Runtime::Embedded, "backends/math.ts")).await?;
//! let math = supervisor.connect("math")?;
//! let sum: f64 = math.call("add", (2, 3)).await?;
//! let report = Callback::new(|percent: f64| println!("{percent} %"));
//! math.call::<()>("train", ("model.bin", report)).timeout(Duration::from_secs(60)).await?;
//! let mut rows = math.stream::<String>("rows", ()).await?;
//! while let Some(row) = rows.next().await {
//!     println!("{sum} {}", row?);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Frames pass in three ways:
//!
//! - The answer to a call completes the call on the thread that cuts the backend's output into lines, so that a call
//!   costs one change of threads.
//! - Other frames for Rust wait in a queue for the thread of [`Callback`]s and exposed functions. A full queue slows
//!   the backend down.
//! - Frames for windows are not parsed.

mod args;
mod callback;
mod connection;
mod decode;
mod endpoint;
mod error;
mod expose;
mod frames;
mod hub;
mod inbox;
mod incoming;
mod outgoing;
mod remote;
mod request;
mod stream;

pub use self::args::Bytes;
pub use self::callback::{AbortSignal, Callback, Function};
pub(crate) use self::endpoint::Endpoint;
pub use self::error::{Error, Thrown};
pub(crate) use self::expose::{Exposed, exposed};
pub use self::expose::{Failure, Handler};
pub(crate) use self::hub::{Claim, Hub, Spawner};
pub use self::remote::{Call, Remote};
pub use self::stream::RemoteStream;
