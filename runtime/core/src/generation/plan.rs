//! A validated spawn configuration with its defaults. The engine adds those of its own limits (`EngineLimits`).

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::{paths, validate};
use crate::error::{Error, shown};
use crate::wire::{Limits, MAX_NAME_BYTES, RestartPolicy, SpawnConfig};

const MIB: usize = 1024 * 1024;

/// The request for a process: made once, before the name is reserved, and used by every generation.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) config: SpawnConfig,
    pub(crate) cwd: PathBuf,
    /// Longest line in bytes.
    pub(crate) line_limit: usize,
    /// Capacity of the stdin queue in bytes.
    pub(crate) stdin_buffer: usize,
    /// Capacity of the output history in bytes.
    pub(crate) stdout_buffer: usize,
    pub(crate) kill_grace: Duration,
    pub(crate) start_timeout: Duration,
    pub(crate) restart: Option<RestartPolicy>,
}

impl Plan {
    /// Validates `config` and fills in the defaults.
    pub(crate) fn new(config: SpawnConfig) -> Result<Arc<Self>, Error> {
        validate::validate(&config)?;
        let cwd = paths::resolve_cwd(config.cwd.as_deref())?;
        let limits = config.limits.unwrap_or_default().or(Limits::standard());
        Ok(Arc::new(Self {
            cwd,
            line_limit: bytes(limits.line_mb),
            stdin_buffer: bytes(limits.stdin_buffer_mb),
            stdout_buffer: bytes(limits.stdout_buffer_mb),
            kill_grace: millis(limits.kill_grace_ms),
            start_timeout: millis(limits.start_timeout_ms),
            restart: config.restart,
            config,
        }))
    }
}

/// The limits that an isolate is created with, in bytes.
#[cfg(feature = "embedded")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MemoryLimits {
    pub(crate) heap: usize,
    pub(crate) array_buffers: usize,
}

/// The limits of an embedded process.
#[cfg(feature = "embedded")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EngineLimits {
    pub(crate) memory: MemoryLimits,
    /// Total memory of the process, in bytes.
    pub(crate) all_memory: usize,
    pub(crate) open_files: usize,
    /// `None` disables the watchdog.
    pub(crate) unresponsive: Option<Duration>,
    pub(crate) kill_unresponsive: bool,
}

#[cfg(feature = "embedded")]
impl EngineLimits {
    /// The configured limits, with the defaults filled in.
    pub(crate) fn new(limits: Option<Limits>) -> Self {
        let limits = limits.unwrap_or_default().or(Limits::standard());
        let unresponsive = millis(limits.unresponsive_ms);
        Self {
            memory: MemoryLimits {
                heap: bytes(limits.heap_mb),
                array_buffers: bytes(limits.array_buffer_mb),
            },
            all_memory: bytes(Some(limits.memory_mb_or_default())),
            open_files: limits.open_files.unwrap_or_default() as usize,
            unresponsive: (!unresponsive.is_zero()).then_some(unresponsive),
            kill_unresponsive: limits.kill_unresponsive.unwrap_or_default(),
        }
    }
}

/// `None` cannot occur: the standard limits set every field.
fn bytes(mib: Option<u32>) -> usize {
    (mib.unwrap_or_default() as usize).saturating_mul(MIB)
}

fn millis(millis: Option<u32>) -> Duration {
    Duration::from_millis(millis.unwrap_or_default().into())
}

/// Refuses names that are empty, too long or contain control characters.
pub(crate) fn check_name(name: &str) -> Result<(), Error> {
    let refuse = |message: String| Err(Error::InvalidConfig(message));
    if name.is_empty() {
        return refuse("the name of a process must not be empty".to_owned());
    }
    if name.len() > MAX_NAME_BYTES {
        let start: String = name.chars().take(32).collect();
        return refuse(format!(
            "the name '{}…' has {} bytes; at most {MAX_NAME_BYTES} are allowed",
            shown(start),
            name.len()
        ));
    }
    if let Some(bad) = name.chars().find(|c| c.is_control()) {
        let name = shown(name);
        return refuse(format!("the name '{name}' contains the control character {bad:?}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_has_the_documented_defaults() {
        let plan = Plan::new(SpawnConfig { script: Some("x.ts".to_owned()), ..Default::default() });
        let plan = plan.expect("a valid plan");
        assert_eq!(plan.line_limit, 64 * MIB);
        assert_eq!(plan.stdin_buffer, 16 * MIB);
        assert_eq!(plan.stdout_buffer, 4 * MIB);
        assert_eq!(plan.kill_grace, Duration::from_millis(500));
        assert_eq!(plan.start_timeout, Duration::from_secs(30));
        assert!(plan.restart.is_none());
    }

    #[test]
    fn bad_names_are_refused_with_a_short_message() {
        let long = "x".repeat(1024 * 1024);
        let noise = "\u{1b}[2J".repeat(100);
        let cases = [
            ("", "empty"),
            (&long, "1048576 bytes"),
            (&noise, "400 bytes"),
            ("a\0b", "control"),
            ("a\nb", r"'a\nb'"),
        ];
        for (name, expected) in cases {
            let message = check_name(name).expect_err("refused").to_string();
            assert!(message.contains(expected) && message.len() < 200, "{message}");
            assert!(!message.contains(char::is_control), "{message:?}");
        }
        assert!(check_name("größe 😀").is_ok());
    }
}
