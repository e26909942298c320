//! Everything that is known of a process when its script is to run.

use std::path::PathBuf;
use std::sync::Arc;

use deno_runtime::deno_core::{Extension, JsRuntime, OpState};

use crate::backend::plan::{EngineLimits, Plan};
use crate::child::detect::Detector;
use crate::child::guardian::Mark;
use crate::io::event::Stream;
use crate::io::line_writer::LineWriters;
use crate::io::stdin_queue::StdinQueue;
use crate::isolate::lifecycle::shared_state::SharedState;
use crate::isolate::limits::control::Control;
use crate::isolate::modules::Entry;
use crate::isolate::sandbox::children::executable::Executable;
use crate::isolate::sandbox::children::inherit::Inherited;
use crate::isolate::sandbox::env::Env;
use crate::isolate::sandbox::files::cwd::WorkingDirectory;
use crate::isolate::sandbox::network::proxies::Proxies;
use crate::isolate::sandbox::ops::overrides;
use crate::isolate::sandbox::permissions::{self, Writable};
use crate::isolate::stdio::partial_lines::PartialLines;
use crate::isolate::stdio::{Stdio, Streams};
use crate::wire::SpawnConfig;

pub(crate) struct ProcessContext {
    pub(crate) commons: Arc<SharedState>,
    pub(crate) control: Arc<Control>,
    pub(crate) entry: Entry,
    pub(crate) config: SpawnConfig,
    pub(crate) cwd: PathBuf,
    pub(crate) input: StdinQueue,
    pub(crate) sinks: LineWriters,
    pub(crate) limits: EngineLimits,
    pub(crate) env: Env,
    pub(crate) executable: Executable,
    /// Where a link may be of the script's making.
    pub(crate) writable: Writable,
    pub(crate) partial_lines: Arc<PartialLines>,
    /// Of the programs that the script starts.
    pub(crate) mark: Mark,
}

impl ProcessContext {
    /// The one that `commons` belong to from now on.
    pub(crate) fn new(
        commons: Arc<SharedState>,
        entry: Entry,
        config: SpawnConfig,
        cwd: PathBuf,
        input: StdinQueue,
        sinks: LineWriters,
        detector: Detector,
    ) -> Arc<Self> {
        let program = Arc::new(Self {
            control: commons.control.clone(),
            env: Env::new(&config.env),
            executable: Executable::new(detector, config.permissions.as_ref()),
            writable: permissions::writable(&config.permissions.clone().unwrap_or_default(), &cwd),
            limits: Plan::engine(&config),
            partial_lines: Arc::default(),
            mark: Mark::new(true),
            commons,
            entry,
            config,
            cwd,
            input,
            sinks,
        });
        program.commons.belong_to(&program);
        program.commons.open_files.set_limit(program.limits.open_files);
        let env = &program.env;
        program.commons.certificates.configure(&program.cwd, |name| env.value(name));
        program
    }

    /// What stands between a worker's isolate and the application from the first.
    pub(crate) fn guards(&self, folder: WorkingDirectory) -> Extension {
        let (env, control, input) = (self.env.clone(), self.control.clone(), self.input.clone());
        let proxies = self.proxies();
        let (executable, mark) = (self.executable.clone(), self.mark.clone());
        overrides::extension(folder, move |state| {
            if let Some(proxies) = proxies {
                state.put(proxies);
            }
            state.put(mark);
            state.put(control);
            state.put(env);
            state.put(input);
            state.put(executable);
        })
    }

    /// Each isolate has clients of its own.
    fn proxies(&self) -> Option<Proxies> {
        Proxies::from_config(&self.config.env, |name| self.env.value(name))
    }

    /// The same for the script's own isolate, which had its guards before there was a program.
    pub(crate) fn install(&self, state: &mut OpState) {
        if let Some(proxies) = self.proxies() {
            state.put(proxies);
        }
        state.put(self.env.clone());
        state.put(self.mark.clone());
        state.put(self.input.clone());
        state.put(self.executable.clone());
    }

    /// The streams of one isolate, put in their place. Whoever waits in a call of them may be watched.
    pub(crate) fn connect(
        &self,
        runtime: &mut JsRuntime,
        watched: Option<&Arc<Control>>,
    ) -> Streams {
        let output = |stream| {
            Stdio::output(self.sinks.stream(stream), &self.partial_lines, watched.cloned())
        };
        let (stdout, stderr) = (output(Stream::Stdout), output(Stream::Stderr));
        let outputs = [stdout.shared(), stderr.shared()];
        let streams = Streams {
            inherited: Inherited::new(self.input.clone(), outputs, watched.cloned()),
            stdin: Stdio::input(self.input.clone(), watched.cloned()).into(),
            stdout: stdout.into(),
            stderr: stderr.into(),
        };
        streams.install(&mut runtime.op_state().borrow_mut());
        streams
    }
}
