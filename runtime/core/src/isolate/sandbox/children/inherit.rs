//! Shares the script's standard streams with its children: `stdio: 'inherit'`, and the numbers 0 to 2.
//!
//! The streams are in-process objects without descriptors. So a child gets one end of a pipe, and a thread of the
//! isolate copies between the pipe and the stream. When a child has ended, its output is copied completely before
//! the script is notified, and input that the child left in the pipe returns to the script. If a script reads
//! its input itself, for example to answer calls from a page, it shares the input only with children of `spawnSync` and
//! the like, which it waits for. The `input` of `spawnSync` uses such a pipe too, while Deno reads the child's output.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::{Arc, mpsc};

use deno_runtime::deno_core::{OpState, ResourceId, op2};

use self::pipes::{PipePump, task};
use crate::io::stdin_queue::StdinQueue;
use crate::isolate::limits::control::Control;
use crate::isolate::stdio::OutputHandle;

#[cfg(unix)]
mod pipes;
#[cfg(not(unix))]
#[path = "inherit/unsupported.rs"]
mod pipes;

/// The direction and content of one pipe.
enum Transfer {
    /// From the child to an output stream of the script.
    Output(OutputHandle),
    /// From the script's input to the child.
    Input {
        input: StdinQueue,
        /// The script waits synchronously for the child to end.
        is_sync: bool,
    },
    /// Bytes for the child.
    Bytes(Vec<u8>),
}

/// Asks the task of one pipe to copy the pending bytes.
struct DrainRequest {
    /// The task ends afterwards.
    is_last: bool,
    /// Sent or dropped when all bytes that were written before are copied.
    done: mpsc::Sender<()>,
}

/// The other end of a child's stream.
pub(crate) enum StreamSource {
    Stdout,
    Stderr,
    /// The script's own input.
    Input {
        /// The script waits synchronously for the child to end.
        is_sync: bool,
    },
    /// Bytes for the child.
    Bytes(Vec<u8>),
}

type Requests = tokio::sync::mpsc::UnboundedSender<DrainRequest>;

/// A pipe between a child and a stream.
struct Pipe {
    requests: Requests,
    /// The child's end, until the child has inherited it.
    child: Option<pipes::End>,
    is_input: bool,
}

/// The pipes of one isolate.
#[derive(Clone)]
pub(crate) struct Inherited(Rc<RefCell<State>>);

struct State {
    input: StdinQueue,
    /// stdout and stderr.
    outputs: [Option<OutputHandle>; 2],
    /// The watchdog is paused while the script waits for a child's output.
    watchdog: Option<Arc<Control>>,
    pipes: HashMap<i32, Pipe>,
    next: i32,
    /// The pipes of started children, by the child's resource.
    children: HashMap<ResourceId, Vec<i32>>,
    /// Started with the first pipe.
    pump: Option<PipePump>,
}

impl Inherited {
    pub(crate) fn new(
        input: StdinQueue,
        outputs: [Option<OutputHandle>; 2],
        watchdog: Option<Arc<Control>>,
    ) -> Self {
        let (pipes, children) = (HashMap::new(), HashMap::new());
        let state = State { input, outputs, watchdog, pipes, next: 0, children, pump: None };
        Self(Rc::new(RefCell::new(state)))
    }

    /// Opens a pipe and returns its id. `None` on systems without support.
    pub(crate) fn open(&self, source: StreamSource) -> std::io::Result<Option<i32>> {
        let transfer = {
            let state = self.0.borrow();
            let input = |is_sync| Transfer::Input { input: state.input.clone(), is_sync };
            let output = |at: usize| state.outputs[at].clone();
            match source {
                StreamSource::Stdout => output(0).map_or_else(|| input(false), Transfer::Output),
                StreamSource::Stderr => output(1).map_or_else(|| input(false), Transfer::Output),
                StreamSource::Input { is_sync } => input(is_sync),
                StreamSource::Bytes(bytes) => Transfer::Bytes(bytes),
            }
        };
        self.open_pipe(transfer)
    }

    fn open_pipe(&self, transfer: Transfer) -> std::io::Result<Option<i32>> {
        let state = &mut *self.0.borrow_mut();
        // Pipes of children that the script did not wait for.
        state.pipes.retain(|_, pipe| !pipe.requests.is_closed() || pipe.child.is_some());
        let (requests, inbox) = tokio::sync::mpsc::unbounded_channel();
        let is_input = !matches!(transfer, Transfer::Output(_));
        let Some((task, child)) = task(transfer, inbox)? else {
            return Ok(None);
        };
        if state.pump.is_none() {
            state.pump = Some(PipePump::start()?);
        }
        if let Some(pump) = &state.pump {
            pump.spawn(task);
        }
        state.next += 1;
        state.pipes.insert(state.next, Pipe { requests, child: Some(child), is_input });
        Ok(Some(state.next))
    }

    /// The descriptor for the child.
    pub(crate) fn child_end(&self, id: i32) -> Option<i32> {
        let state = self.0.borrow();
        state.pipes.get(&id)?.child.as_ref().map(pipes::raw_fd)
    }

    /// Closes our copy of the child's end, after the child was started or failed to start.
    pub(crate) fn close_child_end(&self, id: i32) {
        if let Some(pipe) = self.0.borrow_mut().pipes.get_mut(&id) {
            pipe.child = None;
        }
    }

    /// Assigns pipes to a started child.
    pub(crate) fn assign_to_child(&self, child: ResourceId, pipes: Vec<i32>) {
        if !pipes.is_empty() {
            self.0.borrow_mut().children.insert(child, pipes);
        }
    }

    /// Waits until all output of the child is copied.
    pub(crate) fn drain(&self, id: i32) {
        let (waiting, watchdog) = {
            let mut state = self.0.borrow_mut();
            let Some(pipe) = state.pipes.get_mut(&id) else { return };
            pipe.child = None;
            let waiting = pipe.request_drain(pipe.is_input);
            if pipe.is_input {
                state.pipes.remove(&id);
            }
            (waiting, state.watchdog.clone())
        };
        let _paused = watchdog.as_ref().map(|control| control.watchdog.pause());
        // An error means that nothing is left to wait for.
        let _ = waiting.recv();
    }

    /// Copies pending bytes, closes all pipes and joins the thread.
    pub(crate) fn finish(&self) {
        let (pipes, pump) = {
            let mut state = self.0.borrow_mut();
            (std::mem::take(&mut state.pipes), state.pump.take())
        };
        let waiting: Vec<_> = pipes.into_values().map(|pipe| pipe.request_drain(true)).collect();
        for done in waiting {
            let _ = done.recv();
        }
        if let Some(pump) = pump {
            pump.join();
        }
    }
}

impl Pipe {
    fn request_drain(&self, is_last: bool) -> mpsc::Receiver<()> {
        let (done, waiting) = mpsc::channel();
        // Fails if the task has ended, after the pipe was closed and emptied.
        let _ = self.requests.send(DrainRequest { is_last, done });
        waiting
    }
}

/// Whether a child shares streams of the script. After the child has ended, waits until its output is copied. Replaces
/// `op_desktop_apply_patch`, which only desktop programs of Deno use.
#[op2(fast)]
pub(crate) fn op_host_drain_child(
    state: &mut OpState,
    #[smi] child: ResourceId,
    has_ended: bool,
) -> bool {
    let inherited = state.borrow::<Inherited>().clone();
    if !has_ended {
        return inherited.0.borrow().children.contains_key(&child);
    }
    let pipes = inherited.0.borrow_mut().children.remove(&child);
    for pipe in pipes.iter().flatten() {
        inherited.drain(*pipe);
    }
    pipes.is_some()
}
