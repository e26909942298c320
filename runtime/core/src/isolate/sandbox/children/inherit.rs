//! Shares the script's standard streams with its children: `stdio: 'inherit'`, and the numbers 0 to 2.
//!
//! The streams are in-process objects without descriptors. So a child gets one end of a pipe, and a thread of the
//! isolate copies between the pipe and the stream. When a child has ended, its output is copied completely before
//! the script is notified, and input that the child left in the pipe returns to the script. A script that reads its
//! input itself, such as one that answers calls from a page, shares it only with a child that it waits for
//! synchronously. The `input` of `spawnSync` uses such a pipe too, while Deno reads the child's output.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::{Arc, mpsc};

use deno_runtime::deno_core::{OpState, ResourceId, op2};
use parking_lot::Mutex;

use self::pipes::{Mover, task};
use crate::io::line_writer::LineWriter;
use crate::io::stdin_queue::StdinQueue;
use crate::isolate::limits::control::Control;
use crate::isolate::stdio::partial_lines::PartialLines;

#[cfg(unix)]
mod pipes;
#[cfg(not(unix))]
#[path = "inherit/nowhere.rs"]
mod pipes;

/// An output stream of the script. Children append to it.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) sink: Arc<Mutex<LineWriter>>,
    pub(crate) partial: Arc<PartialLines>,
}

/// The direction and content of one pipe.
enum Moved {
    /// From the child to an output stream of the script.
    Output(Shared),
    /// From the script's input to the child.
    Input {
        input: StdinQueue,
        /// The script waits synchronously for the child to end.
        is_waited_for: bool,
    },
    /// Bytes for the child.
    Given(Vec<u8>),
}

/// Asks the task of one pipe to copy the pending bytes.
struct Request {
    /// The task ends afterwards.
    is_last: bool,
    /// Sent or dropped when all bytes that were written before are copied.
    done: mpsc::Sender<()>,
}

/// The other end of a child's stream.
pub(crate) enum Source {
    Stdout,
    Stderr,
    /// The script's own input.
    Input {
        /// The script waits synchronously for the child to end.
        is_waited_for: bool,
    },
    /// Bytes for the child.
    Given(Vec<u8>),
}

type Requests = tokio::sync::mpsc::UnboundedSender<Request>;

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
    outputs: [Option<Shared>; 2],
    /// The watchdog is paused while the script waits for a child's output.
    watched: Option<Arc<Control>>,
    pipes: HashMap<i32, Pipe>,
    next: i32,
    /// The pipes of started children, by the child's resource.
    children: HashMap<ResourceId, Vec<i32>>,
    /// Started with the first pipe.
    mover: Option<Mover>,
}

impl Inherited {
    pub(crate) fn new(
        input: StdinQueue,
        outputs: [Option<Shared>; 2],
        watched: Option<Arc<Control>>,
    ) -> Self {
        let (pipes, children) = (HashMap::new(), HashMap::new());
        let state = State { input, outputs, watched, pipes, next: 0, children, mover: None };
        Self(Rc::new(RefCell::new(state)))
    }

    /// Opens a pipe and returns its id. `None` on systems without support.
    pub(crate) fn open(&self, source: Source) -> std::io::Result<Option<i32>> {
        let moved = {
            let state = self.0.borrow();
            let input = |is_waited_for| Moved::Input { input: state.input.clone(), is_waited_for };
            let output = |at: usize| state.outputs[at].clone();
            match source {
                Source::Stdout => output(0).map_or_else(|| input(false), Moved::Output),
                Source::Stderr => output(1).map_or_else(|| input(false), Moved::Output),
                Source::Input { is_waited_for } => input(is_waited_for),
                Source::Given(bytes) => Moved::Given(bytes),
            }
        };
        self.open_for(moved)
    }

    fn open_for(&self, moved: Moved) -> std::io::Result<Option<i32>> {
        let state = &mut *self.0.borrow_mut();
        // Pipes of children that the script did not wait for.
        state.pipes.retain(|_, pipe| !pipe.requests.is_closed() || pipe.child.is_some());
        let (requests, inbox) = tokio::sync::mpsc::unbounded_channel();
        let is_input = !matches!(moved, Moved::Output(_));
        let Some((task, child)) = task(moved, inbox)? else {
            return Ok(None);
        };
        if state.mover.is_none() {
            state.mover = Some(Mover::start()?);
        }
        if let Some(mover) = &state.mover {
            mover.take(task);
        }
        state.next += 1;
        state.pipes.insert(state.next, Pipe { requests, child: Some(child), is_input });
        Ok(Some(state.next))
    }

    /// The descriptor for the child.
    pub(crate) fn child_end(&self, id: i32) -> Option<i32> {
        let state = self.0.borrow();
        state.pipes.get(&id)?.child.as_ref().map(pipes::number)
    }

    /// Closes our copy of the child's end, after the child was started or failed to start.
    pub(crate) fn taken(&self, id: i32) {
        if let Some(pipe) = self.0.borrow_mut().pipes.get_mut(&id) {
            pipe.child = None;
        }
    }

    /// Assigns pipes to a started child.
    pub(crate) fn belong_to(&self, child: ResourceId, pipes: Vec<i32>) {
        if !pipes.is_empty() {
            self.0.borrow_mut().children.insert(child, pipes);
        }
    }

    /// Waits until all output of the child is copied.
    pub(crate) fn settle(&self, id: i32) {
        let (waiting, watched) = {
            let mut state = self.0.borrow_mut();
            let Some(pipe) = state.pipes.get_mut(&id) else { return };
            pipe.child = None;
            let waiting = pipe.ask(pipe.is_input);
            if pipe.is_input {
                state.pipes.remove(&id);
            }
            (waiting, state.watched.clone())
        };
        let _paused = watched.as_ref().map(|control| control.pulse.pause());
        // An error means that nothing is left to wait for.
        let _ = waiting.recv();
    }

    /// Copies pending bytes, closes all pipes and joins the thread.
    pub(crate) fn finish(&self) {
        let (pipes, mover) = {
            let mut state = self.0.borrow_mut();
            (std::mem::take(&mut state.pipes), state.mover.take())
        };
        let waiting: Vec<_> = pipes.into_values().map(|pipe| pipe.ask(true)).collect();
        for done in waiting {
            let _ = done.recv();
        }
        if let Some(mover) = mover {
            mover.join();
        }
    }
}

impl Pipe {
    fn ask(&self, is_last: bool) -> mpsc::Receiver<()> {
        let (done, waiting) = mpsc::channel();
        // Fails if the task has ended, after the pipe was closed and emptied.
        let _ = self.requests.send(Request { is_last, done });
        waiting
    }
}

/// Whether a child shares streams of the script. After the child has ended, waits until its output is copied. Replaces
/// `op_desktop_apply_patch`, which only desktop programs of Deno use.
#[op2(fast)]
pub(crate) fn op_host_settle_child(
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
        inherited.settle(*pipe);
    }
    pipes.is_some()
}
