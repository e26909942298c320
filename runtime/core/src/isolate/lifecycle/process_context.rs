//! The state of one embedded process, from its start on.

use std::sync::{Arc, OnceLock, Weak};

use deno_runtime::deno_core::{Extension, JsRuntime, OpState};

use crate::child::detect::Detector;
use crate::child::guardian::Mark;
use crate::generation::Launch;
use crate::generation::plan::{EngineLimits, Plan};
use crate::io::event::Stream;
use crate::io::line_writer::LineWriters;
use crate::io::stdin_queue::StdinQueue;
use crate::isolate::lifecycle::shared_state::SharedState;
use crate::isolate::limits::control::Control;
use crate::isolate::modules::{self, Entry};
use crate::isolate::sandbox::children::executable::Executable;
use crate::isolate::sandbox::children::inherit::Inherited;
use crate::isolate::sandbox::env::Env;
use crate::isolate::sandbox::files::cwd::WorkingDirectory;
use crate::isolate::sandbox::network::proxies::Proxies;
use crate::isolate::sandbox::ops::overrides;
use crate::isolate::sandbox::permissions::{self, Writable};
use crate::isolate::stdio::partial_lines::PartialLines;
use crate::isolate::stdio::{Stdio, Streams};

pub(crate) struct ProcessContext {
    pub(crate) name: String,
    pub(crate) plan: Arc<Plan>,
    pub(crate) entry: Entry,
    pub(crate) shared: Arc<SharedState>,
    pub(crate) control: Arc<Control>,
    pub(crate) input: StdinQueue,
    pub(crate) writers: LineWriters,
    pub(crate) limits: EngineLimits,
    pub(crate) env: Env,
    pub(crate) executable: Executable,
    /// The paths where the script may have created links.
    pub(crate) writable: Writable,
    pub(crate) partial_lines: Arc<PartialLines>,
    /// The mark of programs that the script starts.
    pub(crate) mark: Mark,
}

/// The process of an isolate; empty until its start. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct ProcessSlot(Arc<OnceLock<Weak<ProcessContext>>>);

/// The streams of one isolate.
pub(crate) struct IsolateStreams {
    pub(crate) stdio: Streams,
    /// The streams for children that inherit them.
    inherited: Inherited,
}

impl ProcessContext {
    pub(crate) fn new(
        shared: Arc<SharedState>,
        entry: Entry,
        launch: &Launch,
        detector: Detector,
    ) -> Arc<Self> {
        let Plan { config, cwd, .. } = &*launch.plan;
        let env = Env::new(&config.env);
        let limits = EngineLimits::new(config.limits);
        let granted = config.permissions.clone().unwrap_or_default();
        shared.open_files.set_limit(limits.open_files);
        shared.certificates.configure(cwd, |name| env.value(name));
        Arc::new(Self {
            name: launch.name.clone(),
            plan: launch.plan.clone(),
            entry,
            control: shared.control.clone(),
            shared,
            input: launch.input.clone(),
            writers: launch.writers.clone(),
            limits,
            env,
            executable: Executable::new(detector, config.permissions.as_ref()),
            writable: permissions::writable(&granted, cwd),
            partial_lines: Arc::default(),
            mark: Mark::new(true),
        })
    }

    /// The op overrides of a worker's isolate, with the state of this process.
    pub(crate) fn overrides(&self, cwd: WorkingDirectory) -> Extension {
        let (env, control, input) = (self.env.clone(), self.control.clone(), self.input.clone());
        let proxies = self.proxies();
        let (executable, mark) = (self.executable.clone(), self.mark.clone());
        overrides::extension(cwd, modules::replaced_op, move |state| {
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

    /// New for each isolate, because its HTTP clients are.
    fn proxies(&self) -> Option<Proxies> {
        Proxies::from_config(&self.plan.config.env, |name| self.env.value(name))
    }

    /// Installs the state in the script's own isolate, whose op overrides were installed by the bootstrap.
    pub(crate) fn install(&self, state: &mut OpState) {
        if let Some(proxies) = self.proxies() {
            state.put(proxies);
        }
        state.put(self.env.clone());
        state.put(self.mark.clone());
        state.put(self.input.clone());
        state.put(self.executable.clone());
    }

    /// Creates and installs the streams of one isolate. The watchdog of `watched` is paused while a call waits.
    pub(crate) fn connect(
        &self,
        runtime: &mut JsRuntime,
        watched: Option<&Arc<Control>>,
    ) -> IsolateStreams {
        let output = |stream| {
            Stdio::output(self.writers.stream(stream), &self.partial_lines, watched.cloned())
        };
        let (stdout, stderr) = (output(Stream::Stdout), output(Stream::Stderr));
        let outputs = [stdout.output_handle(), stderr.output_handle()];
        let inherited = Inherited::new(self.input.clone(), outputs, watched.cloned());
        let stdio = Streams {
            stdin: Stdio::input(self.input.clone(), watched.cloned()).into(),
            stdout: stdout.into(),
            stderr: stderr.into(),
        };
        let state = runtime.op_state();
        let mut state = state.borrow_mut();
        stdio.install(&mut state);
        state.put(inherited.clone());
        IsolateStreams { stdio, inherited }
    }
}

impl ProcessSlot {
    /// Sets the process, once.
    pub(crate) fn set(&self, process: &Arc<ProcessContext>) {
        // An isolate is started only once.
        let _ = self.0.set(Arc::downgrade(process));
    }

    /// The process; `None` before its start and after its end.
    pub(crate) fn get(&self) -> Option<Arc<ProcessContext>> {
        self.0.get()?.upgrade()
    }
}

impl IsolateStreams {
    /// Flushes the output of the script and its children, including a last line without a terminator.
    pub(crate) fn finish(&self) {
        self.inherited.finish();
        self.stdio.finish();
    }
}
