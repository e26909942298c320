//! Special files: the paths below `/dev`, `/proc` and `/sys`.
//!
//! Deno allows these paths only to a script with all permissions. An embedded script never has all, because FFI
//! stays denied. Here they need the permission to read or write them like any other file, with two exceptions.
//! Files of the application are closed: its memory, descriptors, environment and terminal. The paths of the
//! three standard streams lead to the script's own streams.
//!
//! Deno decides by the beginning of a path. So a path below these folders passes its checks under an alias, which
//! [`super::symlinks`] adds and `sandbox_fs` removes.

use std::path::{Component, Path, PathBuf};

/// The kind of file at a resolved path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileKind {
    /// Exposes the application. No script may open it. Holds the reason.
    Refused(&'static str),
    /// The script's own stdin, stdout or stderr.
    Stream(usize),
    /// Describes the application. Writing would change the application.
    ReadOnly,
    /// An ordinary file.
    File,
}

impl FileKind {
    /// Whether no script can open it as a file.
    pub(super) fn is_closed(self) -> bool {
        matches!(self, Self::Refused(_) | Self::Stream(_))
    }
}

/// The folders that Deno guards.
#[cfg(target_os = "linux")]
const GUARDED: &[&str] = &["/dev", "/proc", "/sys"];
#[cfg(all(unix, not(target_os = "linux")))]
const GUARDED: &[&str] = &["/dev"];
#[cfg(not(unix))]
const GUARDED: &[&str] = &[];

const MEMORY: &str = "the application's memory";
const DESCRIPTORS: &str = "the application's file descriptors";
const ENVIRONMENT: &str = "the environment of the application or of another process";
const TERMINAL: &str = "the application's terminal";

/// Entries in `/proc/PID` that are closed for the application's own process.
const PRIVATE: [(&str, &str); 13] = [
    ("auxv", MEMORY),
    ("environ", ENVIRONMENT),
    ("fdinfo", DESCRIPTORS),
    ("map_files", MEMORY),
    ("maps", MEMORY),
    ("mem", MEMORY),
    ("numa_maps", MEMORY),
    ("pagemap", MEMORY),
    ("smaps", MEMORY),
    ("smaps_rollup", MEMORY),
    ("stack", MEMORY),
    ("syscall", MEMORY),
    ("wchan", MEMORY),
];

/// Prefix of a guarded path while Deno checks it. No such folder exists.
const ALIAS: &str = "/\u{1}js-runtime";

/// The parent of the root is the root, so the system opens `/../dev/x`. Deno's guard does not match it.
const DIRECT: &str = "/..";

/// Whether Deno guards the path.
pub(super) fn is_guarded(path: &Path) -> bool {
    GUARDED.iter().any(|folder| path.starts_with(folder))
}

/// The form of a guarded path that passes Deno's checks.
pub(super) fn alias(path: &Path) -> PathBuf {
    with_prefix(ALIAS, path)
}

/// The form of a checked guarded path that the system opens.
pub(super) fn direct(path: &Path) -> PathBuf {
    with_prefix(DIRECT, path)
}

fn with_prefix(root: &str, path: &Path) -> PathBuf {
    let mut whole = std::ffi::OsString::from(root);
    whole.push(path);
    whole.into()
}

/// Whether the path has the form of [`direct`].
pub(crate) fn is_direct(path: &Path) -> bool {
    path.starts_with(DIRECT)
}

/// The guarded path that an alias or a direct path stands for.
pub(crate) fn original(path: &Path) -> Option<PathBuf> {
    let rest = [ALIAS, DIRECT].iter().find_map(|root| path.strip_prefix(root).ok())?;
    Some(Path::new("/").join(rest)).filter(|path| is_guarded(path))
}

/// Classifies a path. `path` is absolute and contains no links.
pub(crate) fn classify(path: &Path) -> FileKind {
    if !is_guarded(path) {
        return FileKind::File;
    }
    let names = path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_str().unwrap_or_default()),
        _ => None,
    });
    let names: Vec<_> = names.collect();
    match names.as_slice() {
        ["dev", "stdin"] => FileKind::Stream(0),
        ["dev", "stdout"] => FileKind::Stream(1),
        ["dev", "stderr"] => FileKind::Stream(2),
        ["dev", "fd", number, rest @ ..] => classify_descriptor(number, rest),
        ["dev", "mem" | "kmem" | "port"] | ["proc", "kcore"] => FileKind::Refused(MEMORY),
        ["dev", name] if is_terminal(name) => FileKind::Refused(TERMINAL),
        ["dev", "pts", name] if is_number(name) => FileKind::Refused(TERMINAL),
        ["proc", process, rest @ ..] if is_own(process) => classify_own(rest),
        // Other processes, such as the application's parent, have the same variables.
        ["proc", process, .., "environ"] if is_number(process) => FileKind::Refused(ENVIRONMENT),
        _ => FileKind::File,
    }
}

/// Classifies a path below the application's entry in `/proc`, or that of one of its threads.
fn classify_own(mut names: &[&str]) -> FileKind {
    while let ["task", _, rest @ ..] = names {
        names = rest;
    }
    match names {
        ["fd", number, rest @ ..] => classify_descriptor(number, rest),
        [name, ..] => PRIVATE
            .iter()
            .find(|(private, _)| private == name)
            .map_or(FileKind::ReadOnly, |(_, what)| FileKind::Refused(what)),
        [] => FileKind::ReadOnly,
    }
}

fn classify_descriptor(number: &str, rest: &[&str]) -> FileKind {
    match number.parse() {
        Ok(number @ 0..=2) if rest.is_empty() => FileKind::Stream(number),
        _ => FileKind::Refused(DESCRIPTORS),
    }
}

fn is_terminal(name: &str) -> bool {
    let console = name.strip_prefix("tty").is_some_and(|rest| rest.is_empty() || is_number(rest));
    let of_macos = cfg!(target_os = "macos") && name.starts_with("ttys");
    console || of_macos || name == "console"
}

fn is_number(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit())
}

/// Threads have entries in `/proc` too, which are not listed.
fn is_own(process: &str) -> bool {
    matches!(process, "self" | "thread-self")
        || is_number(process) && Path::new("/proc/self/task").join(process).exists()
}

/// Checks an open file again: a link in its path may have changed after the check of the path.
#[cfg(target_os = "linux")]
pub(crate) fn check_open_file(
    file: std::os::fd::BorrowedFd<'_>,
    writes: bool,
) -> std::io::Result<()> {
    use std::os::fd::AsRawFd;

    use nix::sys::stat::{SFlag, fstat, stat};

    static PROC: std::sync::LazyLock<Option<u64>> =
        std::sync::LazyLock::new(|| stat("/proc").ok().map(|it| it.st_dev));
    let opened = fstat(file)?;
    let is_device = SFlag::from_bits_truncate(opened.st_mode) & SFlag::S_IFMT == SFlag::S_IFCHR;
    if !is_device && Some(opened.st_dev) != *PROC {
        return Ok(());
    }
    let path = std::fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd()))?;
    check(&path, classify(&path), writes)
}

/// Other systems have no files of processes.
#[cfg(all(unix, not(target_os = "linux")))]
pub(crate) fn check_open_file(_: std::os::fd::BorrowedFd<'_>, _: bool) -> std::io::Result<()> {
    Ok(())
}

/// Fails unless a file of this kind may be used.
pub(crate) fn check(path: &Path, kind: FileKind, writes: bool) -> std::io::Result<()> {
    let reason = match kind {
        FileKind::Refused(what) => format!("it reaches {what}"),
        FileKind::ReadOnly if writes => "it changes the application".to_owned(),
        FileKind::Stream(_) => "a standard stream can only be opened, read and written".to_owned(),
        FileKind::ReadOnly | FileKind::File => return Ok(()),
    };
    let message = format!("An embedded script cannot use '{}': {reason}", path.display());
    Err(std::io::Error::new(std::io::ErrorKind::PermissionDenied, message))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn files_that_expose_the_application_are_refused() {
        let own = std::process::id();
        let thread = nix::unistd::gettid();
        for (names, what) in [
            (["mem", "maps", "smaps", "pagemap", "auxv"].as_slice(), MEMORY),
            (&["syscall", "stack", "map_files/400000-401000"], MEMORY),
            (&["environ"], ENVIRONMENT),
            (&["fd/3", "fd/03x", "fd/0/x", "fdinfo", "fdinfo/1"], DESCRIPTORS),
        ] {
            for name in names {
                for entry in [
                    format!("/proc/self/{name}"),
                    format!("/proc/thread-self/{name}"),
                    format!("/proc/{own}/{name}"),
                    format!("/proc/{thread}/{name}"),
                    format!("/proc/{own}/task/{thread}/{name}"),
                    format!("/proc/{thread}/task/{own}/{name}"),
                ] {
                    assert_eq!(classify(Path::new(&entry)), FileKind::Refused(what), "{entry}");
                }
            }
        }
        for other in ["/proc/1/environ", "/proc/1/task/1/environ", "/proc/1/root/proc/1/environ"] {
            assert_eq!(classify(Path::new(other)), FileKind::Refused(ENVIRONMENT), "{other}");
        }
        for terminal in ["/dev/tty", "/dev/tty1", "/dev/console", "/dev/pts/0"] {
            assert_eq!(classify(Path::new(terminal)), FileKind::Refused(TERMINAL));
        }
        for memory in ["/dev/mem", "/dev/kmem", "/dev/port", "/proc/kcore"] {
            assert_eq!(classify(Path::new(memory)), FileKind::Refused(MEMORY));
        }
    }

    #[test]
    fn other_special_files_are_ordinary_files() {
        for path in [
            "/proc/version",
            "/proc/1/status",
            "/proc/meminfo",
            "/sys/class/net",
            "/dev/null",
            "/dev/ttyUSB0",
            "/dev/ttyS0",
            "/dev/ptmx",
            "/dev/shm/mem",
            "/home/proc/self/mem",
        ] {
            assert_eq!(classify(Path::new(path)), FileKind::File, "{path}");
        }
        assert_eq!(classify(Path::new("/proc/self/status")), FileKind::ReadOnly);
        assert_eq!(classify(Path::new("/proc/self/task")), FileKind::ReadOnly);
    }

    #[test]
    fn a_very_long_path_is_classified() {
        let path = format!("/proc/self{}/mem", "/task/1".repeat(200_000));
        assert_eq!(classify(Path::new(&path)), FileKind::Refused(MEMORY));
    }

    #[test]
    fn an_alias_stands_only_for_a_guarded_path() {
        let version = Path::new("/proc/version");
        assert_eq!(original(&alias(version)).as_deref(), Some(version));
        assert_eq!(original(&direct(version)).as_deref(), Some(version));
        assert_eq!(original(version), None);
        assert_eq!(original(&alias(Path::new("/etc/passwd"))), None);
    }
}
