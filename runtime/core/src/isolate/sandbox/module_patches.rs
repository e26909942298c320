//! Patches of Deno's JavaScript modules.
//!
//! Op middleware covers neither native classes nor state that Deno shares between isolates. The modules that expose
//! them get additional code at their start or end, or replacements of exact strings. Patches apply before any script
//! runs, so no script reaches the original objects.

mod amendments;
mod module;

use std::sync::LazyLock;

use self::amendments::{AMENDMENTS, Amendment, MODULE_AMENDMENTS, Words};

/// Address and source of built-in modules, sorted by address.
pub(crate) type Sources = &'static [(&'static str, &'static str)];

/// The start of every script module, which Deno requires.
const HEAD: &str = "\"use strict\"; return ((function";

/// Code that is inserted at the start of script modules.
struct Guard {
    text: &'static str,
    modules: &'static [&'static str],
}

const GUARDS: [Guard; 8] = [
    Guard {
        text: include_str!("module_patches/waits.js"),
        modules: &["ext:deno_process/40_process.js"],
    },
    Guard {
        text: include_str!("module_patches/images.js"),
        modules: &["ext:deno_web/16_image_data.js"],
    },
    Guard {
        text: include_str!("module_patches/sizes.js"),
        modules: &[
            "ext:deno_node/internal/crypto/diffiehellman.ts",
            "ext:deno_node/internal/crypto/keygen.ts",
            "ext:deno_node/internal/crypto/random.ts",
            "ext:deno_node/internal/crypto/scrypt.ts",
        ],
    },
    Guard {
        text: include_str!("module_patches/copies.js"),
        modules: &["ext:deno_node/_fs/cp/cp.ts"],
    },
    Guard {
        text: include_str!("module_patches/copies_sync.js"),
        modules: &["ext:deno_node/_fs/cp/cp_sync.ts"],
    },
    Guard {
        text: include_str!("module_patches/tls.js"),
        modules: &["ext:deno_node/internal_binding/tls_wrap.ts"],
    },
    Guard {
        text: include_str!("module_patches/process.js"),
        modules: &["ext:deno_node/_process/process.ts"],
    },
    Guard {
        text: include_str!("module_patches/children.js"),
        modules: &["ext:deno_node/child_process.ts", "ext:deno_node/internal/child_process.ts"],
    },
];

/// Web Locks, which Deno stores in one list for all isolates. `jsRuntimeProcess`, a read-only global that
/// `ProcessContext` defines, prefixes the names, so that processes do not share locks.
const LOCKS: &str = "ext:deno_web/locks.js";
const LOCKS_WORDS: [Words; 2] = [
    (
        "op_lock_manager_request(\n      encodeLockName(name),",
        "op_lock_manager_request(\n      jsRuntimeProcess + encodeLockName(name),",
    ),
    ("= op_lock_manager_query();", "= ofThisProcess(op_lock_manager_query());"),
];
const LOCKS_TAIL: &str = include_str!("module_patches/locks.js");

/// A module that returns the ops object of Deno's modules to `expose_ops.js`.
const OPS: (&str, &str) = (
    "ext:js_runtime/ops.js",
    "\"use strict\"; return ((function() { return __bootstrap.core.ops; })());",
);

/// Image bitmaps.
const BITMAPS: &str = "ext:deno_image/01_image.js";
const BITMAPS_WORDS: [Words; 1] =
    [("return op_create_image_bitmap(\n      buf,", "return withMemory(\n      buf,")];
const BITMAPS_TAIL: &str = include_str!("module_patches/bitmaps.js");

/// `require()` and `module.registerHooks()`.
const MODULE: &str = "node:module";

/// The patched script modules that Deno loads on demand. Fails if a module of Deno is not as expected.
pub(crate) fn scripts() -> Result<Sources, String> {
    static SCRIPTS: LazyLock<Result<Sources, String>> =
        LazyLock::new(|| guard(deno_snapshots::RESIDUAL_LAZY_JS));
    SCRIPTS.clone()
}

/// The patched ES modules that Deno loads on demand. Fails if a module of Deno is not as expected.
pub(crate) fn modules() -> Result<Sources, String> {
    static MODULES: LazyLock<Result<Sources, String>> =
        LazyLock::new(|| part_locks(deno_snapshots::RESIDUAL_LAZY_ESM));
    MODULES.clone()
}

fn guard(sources: Sources) -> Result<Sources, String> {
    let mut guarded = sources.to_vec();
    for Guard { text, modules } in GUARDS {
        for module in modules {
            amend(&mut guarded, module, |source| with_head(source, text))?;
        }
    }
    for Amendment { module, words } in AMENDMENTS {
        amend(&mut guarded, module, |source| with_words(source, words))?;
    }
    let at = guarded.partition_point(|(address, _)| *address < OPS.0);
    guarded.insert(at, OPS);
    Ok(keep(guarded))
}

fn part_locks(sources: Sources) -> Result<Sources, String> {
    let mut parted = sources.to_vec();
    amend(&mut parted, LOCKS, |source| {
        with_words(source, &LOCKS_WORDS).map(|source| source + LOCKS_TAIL)
    })?;
    amend(&mut parted, BITMAPS, |source| {
        with_words(source, &BITMAPS_WORDS).map(|source| source + BITMAPS_TAIL)
    })?;
    amend(&mut parted, MODULE, |source| with_words(source, &module::WORDS))?;
    for Amendment { module, words } in MODULE_AMENDMENTS {
        amend(&mut parted, module, |source| with_words(source, words))?;
    }
    Ok(keep(parted))
}

/// Leaks the sources: Deno requires `'static` ones.
fn keep(sources: Vec<(&'static str, &'static str)>) -> Sources {
    Box::leak(sources.into_boxed_slice())
}

fn amend(
    sources: &mut [(&str, &'static str)],
    module: &str,
    amended: impl Fn(&str) -> Option<String>,
) -> Result<(), String> {
    let at = sources.binary_search_by_key(&module, |(address, _)| address);
    let source = at.ok().and_then(|at| sources.get_mut(at)).map(|(_, source)| source);
    let amended = source.as_ref().and_then(|source| amended(source));
    let (Some(source), Some(amended)) = (source, amended) else {
        return Err(format!("the module '{module}' of Deno is not as expected"));
    };
    *source = Box::leak(amended.into_boxed_str());
    Ok(())
}

/// Applies replacements. Returns `None` unless the module contains each string exactly once.
fn with_words(source: &str, words: &[Words]) -> Option<String> {
    words.iter().try_fold(source.to_owned(), |source, (words, ours)| {
        let is_once = source.matches(words).count() == 1;
        is_once.then(|| source.replace(words, ours))
    })
}

/// Inserts `text` at the start of the module's function.
fn with_head(source: &str, text: &str) -> Option<String> {
    let parameters = source.strip_prefix(HEAD)?;
    let body = parameters.trim_start().strip_prefix("()")?.trim_start().strip_prefix('{')?;
    Some(format!("{HEAD}() {{\n{text}{body}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_patch_applies_to_this_version_of_deno() {
        let scripts = scripts().unwrap();
        assert!(scripts.is_sorted_by_key(|(address, _)| *address));
        assert_eq!(scripts.len(), deno_snapshots::RESIDUAL_LAZY_JS.len() + 1);
        for Guard { text, modules } in GUARDS {
            let guarded = scripts.iter().filter(|(_, source)| source.contains(text));
            assert!(guarded.map(|(address, _)| address).eq(modules));
        }
        for Amendment { module, words } in AMENDMENTS {
            let (_, source) = scripts.iter().find(|(address, _)| *address == module).unwrap();
            assert!(words.iter().all(|(_, ours)| source.contains(ours) && ours.is_ascii()));
        }
        let changed = modules().unwrap().iter().zip(deno_snapshots::RESIDUAL_LAZY_ESM);
        let changed = changed.filter(|(ours, theirs)| ours != theirs);
        let mut ours = vec![LOCKS, MODULE, BITMAPS];
        ours.extend(MODULE_AMENDMENTS.map(|amendment| amendment.module));
        ours.sort_unstable();
        assert!(changed.map(|((address, _), _)| *address).eq(ours));
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
        for (names, guard) in dangerous.iter().zip(GUARDS) {
            let uses_one = |source: &str| {
                let ends = source.match_indices("} = core.ops");
                let imports = ends.filter_map(|(end, _)| source[..end].rsplit_once('{'));
                let mut used = imports.flat_map(|(_, list)| list.split([',', ' ', '\n']));
                used.any(|name| names.contains(&name))
            };
            let users = deno_snapshots::RESIDUAL_LAZY_JS.iter().filter(|(_, text)| uses_one(text));
            assert!(users.map(|(address, _)| address).eq(guard.modules), "{names:?}");
        }
    }

    /// Deno reads the sources as Latin-1.
    #[test]
    fn patches_are_ascii() {
        assert!(GUARDS.iter().all(|guard| guard.text.is_ascii()));
        assert!(LOCKS_TAIL.is_ascii() && BITMAPS_TAIL.is_ascii());
        assert!(module::WORDS.iter().all(|(_, ours)| ours.is_ascii()));
        let amended = AMENDMENTS.iter().chain(&MODULE_AMENDMENTS);
        assert!(amended.flat_map(|it| it.words).all(|(_, ours)| ours.is_ascii()));
    }

    #[test]
    fn an_unexpected_module_is_an_error() {
        assert!(guard(&[]).unwrap_err().contains("40_process"));
        assert!(part_locks(&[(LOCKS, "export {}")]).unwrap_err().contains("locks"));
        assert_eq!(with_head("return 1", "guard"), None);
        assert_eq!(with_head(&format!("{HEAD} (a) {{}})())"), "guard"), None);
        let amended = with_head(&format!("{HEAD} () {{ rest }})())"), "guard").unwrap();
        assert_eq!(amended, format!("{HEAD}() {{\nguard rest }})())"));
    }
}
