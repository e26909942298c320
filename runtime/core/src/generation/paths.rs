//! The files and folders that a configuration names, as absolute paths that exist.
//!
//! A file that disappears after this check makes the start fail.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use crate::error::{Error, shown};

/// The program beside the application's executable, under one of the names that bundlers use.
pub(crate) fn sidecar(name: &str, exe_dir: &Path) -> Result<PathBuf, Error> {
    let mut components = Path::new(name).components();
    let is_plain =
        matches!((components.next(), components.next()), (Some(Component::Normal(_)), None));
    if !is_plain || name.contains(['/', '\\']) {
        let name = shown(name);
        return Err(Error::invalid(format!(
            "'sidecar' must be a plain name without folders: '{name}'"
        )));
    }
    let triple = target_triple();
    let names = [
        name.to_string(),
        format!("{name}.exe"),
        format!("{name}-{triple}"),
        format!("{name}-{triple}.exe"),
    ];
    names.iter().map(|name| exe_dir.join(name)).find(|path| path.is_file()).ok_or_else(|| {
        Error::invalid(format!("sidecar not found: {} (looked in {})", shown(name), shown(exe_dir)))
    })
}

/// The target triple as bundlers write it. Cargo passes it to build scripts only.
pub(crate) fn target_triple() -> String {
    let arch = match std::env::consts::ARCH {
        "x86" => "i686",
        "arm" => "armv7",
        arch => arch,
    };
    let musl = cfg!(target_env = "musl");
    let system = match (std::env::consts::OS, arch) {
        ("macos", _) => "apple-darwin",
        ("windows", _) if cfg!(target_env = "gnu") => "pc-windows-gnu",
        ("windows", _) => "pc-windows-msvc",
        (_, "armv7") if musl => "unknown-linux-musleabihf",
        (_, "armv7") => "unknown-linux-gnueabihf",
        _ if musl => "unknown-linux-musl",
        _ => "unknown-linux-gnu",
    };
    format!("{arch}-{system}")
}

/// The working directory of a process, absolute.
pub(crate) fn resolve_cwd(cwd: Option<&Path>) -> Result<PathBuf, Error> {
    let cwd = cwd.unwrap_or(Path::new("."));
    let failed = |source| Error::Path { what: "cwd", path: cwd.to_path_buf(), source };
    // Unlike `canonicalize`, `clean` keeps symbolic links and adds no `\\?\` prefix, which runtimes do not understand.
    let path = path_clean::clean(std::path::absolute(cwd).map_err(failed)?);
    if fs::metadata(&path).map_err(failed)?.is_dir() {
        return Ok(path);
    }
    Err(failed(io::Error::new(io::ErrorKind::NotADirectory, "is not a folder")))
}

/// The script's file, absolute; a relative path starts at the absolute `cwd`.
pub(crate) fn resolve_script(script: &str, cwd: &Path) -> Result<PathBuf, Error> {
    let path = path_clean::clean(cwd.join(script));
    let failed = |source| Error::Path { what: "script", path: path.clone(), source };
    if fs::metadata(&path).map_err(failed)?.is_dir() {
        let source = io::Error::new(io::ErrorKind::IsADirectory, "is a folder, not a script");
        return Err(failed(source));
    }
    Ok(path)
}

/// Refuses a path that contains a symbolic link: it contained none when the start was authorized.
pub(crate) fn without_links(what: &'static str, path: &Path) -> Result<(), Error> {
    let is_link = |path: &&Path| fs::symlink_metadata(path).is_ok_and(|it| it.is_symlink());
    let Some(link) = path.ancestors().find(is_link) else { return Ok(()) };
    let message = format!("'{}' has become a link since the start was authorized", shown(link));
    let source = io::Error::new(io::ErrorKind::PermissionDenied, message);
    Err(Error::Path { what, path: path.to_path_buf(), source })
}
