//! Starts child processes of a script.
//!
//! The request is read once, into Rust values. Then it is checked and completed, and Deno's op receives a new object
//! made of these values, so no JavaScript runs between check and use. A child gets only descriptors of the script
//! that it was given.

mod environment;
mod request;

use std::cell::RefCell;
use std::io;
use std::rc::Rc;

use deno_error::JsErrorBox;
use deno_runtime::deno_core::{OpState, op2, v8};

use self::request::{Request, Stream};
use super::executable::{Executable, NO_EXECUTABLE};
use super::inherit::{Inherited, StreamSource};
use crate::child::close_on_exec;
use crate::isolate::sandbox::files::fd_guard::{self, FdGuard};
use crate::isolate::sandbox::objects::own;
use crate::isolate::sandbox::ops::originals::{Original, call};

/// The source of a standard stream. Only a child that the script waits for synchronously competes for its input.
fn source(stream: i32, is_sync: bool) -> StreamSource {
    match stream {
        0 => StreamSource::Input { is_sync },
        1 => StreamSource::Stdout,
        _ => StreamSource::Stderr,
    }
}

/// The streams of the script that one child shares.
struct SharedStreams {
    inherited: Inherited,
    is_sync: bool,
    standard: [Option<Stream>; 3],
    /// The pipes to these streams.
    pipes: Vec<i32>,
}

impl SharedStreams {
    fn share(&mut self, stream: i32, is_standard: bool) -> io::Result<Stream> {
        let place = usize::try_from(stream).unwrap_or_default().min(2);
        if is_standard && let Some(stream) = &self.standard[place] {
            return Ok(stream.clone());
        }
        let pipe = self.inherited.open(source(stream, self.is_sync))?;
        let shared = self.child_stream(pipe);
        if is_standard {
            self.standard[place] = Some(shared.clone());
        }
        Ok(shared)
    }

    fn child_stream(&mut self, pipe: Option<i32>) -> Stream {
        let Some(pipe) = pipe else { return Stream::null() };
        self.pipes.push(pipe);
        self.inherited.child_end(pipe).map_or_else(Stream::null, Stream::Number)
    }

    /// The child's stream number `place`. A stream that would be inherited from the application becomes null.
    fn resolve(
        &mut self,
        state: &OpState,
        stream: &Stream,
        place: i32,
    ) -> Result<Stream, JsErrorBox> {
        let is_standard = place < 3;
        match stream {
            inherited if inherited.is_inherited() && !is_standard => Ok(Stream::null()),
            inherited if inherited.is_inherited() => {
                self.share(place, true).map_err(JsErrorBox::from_err)
            }
            Stream::Number(number @ 0..=2) => {
                self.share(*number, is_standard).map_err(JsErrorBox::from_err)
            }
            Stream::Number(number) if fd_guard::is_owned(state, *number) => Ok(stream.clone()),
            Stream::Number(_) | Stream::Invalid(_) => Err(fd_guard::not_owned_error()),
            Stream::Word(_) => Ok(stream.clone()),
        }
    }

    fn complete(&mut self, state: &OpState, request: &mut Request) -> Result<(), JsErrorBox> {
        // Deno would write the whole input before it reads output, and block if the child does not read.
        let given = request.input.as_ref().map(|input| StreamSource::Bytes(input.to_vec()));
        request.stdin = match given {
            None => self.resolve(state, &request.stdin, 0)?,
            Some(given) => {
                let pipe = self.inherited.open(given).map_err(JsErrorBox::from_err)?;
                if pipe.is_some() {
                    request.input = None;
                }
                self.child_stream(pipe)
            }
        };
        request.stdout = self.resolve(state, &request.stdout, 1)?;
        request.stderr = self.resolve(state, &request.stderr, 2)?;
        for stream in request.extra_stdio.iter_mut().flatten() {
            *stream = self.resolve(state, stream, 3)?;
        }
        Ok(())
    }

    fn drain(&self) {
        for pipe in &self.pipes {
            self.inherited.drain(*pipe);
        }
    }
}

fn start<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    state: &Rc<RefCell<OpState>>,
    original: Original,
    request: v8::Local<'s, v8::Value>,
    api_name: Option<&str>,
) -> Result<v8::Local<'s, v8::Value>, JsErrorBox> {
    let mut request = Request::read(scope, request)?;
    let is_sync = matches!(original, Original::Sync);
    let inherited = state.borrow().borrow::<Inherited>().clone();
    let mut shared =
        SharedStreams { inherited, is_sync, standard: [const { None }; 3], pipes: Vec::new() };
    let prepared = prepare(&mut state.borrow_mut(), &mut request, &mut shared, api_name);
    let called = prepared.and_then(|()| {
        let mut arguments = vec![request.to_v8(scope)?];
        if let Some(name) = api_name {
            let name = v8::String::new(scope, name);
            arguments
                .push(name.ok_or_else(|| JsErrorBox::type_error("a name is too long"))?.into());
        }
        close_on_exec::seal();
        Ok(with_remedy(scope, &request.cmd, |scope| call(scope, state, original, &arguments)))
    });
    for pipe in &shared.pipes {
        shared.inherited.close_child_end(*pipe);
    }
    match called {
        Ok(Some(child)) => {
            register_child(scope, &state.borrow(), child, shared);
            Ok(child)
        }
        Ok(None) => {
            shared.drain();
            // The exception of the op is pending.
            Ok(v8::undefined(scope).into())
        }
        Err(error) => {
            shared.drain();
            Err(error)
        }
    }
}

fn prepare(
    state: &mut OpState,
    request: &mut Request,
    shared: &mut SharedStreams,
    api_name: Option<&str>,
) -> Result<(), JsErrorBox> {
    FdGuard::ensure_room(state, request.fd_count()).map_err(JsErrorBox::from_err)?;
    let env = std::mem::take(&mut request.env);
    let api_name = api_name.unwrap_or("Deno.Command().outputSync()");
    request.env = environment::child_variables(state, env, request.clear_env, api_name);
    // `execPath` without a runtime on `PATH`; see `executable`.
    let is_placeholder = |text: &String| text.contains(NO_EXECUTABLE);
    if is_placeholder(&request.cmd) || request.args.iter().any(is_placeholder) {
        let executable = state.borrow::<Executable>().find_path();
        if let Some(path) = executable {
            request.cmd = request.cmd.replace(NO_EXECUTABLE, &path);
            for argument in &mut request.args {
                *argument = argument.replace(NO_EXECUTABLE, &path);
            }
        }
    }
    shared.complete(state, request)
}

/// Appended to the error message when no runtime is found for `execPath`.
const REMEDY: &str = ": an embedded backend starts other scripts with node, deno or bun, and none of them was found \
                      that it may run; install one, or set its path (setRuntimePath), and grant it in permissions.run";

fn with_remedy<'s, 'i>(
    scope: &mut v8::PinScope<'s, 'i>,
    cmd: &str,
    act: impl FnOnce(&mut v8::PinScope<'s, 'i>) -> Option<v8::Local<'s, v8::Value>>,
) -> Option<v8::Local<'s, v8::Value>> {
    if cmd != NO_EXECUTABLE {
        return act(scope);
    }
    v8::tc_scope!(let caught, scope);
    let answer = act(caught);
    if let Some(error) = caught.exception() {
        add_remedy(caught, error);
        caught.rethrow();
    }
    answer
}

fn add_remedy(scope: &mut v8::PinScope<'_, '_>, error: v8::Local<'_, v8::Value>) -> Option<()> {
    let error = v8::Local::<v8::Object>::try_from(error).ok()?;
    let key = v8::String::new(scope, "message")?;
    let message = error.get(scope, key.into())?.to_rust_string_lossy(scope);
    let message = v8::String::new(scope, &(message + REMEDY))?;
    error.set(scope, key.into(), message.into()).map(drop)
}

/// Registers the descriptors and shared pipes of a started child.
fn register_child<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    state: &OpState,
    child: v8::Local<'s, v8::Value>,
    shared: SharedStreams,
) {
    let Ok(child) = v8::Local::<v8::Object>::try_from(child) else { return };
    let descriptors = FdGuard::of(state);
    for name in ["stdinFd", "stdoutFd", "stderrFd"] {
        if let Some(number) = own_number(scope, child, name) {
            descriptors.offer(number);
        }
    }
    if let Some(extra) = own(scope, child, "extraPipeFds")
        && let Ok(extra) = v8::Local::<v8::Array>::try_from(extra)
    {
        for at in 0..extra.length() {
            let number = extra.get_index(scope, at).filter(|number| number.is_number());
            if let Some(number) = number.and_then(|number| number.int32_value(scope)) {
                descriptors.offer(number);
            }
        }
    }
    match own_number(scope, child, "rid").and_then(|rid| u32::try_from(rid).ok()) {
        Some(rid) => shared.inherited.assign_to_child(rid, shared.pipes),
        // Without a resource the child has ended already.
        None => shared.drain(),
    }
}

/// Reads an own property, as a script may have changed the prototype.
fn own_number<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    object: v8::Local<'s, v8::Object>,
    name: &str,
) -> Option<i32> {
    own(scope, object, name).filter(|value| value.is_number())?.int32_value(scope)
}

#[op2(reentrant)]
#[allow(clippy::needless_pass_by_value, reason = "an op gets these by value")]
pub(crate) fn op_host_spawn_child<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    state: Rc<RefCell<OpState>>,
    request: v8::Local<'s, v8::Value>,
    #[string] api_name: String,
) -> Result<v8::Local<'s, v8::Value>, JsErrorBox> {
    start(scope, &state, Original::Child, request, Some(&api_name))
}

#[op2(reentrant)]
#[allow(clippy::needless_pass_by_value, reason = "an op gets these by value")]
pub(crate) fn op_host_node_spawn_child<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    state: Rc<RefCell<OpState>>,
    request: v8::Local<'s, v8::Value>,
    #[string] api_name: String,
) -> Result<v8::Local<'s, v8::Value>, JsErrorBox> {
    start(scope, &state, Original::NodeChild, request, Some(&api_name))
}

#[op2(reentrant)]
#[allow(clippy::needless_pass_by_value, reason = "an op gets these by value")]
pub(crate) fn op_host_spawn_sync<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    state: Rc<RefCell<OpState>>,
    request: v8::Local<'s, v8::Value>,
) -> Result<v8::Local<'s, v8::Value>, JsErrorBox> {
    start(scope, &state, Original::Sync, request, None)
}
