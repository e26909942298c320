//! Patches of Deno's JavaScript modules.
//!
//! Op middleware covers neither native classes nor state that Deno shares between isolates. The modules that expose
//! them get additional code at their start or end, or replacements of exact strings. Patches apply before any script
//! runs, so no script reaches the original objects.
//!
//! The build script applies them: the executable contains the patched modules. The paths of the two modules are
//! explicit because the build script includes this file.

#[path = "module_patches/node_module.rs"]
mod node_module;
#[path = "module_patches/replacements.rs"]
mod replacements;

use self::replacements::{MODULE_PATCHES, Patch, Replacement, SCRIPT_PATCHES};

/// Address and source of built-in modules, sorted by address.
pub(crate) type Sources = &'static [(&'static str, &'static str)];

/// The start of every script module, which Deno requires.
const SCRIPT_START: &str = "\"use strict\"; return ((function";

/// Code that is inserted at the start of script modules.
struct Prelude {
    text: &'static str,
    modules: &'static [&'static str],
}

const PRELUDES: [Prelude; 8] = [
    Prelude {
        text: include_str!("module_patches/child_wait.js"),
        modules: &["ext:deno_process/40_process.js"],
    },
    Prelude {
        text: include_str!("module_patches/image_data.js"),
        modules: &["ext:deno_web/16_image_data.js"],
    },
    Prelude {
        text: include_str!("module_patches/key_sizes.js"),
        modules: &[
            "ext:deno_node/internal/crypto/diffiehellman.ts",
            "ext:deno_node/internal/crypto/keygen.ts",
            "ext:deno_node/internal/crypto/random.ts",
            "ext:deno_node/internal/crypto/scrypt.ts",
        ],
    },
    Prelude {
        text: include_str!("module_patches/fs_cp.js"),
        modules: &["ext:deno_node/_fs/cp/cp.ts"],
    },
    Prelude {
        text: "// Loads fs.cp, whose patch replaces the op of fs.cpSync.\n\
               __bootstrap.core.loadExtScript('ext:deno_node/_fs/cp/cp.ts');\n",
        modules: &["ext:deno_node/_fs/cp/cp_sync.ts"],
    },
    Prelude {
        text: "// Prepares TLS before its first use.\n__bootstrap.core.ops.op_tls_key_null();\n",
        modules: &["ext:deno_node/internal_binding/tls_wrap.ts"],
    },
    Prelude {
        text: include_str!("module_patches/process_env.js"),
        modules: &["ext:deno_node/_process/process.ts"],
    },
    Prelude {
        text: include_str!("module_patches/child_process.js"),
        modules: &["ext:deno_node/child_process.ts", "ext:deno_node/internal/child_process.ts"],
    },
];

/// Web Locks, which Deno stores in one list for all isolates. `jsRuntimeProcess`, a read-only global that
/// `ProcessContext` defines, prefixes the names, so that processes do not share locks.
const LOCKS: &str = "ext:deno_web/locks.js";
const LOCKS_REPLACEMENTS: [Replacement; 2] = [
    (
        "op_lock_manager_request(\n      encodeLockName(name),",
        "op_lock_manager_request(\n      jsRuntimeProcess + encodeLockName(name),",
    ),
    ("= op_lock_manager_query();", "= ofThisProcess(op_lock_manager_query());"),
];
const LOCKS_TAIL: &str = include_str!("module_patches/web_locks.js");

/// A module that returns the ops object of Deno's modules to `expose_ops.js`.
const OPS_MODULE: (&str, &str) = (
    "ext:js_runtime/ops.js",
    "\"use strict\"; return ((function() { return __bootstrap.core.ops; })());",
);

/// Image bitmaps.
const BITMAPS: &str = "ext:deno_image/01_image.js";
const BITMAPS_REPLACEMENTS: [Replacement; 1] =
    [("return op_create_image_bitmap(\n      buf,", "return withMemory(\n      buf,")];
const BITMAPS_TAIL: &str = include_str!("module_patches/image_bitmaps.js");

/// `require()` and `module.registerHooks()`.
const MODULE: &str = "node:module";

/// Patches the script modules that Deno loads on demand. Fails if a module of Deno is not as expected.
pub(crate) fn patch_scripts(sources: Sources) -> Result<Sources, String> {
    let mut patched = sources.to_vec();
    for Prelude { text, modules } in PRELUDES {
        for module in modules {
            patch(&mut patched, module, |source| with_prelude(source, text))?;
        }
    }
    for Patch { module, replacements } in SCRIPT_PATCHES {
        patch(&mut patched, module, |source| with_replacements(source, replacements))?;
    }
    let at = patched.partition_point(|(address, _)| *address < OPS_MODULE.0);
    patched.insert(at, OPS_MODULE);
    Ok(leak(patched))
}

/// Patches the ES modules that Deno loads on demand. Fails if a module of Deno is not as expected.
pub(crate) fn patch_modules(sources: Sources) -> Result<Sources, String> {
    let mut patched = sources.to_vec();
    patch(&mut patched, LOCKS, |source| {
        with_replacements(source, &LOCKS_REPLACEMENTS).map(|source| source + LOCKS_TAIL)
    })?;
    patch(&mut patched, BITMAPS, |source| {
        with_replacements(source, &BITMAPS_REPLACEMENTS).map(|source| source + BITMAPS_TAIL)
    })?;
    patch(&mut patched, MODULE, |source| with_replacements(source, &node_module::REPLACEMENTS))?;
    for Patch { module, replacements } in MODULE_PATCHES {
        patch(&mut patched, module, |source| with_replacements(source, replacements))?;
    }
    Ok(leak(patched))
}

/// Leaks the sources: Deno requires `'static` ones.
fn leak(sources: Vec<(&'static str, &'static str)>) -> Sources {
    Box::leak(sources.into_boxed_slice())
}

fn patch(
    sources: &mut [(&str, &'static str)],
    module: &str,
    apply: impl Fn(&str) -> Option<String>,
) -> Result<(), String> {
    let at = sources.binary_search_by_key(&module, |(address, _)| address);
    let source = at.ok().and_then(|at| sources.get_mut(at)).map(|(_, source)| source);
    let patched = source.as_ref().and_then(|source| apply(source));
    let (Some(source), Some(patched)) = (source, patched) else {
        return Err(format!("the module '{module}' of Deno is not as expected"));
    };
    *source = Box::leak(patched.into_boxed_str());
    Ok(())
}

/// Applies replacements. Returns `None` unless the module contains each string exactly once.
fn with_replacements(source: &str, replacements: &[Replacement]) -> Option<String> {
    replacements.iter().try_fold(source.to_owned(), |source, (text, replacement)| {
        let is_once = source.matches(text).count() == 1;
        is_once.then(|| source.replace(text, replacement))
    })
}

/// Inserts `text` at the start of the module's function.
fn with_prelude(source: &str, text: &str) -> Option<String> {
    let parameters = source.strip_prefix(SCRIPT_START)?;
    let body = parameters.trim_start().strip_prefix("()")?.trim_start().strip_prefix('{')?;
    Some(format!("{SCRIPT_START}() {{\n{text}{body}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isolate::engine_files::{ORIGINAL_MODULES, ORIGINAL_SCRIPTS};

    #[test]
    fn every_patch_applies_to_this_version_of_deno() {
        let scripts = patch_scripts(ORIGINAL_SCRIPTS).unwrap();
        assert!(scripts.is_sorted_by_key(|(address, _)| *address));
        assert_eq!(scripts.len(), ORIGINAL_SCRIPTS.len() + 1);
        for Prelude { text, modules } in PRELUDES {
            let patched = scripts.iter().filter(|(_, source)| source.contains(text));
            assert!(patched.map(|(address, _)| address).eq(modules));
        }
        for Patch { module, replacements } in SCRIPT_PATCHES {
            let (_, source) = scripts.iter().find(|(address, _)| *address == module).unwrap();
            assert!(
                replacements
                    .iter()
                    .all(|(_, replacement)| source.contains(replacement) && replacement.is_ascii())
            );
        }
        let modules = patch_modules(ORIGINAL_MODULES).unwrap();
        let changed = modules.iter().zip(ORIGINAL_MODULES);
        let changed = changed.filter(|(patched, original)| patched != original);
        let mut expected = vec![LOCKS, MODULE, BITMAPS];
        expected.extend(MODULE_PATCHES.map(|patch| patch.module));
        expected.sort_unstable();
        assert!(changed.map(|((address, _), _)| *address).eq(expected));
    }

    /// Another module that uses one of these ops would bypass the patch.
    #[test]
    fn no_unpatched_module_uses_a_patched_op() {
        let dangerous = [
            ["op_spawn_wait", "op_run", "op_run_status"].as_slice(),
            &["ImageData"],
            &[
                "op_node_scrypt_sync",
                "op_node_scrypt_async",
                "op_node_generate_secret_key",
                "op_node_generate_secret_key_async",
                "op_node_generate_rsa_key",
                "op_node_generate_rsa_key_async",
                "op_node_generate_rsa_pss_key",
                "op_node_generate_rsa_pss_key_async",
                "op_node_generate_dsa_key",
                "op_node_generate_dsa_key_async",
                "op_node_generate_dh_key",
                "op_node_generate_dh_key_async",
                "op_node_dh_keys_generate_and_export",
                "op_node_dh_compute_secret",
                "op_node_gen_prime",
                "op_node_gen_prime_async",
                "op_node_check_prime_bytes",
                "op_node_check_prime_bytes_async",
            ],
            &["op_node_cp_fast", "op_node_cp_on_link"],
            &["op_node_cp_sync"],
            &["TLSWrap"],
        ];
        for (names, prelude) in dangerous.iter().zip(PRELUDES) {
            let uses_one = |source: &str| {
                let ends = source.match_indices("} = core.ops");
                let imports = ends.filter_map(|(end, _)| source[..end].rsplit_once('{'));
                let mut used = imports.flat_map(|(_, list)| list.split([',', ' ', '\n']));
                used.any(|name| names.contains(&name))
            };
            let users = ORIGINAL_SCRIPTS.iter().filter(|(_, text)| uses_one(text));
            assert!(users.map(|(address, _)| address).eq(prelude.modules), "{names:?}");
        }
    }

    /// Deno reads the sources as Latin-1.
    #[test]
    fn patches_are_ascii() {
        assert!(PRELUDES.iter().all(|prelude| prelude.text.is_ascii()));
        assert!(LOCKS_TAIL.is_ascii() && BITMAPS_TAIL.is_ascii());
        assert!(node_module::REPLACEMENTS.iter().all(|(_, replacement)| replacement.is_ascii()));
        let patched = SCRIPT_PATCHES.iter().chain(&MODULE_PATCHES);
        assert!(
            patched.flat_map(|it| it.replacements).all(|(_, replacement)| replacement.is_ascii())
        );
    }

    #[test]
    fn an_unexpected_module_is_an_error() {
        assert!(patch_scripts(&[]).unwrap_err().contains("40_process"));
        assert!(patch_modules(&[(LOCKS, "export {}")]).unwrap_err().contains("locks"));
        assert_eq!(with_prelude("return 1", "prelude"), None);
        assert_eq!(with_prelude(&format!("{SCRIPT_START} (a) {{}})())"), "prelude"), None);
        let patched =
            with_prelude(&format!("{SCRIPT_START} () {{ rest }})())"), "prelude").unwrap();
        assert_eq!(patched, format!("{SCRIPT_START}() {{\nprelude rest }})())"));
    }
}
