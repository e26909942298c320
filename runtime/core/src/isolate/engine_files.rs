//! The files that the build script has made: V8's snapshot of Deno, Deno's modules with the patches of this crate, and
//! V8's code of the modules that scripts use most.

/// Code of V8, which copies it unless it is aligned.
#[repr(C, align(16))]
struct Aligned<T: ?Sized>(T);

include!(concat!(env!("OUT_DIR"), "/engine_files.rs"));

/// The code of the module at `address`; `None` if the executable does not contain it.
pub(crate) fn code(address: &str) -> Option<&'static [u8]> {
    let at = CODE.binary_search_by_key(&address, |(address, ..)| address).ok()?;
    let (_, start, end) = CODE[at];
    CODE_BYTES.0.get(start..end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isolate::sandbox::module_patches::{patch_modules, patch_scripts};

    #[test]
    fn the_modules_are_denos_with_the_patches_and_without_white_space() {
        let all = [
            (SCRIPTS, patch_scripts(ORIGINAL_SCRIPTS).expect("the patches apply")),
            (MODULES, patch_modules(ORIGINAL_MODULES).expect("the patches apply")),
        ];
        for (modules, patched) in all {
            let addresses = |modules: &[(&'static str, _)]| -> Vec<&str> {
                modules.iter().map(|(address, _)| *address).collect()
            };
            assert_eq!(addresses(modules), addresses(patched));
            let size = |modules: &[(_, &str)]| -> usize {
                modules.iter().map(|(_, source)| source.len()).sum()
            };
            assert!(size(modules) < size(patched) * 3 / 4, "not minified");
        }
        let (_, locks) =
            MODULES.iter().find(|(address, _)| *address == "ext:deno_web/locks.js").expect("it");
        assert!(locks.contains("jsRuntimeProcess+encodeLockName(name)"), "not patched");
    }

    #[test]
    fn the_code_of_common_modules_is_aligned() {
        for address in ["node:process", "node:fs", "node:events", "ext:deno_node/fs.ts"] {
            let code = code(address).expect(address);
            assert!(!code.is_empty(), "{address}");
            assert_eq!(code.as_ptr().addr() % align_of::<usize>(), 0, "{address}");
        }
        assert_eq!(code("node:missing"), None);
    }
}
