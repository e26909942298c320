//! The script's own streams for its children: `stdio: 'inherit'`, and the numbers 0 to 2.
//!
//! They are no descriptors that a child could have. So a child gets one end of a pipe, and what goes
//! through it is moved by a thread of the isolate: to the sinks of the process, from its queue of input.
//! When the child has ended, all that it wrote has been moved before the script hears of it, and the
//! input that it left in the pipe is the script's again. A script that reads its input itself, as one
//! that is called from a page does, shares it with no child but one that it does nothing but wait for.
//! The `input` of `spawnSync` goes through such a pipe, too, while Deno reads what the child answers.

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

/// An output stream of the script, which its children continue where the script left off.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) sink: Arc<Mutex<LineWriter>>,
    pub(crate) partial: Arc<PartialLines>,
}

/// What goes through a pipe.
enum Moved {
    /// From the child to a stream of the script.
    Output(Shared),
    /// The script's own input, to the child.
    Input {
        input: StdinQueue,
        /// The script does nothing else until the child has ended.
        is_waited_for: bool,
    },
    /// Bytes that the script has for the child.
    Given(Vec<u8>),
}

/// What is asked of whoever moves the bytes of one pipe.
struct Request {
    /// No more is to be moved, whatever comes.
    is_last: bool,
    /// Sent, or dropped, when all that was written before is moved.
    done: mpsc::Sender<()>,
}

/// Where a stream of a child leads to, or comes from.
pub(crate) enum Source {
    Stdout,
    Stderr,
    /// The script's own input.
    Input {
        /// The script does nothing else until the child has ended.
        is_waited_for: bool,
    },
    /// Bytes that the script has for the child.
    Given(Vec<u8>),
}

type Requests = tokio::sync::mpsc::UnboundedSender<Request>;

/// A pipe between a child and a stream.
struct Pipe {
    requests: Requests,
    /// The child's end, until the child has it.
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
    /// Whose event loop stands still while the script waits for what a child wrote.
    watched: Option<Arc<Control>>,
    pipes: HashMap<i32, Pipe>,
    next: i32,
    /// The pipes of children that have been started, by the resources that those are.
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

    /// Opens a pipe, and gives its number; `None` where there is none to be had.
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
        // Those of children that nobody waited for.
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

    /// The descriptor that the child is to get.
    pub(crate) fn child_end(&self, id: i32) -> Option<i32> {
        let state = self.0.borrow();
        state.pipes.get(&id)?.child.as_ref().map(pipes::number)
    }

    /// The child has its end, or was not started.
    pub(crate) fn taken(&self, id: i32) {
        if let Some(pipe) = self.0.borrow_mut().pipes.get_mut(&id) {
            pipe.child = None;
        }
    }

    /// Pipes of a child that has been started.
    pub(crate) fn belong_to(&self, child: ResourceId, pipes: Vec<i32>) {
        if !pipes.is_empty() {
            self.0.borrow_mut().children.insert(child, pipes);
        }
    }

    /// Waits until everything that the child wrote is moved.
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
        // An error says that there is nothing left to wait for.
        let _ = waiting.recv();
    }

    /// Moves what there is, and then no more. No thread is left.
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
        // Fails when the pipe's other end is closed and all of it moved.
        let _ = self.requests.send(Request { is_last, done });
        waiting
    }
}

/// Whether a child has streams of the script's; when it has ended, all that it wrote is moved first. Takes the place
/// of `op_desktop_apply_patch`, which only a desktop program of Deno's has.
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
