//! Replacements of exact strings in Deno's modules.

/// A string that a module contains exactly once, and its replacement.
pub(super) type Replacement = (&'static str, &'static str);

pub(super) struct Patch {
    pub(super) module: &'static str,
    pub(super) replacements: &'static [Replacement],
}

pub(super) const SCRIPT_PATCHES: [Patch; 10] = [
    // Changes the mode of a socket through the checked folder (`native/handles/pipes.rs`).
    Patch {
        module: "ext:deno_node/internal_binding/pipe_wrap.ts",
        replacements: &[(
            "const nativeFchmod = PipeWrap.prototype.fchmod;",
            "const nativeFchmod = PipeWrap.prototype.addMode;",
        )],
    },
    // Accepts unusual names and values of variables, as Node does.
    Patch {
        module: "ext:deno_node/_process/process.ts",
        replacements: &[
            ("return Deno.env.get(name);", "return Deno.env.get(upToNul(name));"),
            (
                "Deno.env.set(String(prop), String(value))",
                "setVariable(String(prop), String(value))",
            ),
            ("Deno.env.delete(String(key))", "deleteVariable(String(key))"),
            (
                "Deno.env.set(String(property), String(attributes?.value))",
                "setVariable(String(property), String(attributes?.value))",
            ),
        ],
    },
    // Deno reads NODE_DEBUG once, when the application starts. Each isolate has its own.
    Patch {
        module: "ext:deno_node/internal/util/debuglog.ts",
        replacements: &[
            ("const { primordials } = __bootstrap;", "const { core, primordials } = __bootstrap;"),
            (
                "let testEnabled = ()=>false;",
                "let testEnabled = (set)=>{ initializeDebugEnv(); return testEnabled(set); };",
            ),
            (
                "function initializeDebugEnv(debugEnv) {",
                "function initializeDebugEnv() {\n    \
                 let debugEnv = core.ops.op_get_env_no_permission_check('NODE_DEBUG');",
            ),
        ],
    },
    // Children get the variables of `process.env`, even if a script has replaced that object.
    Patch {
        module: "ext:deno_node/internal/child_process.ts",
        replacements: &[
            (
                "const env = options.env || Deno.env.toObject();",
                "const env = options.env || variablesOf(process);",
            ),
            ("clearEnv: false,", "clearEnv: true,"),
            (
                "function toDenoStdio(pipe) {",
                "function toDenoStdio(pipe) {\n    if (isStandardStream(pipe)) return pipe.fd;",
            ),
            (
                "stdin: stdin_ == \"inherit\" ? \"inherit\" : \"null\",",
                "stdin: stdinOf(stdin_, toDenoStdio),",
            ),
            // A child gets the duplicate made for it. The isolate closes a handle that a child sends.
            (
                "writeFn(ipc, handleInfo.message, handleInfo.rawFd, queueOk)",
                "writeFn(ipc, handleInfo.message, \
                 core.ops.op_require_break_on_next_statement(3, handleInfo.rawFd), queueOk)",
            ),
            (
                "const rawFd = read[1];",
                "const rawFd = typeof read[1] === \"number\"\n            \
                 ? core.ops.op_require_break_on_next_statement(4, read[1]) : read[1];",
            ),
            (
                "error.path = command;",
                "core.ops.addRemedy(error, command);\n    error.path = command;",
            ),
            (
                "if (ObjectPrototypeIsPrototypeOf(Deno.errors.NotFound.prototype, err)) {\n        \
                 result.error = _createSpawnError(\"ENOENT\", command, args, true);\n      }",
                "failSync(result, err, (code)=>_createSpawnError(code, command, args, true));",
            ),
        ],
    },
    // An extension is native code. Without this the error message names a flag of Deno.
    Patch {
        module: "ext:deno_node/sqlite.ts",
        replacements: &[(
            "return ReflectConstruct(DatabaseSyncOp, [",
            "core.ops.op_require_break_on_next_statement(0, 0);
    if (options?.allowExtension === true) {
      throw new core.NotCapable(
        'Requires ffi access, which no embedded process has: an extension of SQLite is native code, ' +
        'which cannot run inside the app\\'s process. ' +
        'Run this backend on a child runtime: runtime \"node\", \"deno\" or \"bun\"'
      );
    }
    return ReflectConstruct(DatabaseSyncOp, [",
        )],
    },
    Patch {
        module: "ext:deno_node/internal_binding/udp_wrap.ts",
        replacements: &[(
            "const result = op_node_udp_bind(",
            "core.ops.op_require_break_on_next_statement(0, 0);\n        const result = op_node_udp_bind(",
        )],
    },
    // A request uses the HTTP client with the proxies of its process.
    Patch {
        module: "ext:deno_fetch/26_fetch.js",
        replacements: &[(
            "    req.clientRid,\n    reqBody",
            "    req.clientRid ?? core.ops.op_desktop_confirm(req.currentUrl()),\n    reqBody",
        )],
    },
    // Defines these functions on a stream, because the replaced methods are read-only (`native/http2_sessions.rs`).
    Patch {
        module: "ext:deno_node/http2.ts",
        replacements: &[
            ("handle.writeUtf8String = function(req, data) {", "const writeText = function(req, data) {"),
            ("handle.writeBuffer = function(req, data) {", "const writeBytes = function(req, data) {"),
            (
                "handle.writev = function(req, chunks, allBuffers) {",
                "const own = { __proto__: null, configurable: true, writable: true };\n      \
                 own.value = writeText;\n      \
                 ObjectDefineProperty(handle, \"writeUtf8String\", own);\n      \
                 own.value = writeBytes;\n      \
                 ObjectDefineProperty(handle, \"writeBuffer\", own);\n      \
                 handle.writev = function(req, chunks, allBuffers) {",
            ),
        ],
    },
    // A window surface needs a pointer from native code.
    Patch {
        module: "ext:deno_canvas/02_surface.js",
        replacements: &[(
            "const { UnsafeWindowSurface } = core.ops;",
            "class UnsafeWindowSurface { constructor() { core.ops.op_create_gpu(); } }",
        )],
    },
    // All connections trust NODE_EXTRA_CA_CERTS. Node's module would read the file again, which needs a permission.
    Patch {
        module: "ext:deno_node/https.ts",
        replacements: &[("(!op_get_env_no_permission_check(\"NODE_EXTRA_CA_CERTS\"))", "(true)")],
    },
];

/// Replacements in ES modules.
pub(super) const MODULE_PATCHES: [Patch; 4] = [
    Patch {
        module: "ext:deno_node/internal_binding/mod.ts",
        replacements: &[
            (
                "export function getBinding(name) {",
                concat!(include_str!("internal_bindings.js"), "export function getBinding(name) {"),
            ),
            // Converts once: an object could convert to a different name for the check and the lookup.
            ("const mod = modules[name];", "const mod = bindingOf(`${name}`);"),
        ],
    },
    Patch {
        module: "ext:deno_webgpu/01_webgpu.js",
        replacements: &[
            ("let gpu;\n", concat!(include_str!("webgpu.js"), "let gpu;\n")),
            (
                "gpu = op_create_gpu(\n      webidl.brand,\n      setEventTargetData,\n      \
                 GPUUncapturedErrorEvent,\n      GPUPipelineError,\n    );",
                "gpu = refusedGpu();",
            ),
        ],
    },
    Patch {
        module: "ext:deno_websocket/01_websocket.js",
        replacements: &[
            ("  op_ws_create,\n", "  op_desktop_confirm,\n  op_ws_create,\n"),
            (
                "        clientRid,\n      ),\n      (create)",
                "        clientRid ?? (caCerts === null && !unsafelyIgnoreCertificateErrors\n          \
                 ? op_desktop_confirm(wsURL.href) : null),\n      ),\n      (create)",
            ),
        ],
    },
    Patch {
        module: "node:_http_agent",
        replacements: &[(
            "connectOpts.ca === undefined && \
             op_get_env_no_permission_check(\"NODE_EXTRA_CA_CERTS\")",
            "false",
        )],
    },
];
