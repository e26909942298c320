//! Asks the linker for compact relocations (`DT_RELR`). Without them the addresses in V8's and Rust's tables take
//! megabytes of the executable, and the loader copies as much into private memory.
//!
//! An executable with them needs glibc 2.36 or later. So they are used only where the system that builds has it.

use std::env;
use std::process::Command;

/// The first version of glibc that loads compact relocations.
const GLIBC: (u32, u32) = (2, 36);

/// `targets` is the kind of targets in Cargo's instruction: `bins`, `benches`.
pub(crate) fn pack(targets: &str) {
    println!("cargo::rerun-if-changed=build.rs");
    let variable = |name: &str| env::var(name).unwrap_or_default();
    let is_glibc =
        variable("CARGO_CFG_TARGET_OS") == "linux" && variable("CARGO_CFG_TARGET_ENV") == "gnu";
    let is_native = variable("HOST") == variable("TARGET");
    if is_glibc && is_native && glibc().is_some_and(|version| version >= GLIBC) {
        // A linker that does not know the option prints a warning.
        println!("cargo::rustc-link-arg-{targets}=-Wl,-z,pack-relative-relocs");
    }
}

/// The version of this system's glibc.
fn glibc() -> Option<(u32, u32)> {
    let output = Command::new("getconf").arg("GNU_LIBC_VERSION").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let (major, minor) = text.trim().strip_prefix("glibc ")?.split_once('.')?;
    let minor = minor.split('.').next()?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}
