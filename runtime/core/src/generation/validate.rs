//! Validation of a configuration, before any file is looked up or program is started.
//!
//! Each message names the field. Operating systems report most of these cases only as `Invalid argument`.

use std::path::Path;

use crate::error::{Error, shown};
use crate::wire::{Grant, Runtime, SpawnConfig};

/// V8 needs about 10 MiB to start, and aborts the application when it does not get them.
const SMALLEST_HEAP_MB: u32 = 16;

/// An idle process takes about half of it; Node's modules take more.
const SMALLEST_MEMORY_MB: u32 = 64;

/// Refuses configurations that no backend could run as written.
pub(crate) fn validate(config: &SpawnConfig) -> Result<(), Error> {
    texts(config)?;
    env(config)?;
    permissions(config)?;
    limits(config)?;
    // `sidecar` and `command` take precedence over `runtime`; the fields that they do not use are ignored.
    if config.sidecar.is_some() || config.command.is_some() {
        return Ok(());
    }
    let runtime = config.runtime.unwrap_or(Runtime::Auto);
    if config.script.is_none() {
        return Err(Error::invalid(format!("'script' is required for runtime {runtime}")));
    }
    if runtime == Runtime::Embedded && !config.runtime_args.is_empty() {
        return Err(Error::invalid(
            "'runtimeArgs' cannot be used with runtime embedded, which has no command line",
        ));
    }
    Ok(())
}

fn texts(config: &SpawnConfig) -> Result<(), Error> {
    let cwd = config.cwd.as_deref().map(Path::to_string_lossy);
    for (field, text) in [
        ("script", config.script.as_deref()),
        ("command", config.command.as_deref()),
        ("sidecar", config.sidecar.as_deref()),
        ("cwd", cwd.as_deref()),
    ] {
        match text {
            Some("") => return Err(Error::invalid(format!("'{field}' is empty"))),
            Some(text) => no_nul(|| format!("'{field}'"), text)?,
            None => {}
        }
    }
    for (field, list) in [("args", &config.args), ("runtimeArgs", &config.runtime_args)] {
        for (index, text) in list.iter().enumerate() {
            no_nul(|| format!("'{field}[{index}]'"), text)?;
        }
    }
    Ok(())
}

fn env(config: &SpawnConfig) -> Result<(), Error> {
    for (key, value) in &config.env {
        if key.is_empty() {
            return Err(Error::invalid("'env' has a variable without a name"));
        }
        if key.contains('=') {
            let key = shown(key);
            return Err(Error::invalid(format!(
                "'env' has a variable whose name contains '=': '{key}'"
            )));
        }
        no_nul(|| format!("a name in 'env' ('{}')", shown(key)), key)?;
        no_nul(|| format!("'env.{}'", shown(key)), value)?;
    }
    Ok(())
}

fn permissions(config: &SpawnConfig) -> Result<(), Error> {
    let Some(permissions) = &config.permissions else { return Ok(()) };
    for (kind, grant) in permissions.kinds() {
        let Grant::Some(list) = grant else { continue };
        for (index, entry) in list.iter().enumerate() {
            if entry.is_empty() {
                return Err(Error::invalid(format!("'permissions.{kind}[{index}]' is empty")));
            }
            no_nul(|| format!("'permissions.{kind}[{index}]'"), entry)?;
        }
    }
    Ok(())
}

fn limits(config: &SpawnConfig) -> Result<(), Error> {
    let Some(limits) = &config.limits else { return Ok(()) };
    // `killGraceMs` may be 0.
    for (field, limit) in [
        ("heapMb", limits.heap_mb),
        ("arrayBufferMb", limits.array_buffer_mb),
        ("memoryMb", limits.memory_mb),
        ("lineMb", limits.line_mb),
        ("stdinBufferMb", limits.stdin_buffer_mb),
        ("stdoutBufferMb", limits.stdout_buffer_mb),
        ("openFiles", limits.open_files),
        ("startTimeoutMs", limits.start_timeout_ms),
    ] {
        if limit == Some(0) {
            return Err(Error::invalid(format!(
                "'limits.{field}' is 0 (leave it out for the default)"
            )));
        }
    }
    for (field, limit, smallest) in [
        ("heapMb", limits.heap_mb, SMALLEST_HEAP_MB),
        ("memoryMb", limits.memory_mb, SMALLEST_MEMORY_MB),
    ] {
        if let Some(limit) = limit.filter(|limit| *limit < smallest) {
            return Err(Error::invalid(format!(
                "'limits.{field}' is {limit}; the engine itself needs {smallest}"
            )));
        }
    }
    Ok(())
}

fn no_nul(what: impl Fn() -> String, text: &str) -> Result<(), Error> {
    if text.contains('\0') {
        return Err(Error::invalid(format!("{} contains a NUL byte", what())));
    }
    Ok(())
}
