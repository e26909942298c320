//! The request to start a program: read once from the script's object, and passed on as an object that no script has
//! seen.

use deno_error::JsErrorBox;
use deno_runtime::deno_core::serde_v8::{JsBuffer, ToJsBuffer};
use deno_runtime::deno_core::{serde_v8, v8};
use serde::{Deserialize, Serialize};

/// The fields of `deno_process`. Other properties are not passed on.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_excessive_bools, reason = "options of Deno's")]
pub(super) struct Request {
    pub(super) cmd: String,
    #[serde(default)]
    pub(super) args: Vec<String>,
    #[serde(default)]
    pub(super) clear_env: bool,
    #[serde(default)]
    pub(super) env: Vec<(String, String)>,
    pub(super) stdin: Stream,
    pub(super) stdout: Stream,
    pub(super) stderr: Stream,
    #[serde(default)]
    pub(super) extra_stdio: Option<Vec<Stream>>,
    pub(super) input: Option<JsBuffer>,
    #[serde(default)]
    pub(super) detached: bool,
    cwd: Option<String>,
    gid: Option<u32>,
    uid: Option<u32>,
    #[serde(default)]
    windows_raw_arguments: bool,
    #[serde(default)]
    windows_hide: bool,
    ipc: Option<i32>,
    serialization: Option<String>,
    argv0: Option<String>,
    timeout: Option<u64>,
    kill_signal: Option<Signal>,
    max_buffer: Option<u64>,
}

/// A stream of a child: a word, or a descriptor.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(untagged)]
pub(super) enum Stream {
    Word(String),
    Number(i32),
    /// A number that is no descriptor.
    Invalid(f64),
}

#[derive(Clone, Deserialize, Serialize)]
#[serde(untagged)]
enum Signal {
    Name(String),
    Number(i32),
}

/// The object for Deno's op.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_excessive_bools, reason = "as above")]
struct ForwardedRequest<'a> {
    cmd: &'a str,
    args: &'a [String],
    cwd: Option<&'a str>,
    clear_env: bool,
    env: &'a [(String, String)],
    gid: Option<u32>,
    uid: Option<u32>,
    windows_raw_arguments: bool,
    windows_hide: bool,
    ipc: Option<i32>,
    serialization: Option<&'a str>,
    stdin: &'a Stream,
    stdout: &'a Stream,
    stderr: &'a Stream,
    input: Option<ToJsBuffer>,
    extra_stdio: &'a [Stream],
    detached: bool,
    needs_npm_process_state: bool,
    argv0: Option<&'a str>,
    timeout: Option<u64>,
    kill_signal: Option<&'a Signal>,
    max_buffer: Option<u64>,
}

impl Stream {
    pub(super) fn null() -> Self {
        Self::Word("null".to_owned())
    }

    pub(super) fn is_inherited(&self) -> bool {
        matches!(self, Self::Word(word) if word == "inherit")
    }

    /// Number of descriptors that opening it takes.
    fn fd_count(&self) -> usize {
        if matches!(self, Self::Word(word) if word == "null") { 1 } else { 2 }
    }
}

impl Request {
    /// Reads the script's object. Its getters run here and never again.
    pub(super) fn read<'s>(
        scope: &mut v8::PinScope<'s, '_>,
        given: v8::Local<'s, v8::Value>,
    ) -> Result<Self, JsErrorBox> {
        serde_v8::from_v8(scope, given).map_err(|error| JsErrorBox::type_error(error.to_string()))
    }

    /// Upper bound of the descriptors that a start takes.
    pub(super) fn fd_count(&self) -> usize {
        const CHANNEL: usize = 2;
        const PROCESS: usize = 2;
        let streams = [&self.stdin, &self.stdout, &self.stderr].into_iter();
        let streams = streams.chain(self.extra_stdio.iter().flatten());
        streams.map(Stream::fd_count).sum::<usize>() + CHANNEL + PROCESS
    }

    /// The object for Deno's op.
    pub(super) fn to_v8<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
    ) -> Result<v8::Local<'s, v8::Value>, JsErrorBox> {
        let forwarded = ForwardedRequest {
            cmd: &self.cmd,
            args: &self.args,
            cwd: self.cwd.as_deref(),
            clear_env: true,
            env: &self.env,
            gid: self.gid,
            uid: self.uid,
            windows_raw_arguments: self.windows_raw_arguments,
            windows_hide: self.windows_hide,
            ipc: self.ipc,
            serialization: self.serialization.as_deref(),
            stdin: &self.stdin,
            stdout: &self.stdout,
            stderr: &self.stderr,
            input: self.input.as_ref().map(|input| ToJsBuffer::from(input.to_vec())),
            extra_stdio: self.extra_stdio.as_deref().unwrap_or_default(),
            detached: self.detached,
            // A Deno child needs nothing of this process's packages.
            needs_npm_process_state: false,
            argv0: self.argv0.as_deref(),
            timeout: self.timeout,
            kill_signal: self.kill_signal.as_ref(),
            max_buffer: self.max_buffer,
        };
        serde_v8::to_v8(scope, &forwarded)
            .map_err(|error| JsErrorBox::type_error(error.to_string()))
    }
}
