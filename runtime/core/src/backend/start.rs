//! Chooses the backend of a process and starts it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempPath;

use super::candidates::{candidates, failure};
use crate::backend::running::Running;
use crate::backend::usage::UsageSource;
use crate::child;
use crate::child::command_line;
use crate::child::command_line::{CommandLine, Script};
use crate::child::detect::Detector;
use crate::child::spawner::Spawner;
use crate::error::{Error, shown};
#[cfg(feature = "embedded")]
use crate::generation::plan::{EngineLimits, Plan};
use crate::generation::stop::stop_channel;
use crate::generation::{Launch, paths};
use crate::wire::{Limits, Links, Runtime, SpawnConfig};

/// State that all processes of a supervisor share.
pub(crate) struct Host {
    pub(crate) detector: Detector,
    pub(crate) bundled: crate::backend::bundled::Bundled,
    pub(crate) spawner: Arc<Spawner>,
    pub(crate) _guardian: crate::child::guardian::GuardianHandle,
    #[cfg(feature = "embedded")]
    pub(crate) pool: crate::isolate::Pool,
}

impl Host {
    /// Fills the pool with isolates that have these limits.
    #[cfg(feature = "embedded")]
    pub(crate) fn warm_up(&self, limits: Option<Limits>) -> Result<(), Error> {
        let script = SpawnConfig::script(Runtime::Embedded, "any");
        Plan::new(SpawnConfig { limits, ..script })?;
        self.pool.fill_for(EngineLimits::new(limits).memory);
        Ok(())
    }

    #[cfg(not(feature = "embedded"))]
    #[expect(clippy::unused_self, reason = "the same shape as with the engine")]
    pub(crate) fn warm_up(&self, _: Option<Limits>) -> Result<(), Error> {
        Err(Error::no_engine())
    }

    /// Ends the warm isolates.
    #[cfg_attr(
        not(feature = "embedded"),
        expect(clippy::unused_async, reason = "the same shape as with the engine")
    )]
    pub(crate) async fn close(&self) {
        #[cfg(feature = "embedded")]
        self.pool.close().await;
    }
}

/// Starts the configured program, or the first candidate runtime that can start.
pub(crate) async fn start(host: &Arc<Host>, launch: &Launch) -> Result<Running, Error> {
    let config = &launch.plan.config;
    if config.links == Links::Refuse && config.cwd.is_some() {
        let cwd = launch.plan.cwd.clone();
        blocking(move || paths::without_links("cwd", &cwd)).await??;
    }
    if let Some(name) = &config.sidecar {
        let name = name.clone();
        let program = blocking(move || find_sidecar(&name)).await??;
        return start_child(host, launch, program_line(program, config), None, None).await;
    }
    if let Some(command) = &config.command {
        let program = host.detector.program(command, &launch.plan.cwd).await?;
        return start_child(host, launch, program_line(program, config), None, None).await;
    }
    let mut errors = Vec::new();
    for runtime in candidates(config) {
        match start_runtime(host, launch, runtime).await {
            Ok(running) => return Ok(running),
            Err(error) => errors.push(error),
        }
        if launch.is_cancelled() {
            break;
        }
    }
    Err(failure(config.runtime.unwrap_or(Runtime::Auto), errors))
}

async fn start_runtime(
    host: &Arc<Host>,
    launch: &Launch,
    runtime: Runtime,
) -> Result<Running, Error> {
    let script = launch.plan.config.script.as_deref().unwrap_or_default();
    if runtime == Runtime::Embedded {
        return start_embedded(host, launch, script).await;
    }
    let script = script_file(host, launch, script).await?;
    let found = host.detector.find(runtime).await?;
    let plan = &launch.plan;
    let mut line =
        command_line::for_runtime(runtime, &found.path, &plan.config, &script, &plan.cwd)?;
    let sources = match runtime {
        Runtime::Node => compile_types(host, launch, &script.path, &mut line).await?,
        _ => None,
    };
    start_child(host, launch, line, Some(runtime), sources).await
}

/// The script file for a child; a bundled module is written to a file.
async fn script_file(host: &Arc<Host>, launch: &Launch, name: &str) -> Result<Script, Error> {
    let Some(source) = host.bundled.get(name) else {
        let path = resolve_script(name, launch).await?;
        return Ok(Script { path, is_self_contained: false });
    };
    let (host, name) = (host.clone(), name.to_owned());
    let written = tokio::task::spawn_blocking(move || host.bundled.file(&name, &source)).await;
    let path = written.map_err(|error| Error::StartFailed {
        name: launch.name.clone(),
        message: format!("could not write the bundled module: {error}"),
    })??;
    Ok(Script { path, is_self_contained: true })
}

#[cfg(feature = "embedded")]
async fn start_embedded(host: &Arc<Host>, launch: &Launch, script: &str) -> Result<Running, Error> {
    use crate::isolate::{self, Entry};

    if !launch.plan.config.runtime_args.is_empty() {
        return Err(Error::InvalidConfig(
            "'runtimeArgs' needs a child runtime, and the embedded engine was chosen; name one in \
             'runtime'"
                .to_owned(),
        ));
    }
    let entry = match host.bundled.get(script) {
        Some(source) => Entry::Bundled { name: script.to_owned(), source },
        None => Entry::File(resolve_script(script, launch).await?),
    };
    let (stopper, meter, monitor) =
        isolate::start(&host.pool, &host.detector, entry, launch).await?;
    Ok(Running {
        pid: None,
        runtime: Some(Runtime::Embedded),
        usage_source: Some(UsageSource::Isolate(meter)),
        stopper,
        exit: monitor.exit,
        responds: Some(monitor.responds),
    })
}

#[cfg(not(feature = "embedded"))]
#[expect(clippy::unused_async, reason = "the same shape as with the engine")]
async fn start_embedded(_: &Arc<Host>, _: &Launch, _: &str) -> Result<Running, Error> {
    Err(Error::no_engine())
}

/// Compiles TypeScript for Node, into a file that is removed with the process.
#[cfg(feature = "embedded")]
async fn compile_types(
    _: &Host,
    _: &Launch,
    script: &Path,
    line: &mut CommandLine,
) -> Result<Option<TempPath>, Error> {
    let compiled = crate::child::node_typescript::compile(script).await;
    let failed = |source| Error::Path {
        what: "folder for temporary files",
        path: std::env::temp_dir(),
        source,
    };
    let Some(compiled) = compiled.map_err(failed)? else { return Ok(None) };
    line.args.splice(..0, compiled.flags);
    Ok(Some(compiled.file))
}

/// Without the engine there is no compiler. A script that this version of Node cannot load is refused: Node's own
/// message would name neither the cause nor the remedy.
#[cfg(not(feature = "embedded"))]
async fn compile_types(
    host: &Host,
    launch: &Launch,
    script: &Path,
    line: &mut CommandLine,
) -> Result<Option<TempPath>, Error> {
    let ending = script.extension().and_then(std::ffi::OsStr::to_str).unwrap_or_default();
    let is_typed = matches!(ending, "ts" | "mts" | "cts");
    if !is_typed && !matches!(ending, "tsx" | "jsx") {
        return Ok(None);
    }
    let version = host.detector.version(&line.program).await;
    // A Node without a known version starts; if it cannot load TypeScript, its own error says so.
    if is_typed && version.as_deref().is_none_or(loads_types) {
        return Ok(None);
    }
    let (language, alternatives) = if is_typed {
        ("TypeScript", "deno, bun, Node 22.18 or later")
    } else {
        ("JSX", "deno, bun")
    };
    Err(Error::StartFailed {
        name: launch.name.clone(),
        message: format!(
            "node {} does not load {language} ('{}'); use {alternatives} or a bundled script. It would be compiled for \
             Node, but {}",
            version.unwrap_or_default(),
            shown(script),
            crate::error::NO_ENGINE
        ),
    })
}

/// Whether this version of Node strips types without a flag: 22.18, 23.6 and later.
#[cfg(not(feature = "embedded"))]
fn loads_types(version: &str) -> bool {
    let mut numbers = version.split('.').map_while(|part| part.parse::<u32>().ok());
    match (numbers.next(), numbers.next()) {
        (Some(22), Some(minor)) => minor >= 18,
        (Some(23), Some(minor)) => minor >= 6,
        (Some(major), _) => major > 23,
        (None, _) => true,
    }
}

async fn start_child(
    host: &Arc<Host>,
    launch: &Launch,
    line: CommandLine,
    runtime: Option<Runtime>,
    sources: Option<TempPath>,
) -> Result<Running, Error> {
    let (stopper, stop) = stop_channel();
    let program = line.program.clone();
    let spec = child::ChildSpec {
        line,
        runtime,
        plan: launch.plan.clone(),
        input: launch.input.clone(),
        writers: launch.writers.clone(),
        sources,
    };
    launch.backend_starts(stopper.clone(), true);
    // If this future is dropped meanwhile, the stopper is too, and the child is stopped as soon as it has started.
    let started = host.spawner.run(move || child::start(spec, stop)).await;
    launch.backend_started();
    let (pid, exit) = started.flatten().map_err(|source| Error::StartFailed {
        name: launch.name.clone(),
        message: format!("{}: {source}", shown(&program)),
    })?;
    let usage_source = pid.map(UsageSource::Child);
    Ok(Running { pid, runtime, usage_source, stopper, exit, responds: None })
}

/// Runs off the supervisor's thread: a network folder may not answer.
async fn resolve_script(script: &str, launch: &Launch) -> Result<PathBuf, Error> {
    let (script, cwd, links) =
        (script.to_owned(), launch.plan.cwd.clone(), launch.plan.config.links);
    let resolve = move || {
        let path = paths::resolve_script(&script, &cwd)?;
        if links == Links::Refuse {
            paths::without_links("script", &path)?;
        }
        Ok(path)
    };
    blocking(resolve).await?
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.map_err(|_| Error::ShutDown)
}

fn program_line(program: PathBuf, config: &SpawnConfig) -> CommandLine {
    CommandLine { program, args: config.args.iter().map(Into::into).collect() }
}

/// The path of the sidecar `name`: a program beside the application's executable, under one of the names that
/// bundlers use.
///
/// # Errors
/// [`Error::InvalidConfig`] when there is no such program, or `name` is not a plain file name.
pub fn find_sidecar(name: &str) -> Result<PathBuf, Error> {
    let exe = std::env::current_exe().map_err(|source| Error::Path {
        what: "executable",
        path: PathBuf::from(name),
        source,
    })?;
    paths::sidecar(name, exe.parent().unwrap_or(&exe))
}

#[cfg(all(test, not(feature = "embedded")))]
mod tests {
    use super::*;

    #[test]
    fn node_loads_typescript_from_22_18_and_23_6_on() {
        for version in ["22.18.0", "23.6.1", "24.0.0", "30.1.0-nightly", "unknown"] {
            assert!(loads_types(version), "{version}");
        }
        for version in ["18.20.8", "20.20.2", "22.17.9", "23.5.0"] {
            assert!(!loads_types(version), "{version}");
        }
    }
}
