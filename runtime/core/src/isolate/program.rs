//! Everything that is known of a process when its script is to run.

use std::path::PathBuf;
use std::sync::Arc;

use deno_runtime::deno_core::{Extension, JsRuntime, OpState};

use super::commons::Commons;
use super::control::Control;
use super::env::Env;
use super::executable::Executable;
use super::folder::Folder;
use super::guards;
use super::inherit::Inherited;
use super::loader::Entry;
use super::partial_lines::PartialLines;
use super::permissions::{self, Writable};
use super::proxies::Proxies;
use super::stdio::{Stdio, Streams};
use crate::backend::plan::{EngineLimits, Plan};
use crate::child::detect::Detector;
use crate::child::guardian::Mark;
use crate::io::event::Stream;
use crate::io::line_writer::LineWriters;
use crate::io::stdin_queue::StdinQueue;
use crate::wire::SpawnConfig;

pub(super) struct Program {
    pub(super) commons: Arc<Commons>,
    pub(super) control: Arc<Control>,
    pub(super) entry: Entry,
    pub(super) config: SpawnConfig,
    pub(super) cwd: PathBuf,
    pub(super) input: StdinQueue,
    pub(super) sinks: LineWriters,
    pub(super) limits: EngineLimits,
    pub(super) env: Env,
    pub(super) executable: Executable,
    /// Where a link may be of the script's making.
    pub(super) writable: Writable,
    pub(super) partial_lines: Arc<PartialLines>,
    /// Of the programs that the script starts.
    pub(super) mark: Mark,
}

impl Program {
    /// The one that `commons` belong to from now on.
    pub(super) fn new(
        commons: Arc<Commons>,
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
        program.commons.open_files.bound(program.limits.open_files);
        let env = &program.env;
        program.commons.certificates.follow(&program.cwd, |name| env.value(name));
        program
    }

    /// What stands between a worker's isolate and the application from the first.
    pub(super) fn guards(&self, folder: Folder) -> Extension {
        let (env, control, input) = (self.env.clone(), self.control.clone(), self.input.clone());
        let proxies = self.proxies();
        let (executable, mark) = (self.executable.clone(), self.mark.clone());
        guards::extension(folder, move |state| {
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
        Proxies::of(&self.config.env, |name| self.env.value(name))
    }

    /// The same for the script's own isolate, which had its guards before there was a program.
    pub(super) fn install(&self, state: &mut OpState) {
        if let Some(proxies) = self.proxies() {
            state.put(proxies);
        }
        state.put(self.env.clone());
        state.put(self.mark.clone());
        state.put(self.input.clone());
        state.put(self.executable.clone());
    }

    /// The streams of one isolate, put in their place. Whoever waits in a call of them may be watched.
    pub(super) fn connect(
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
