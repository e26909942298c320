//! `jsproc`: runs one JavaScript process on the stdin, stdout and stderr of the command line.
//!
//! Streams pass byte for byte, so that any stdio tool can use an in-process backend.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line program prints")]

mod args;
mod run;
mod signals;

use std::process::ExitCode;

use clap::Parser;
use js_runtime::{Error, Runtime, RuntimeInfo, Supervisor};

use self::args::{Cli, Command};

/// The exit code if the start fails, as in a shell for a command that cannot be executed.
const CANNOT_START: u8 = 126;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("jsproc: could not start: {error}");
            return ExitCode::from(CANNOT_START);
        }
    };
    let code = runtime.block_on(async {
        match cli.command {
            Command::Run(args) => run::run(args).await,
            Command::Detect { json } => detect(json).await.map(|()| 0),
        }
    });
    // A pending read of the terminal must not delay the exit.
    runtime.shutdown_background();
    match code {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("jsproc: {error}");
            ExitCode::from(CANNOT_START)
        }
    }
}

async fn detect(json: bool) -> Result<(), Error> {
    let found = Supervisor::new()?.detect_runtimes().await?;
    if json {
        // Cannot fail: plain data with string keys.
        println!("{}", serde_json::to_string_pretty(&found).unwrap_or_default());
    } else {
        println!("{:<10} {:<10} path", "runtime", "version");
        found.iter().for_each(print_runtime);
    }
    Ok(())
}

fn print_runtime(info: &RuntimeInfo) {
    let version = info.version.as_deref().unwrap_or("-");
    let place = match (&info.path, info.available) {
        (Some(path), true) => path.display().to_string(),
        (Some(path), false) => format!("{} (does not answer)", path.display()),
        (None, true) => "in this program".to_owned(),
        (None, false) if info.name == Runtime::Embedded.as_str() => {
            "not in this build (cargo feature \"embedded\")".to_owned()
        }
        (None, false) => "not found".to_owned(),
    };
    println!("{:<10} {version:<10} {place}", info.name);
}
