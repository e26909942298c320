//! Tests with folders and files that are replaced after the check of their path.

use std::borrow::Cow;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use deno_runtime::deno_fs::{FileSystem, OpenOptions};
use deno_runtime::deno_io::fs::FsResult;
use deno_runtime::deno_permissions::{
    CheckedPath, CheckedPathBuf, OpenAccessKind, PermissionsContainer,
};

use super::{SandboxFs, pin_socket_to_bind, pin_socket_to_connect, set_permissions};
use crate::isolate::sandbox::permissions;
use crate::wire::{Grant, Links, Permissions};

const TEXT: &str = "outside";

/// `granted/folder` is readable and writable, `outside` is neither. Both contain the same files.
struct World {
    root: tempfile::TempDir,
    permissions: PermissionsContainer,
}

impl World {
    fn new() -> Self {
        let root = tempfile::tempdir().expect("a folder");
        for folder in ["granted/folder/sub", "outside/sub"] {
            fs::create_dir_all(root.path().join(folder)).expect("a folder");
        }
        let list = || Grant::Some(vec![root.path().join("granted").display().to_string()]);
        let granted = Permissions { read: list(), write: list(), ..Permissions::default() };
        let permissions =
            permissions::container(&granted, None, Links::Follow).expect("valid permissions");
        set_permissions(permissions.clone());
        let world = Self { root, permissions };
        for folder in ["granted/folder", "outside"] {
            fs::write(world.path(folder).join("file"), TEXT).expect("a file");
            symlink("file", world.path(folder).join("link")).expect("a link");
        }
        fs::write(world.path("granted/own"), "own").expect("a file");
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().canonicalize().expect("it exists").join(name)
    }

    fn check(&self, name: &str, kind: OpenAccessKind) -> CheckedPathBuf {
        let path = Cow::Owned(self.path(name));
        self.permissions.check_open(path, kind, None).expect("the path is granted").into_owned()
    }

    fn replace(&self) {
        fs::rename(self.path("granted/folder"), self.path("granted/moved"))
            .expect("the folder is renamed");
        symlink(self.path("outside"), self.path("granted/folder")).expect("a link");
    }

    fn outside(&self) -> String {
        let mut entries: Vec<_> = fs::read_dir(self.path("outside"))
            .expect("it exists")
            .map(|entry| {
                let path = entry.expect("an entry").path();
                let about = path.symlink_metadata().expect("it exists");
                let text =
                    if about.is_file() { fs::read(&path).expect("a file") } else { Vec::new() };
                let mode = about.permissions().mode();
                format!("{} {:?} {mode:o} {text:?}", path.display(), about.modified())
            })
            .collect();
        entries.sort();
        entries.join("\n")
    }
}

/// An operation on the first path. The second path is granted.
type Operation = fn(&CheckedPath, &CheckedPath) -> FsResult<()>;

use OpenAccessKind::{Read, ReadNoFollow, ReadWriteNoFollow, Write, WriteNoFollow};

fn write() -> OpenOptions {
    OpenOptions::write(true, false, false, None)
}

/// Operations with a file and the check that the engine makes for it.
const OPERATIONS: &[(&str, &str, OpenAccessKind, Operation)] = &[
    ("open", "file", Read, |path, _| SandboxFs.open_sync(path, OpenOptions::read()).map(drop)),
    ("write", "file", Write, |path, _| SandboxFs.open_sync(path, write()).map(drop)),
    ("create", "new", Write, |path, _| SandboxFs.open_sync(path, write()).map(drop)),
    ("create to read", "new", Write, |path, _| {
        let options = OpenOptions { create: true, ..OpenOptions::read() };
        SandboxFs.open_sync(path, options).map(drop)
    }),
    ("open a link", "link", Read, |path, _| {
        SandboxFs.open_sync(path, OpenOptions::read()).map(drop)
    }),
    ("stat", "file", ReadNoFollow, |path, _| SandboxFs.stat_sync(path).map(drop)),
    ("stat a link", "link", ReadNoFollow, |path, _| SandboxFs.stat_sync(path).map(drop)),
    ("lstat", "file", ReadNoFollow, |path, _| SandboxFs.lstat_sync(path).map(drop)),
    ("realpath", "file", ReadNoFollow, |path, _| SandboxFs.realpath_sync(path).map(drop)),
    ("read_dir", "sub", ReadNoFollow, |path, _| SandboxFs.read_dir_sync(path).map(drop)),
    ("chdir", "sub", Read, |path, _| SandboxFs.chdir(path)),
    ("statfs", "file", Read, |path, _| SandboxFs.statfs_sync(path, false).map(drop)),
    ("read_link", "link", ReadNoFollow, |path, _| SandboxFs.read_link_sync(path).map(drop)),
    ("chmod", "file", WriteNoFollow, |path, _| SandboxFs.chmod_sync(path, 0o777)),
    ("chown", "file", WriteNoFollow, |path, _| SandboxFs.chown_sync(path, Some(0), None)),
    ("lchown", "file", WriteNoFollow, |path, _| SandboxFs.lchown_sync(path, Some(0), None)),
    ("utime", "file", WriteNoFollow, |path, _| SandboxFs.utime_sync(path, 1, 0, 1, 0)),
    ("lutime", "file", WriteNoFollow, |path, _| SandboxFs.lutime_sync(path, 1, 0, 1, 0)),
    ("truncate", "file", WriteNoFollow, |path, _| SandboxFs.truncate_sync(path, 0)),
    ("mkdir", "new", WriteNoFollow, |path, _| SandboxFs.mkdir_sync(path, false, None)),
    ("mkdir of many", "new/a/b", WriteNoFollow, |path, _| SandboxFs.mkdir_sync(path, true, None)),
    ("remove", "file", WriteNoFollow, |path, _| SandboxFs.remove_sync(path, false)),
    ("remove all", "sub", WriteNoFollow, |path, _| SandboxFs.remove_sync(path, true)),
    ("rmdir", "sub", WriteNoFollow, |path, _| SandboxFs.rmdir_sync(path)),
    ("rename from", "file", ReadWriteNoFollow, |path, to| SandboxFs.rename_sync(path, to)),
    ("rename to", "new", WriteNoFollow, |path, other| SandboxFs.rename_sync(other, path)),
    ("link from", "file", ReadWriteNoFollow, |path, to| SandboxFs.link_sync(path, to)),
    ("link to", "new", WriteNoFollow, |path, other| SandboxFs.link_sync(other, path)),
    ("bind", "new", ReadWriteNoFollow, |path, _| Ok(pin_socket_to_bind(path).map(drop)?)),
    ("connect", "file", ReadWriteNoFollow, |path, _| Ok(pin_socket_to_connect(path).map(drop)?)),
    ("copy from", "file", Read, |path, to| SandboxFs.copy_file_sync(path, to)),
    ("copy to", "new", WriteNoFollow, |path, other| SandboxFs.copy_file_sync(other, path)),
    ("copy onto", "file", WriteNoFollow, |path, other| SandboxFs.copy_file_sync(other, path)),
];

#[test]
fn a_path_is_refused_after_its_folder_was_replaced_with_a_link() {
    for (name, file, kind, operation) in OPERATIONS {
        let world = World::new();
        let path = world.check(&format!("granted/folder/{file}"), *kind);
        let other = world.check("granted/own", WriteNoFollow);
        let before = world.outside();
        world.replace();
        let done = operation(&path.as_checked_path(), &other.as_checked_path());
        assert!(done.is_err(), "{name}");
        assert_eq!(world.outside(), before, "{name}");
    }
    let world = World::new();
    let path = world.check("granted/folder/file", Read);
    world.replace();
    assert!(!SandboxFs.exists_sync(&path.as_checked_path()));
}

#[test]
fn an_unchanged_path_is_used() {
    for (name, file, kind, operation) in
        OPERATIONS.iter().filter(|(name, ..)| !name.contains("chown") && *name != "chdir")
    {
        let world = World::new();
        let path = world.check(&format!("granted/folder/{file}"), *kind);
        let other = world.check("granted/own", WriteNoFollow);
        let name = if name.starts_with("link from") {
            fs::remove_file(world.path("granted/own")).unwrap();
            name
        } else {
            name
        };
        let done = operation(&path.as_checked_path(), &other.as_checked_path());
        assert!(done.is_ok(), "{name}: {done:?}");
    }
}

#[test]
fn a_folder_that_moved_within_the_grant_is_used() {
    let world = World::new();
    let path = world.check("granted/folder/file", Read);
    fs::rename(world.path("granted/folder"), world.path("granted/moved")).unwrap();
    symlink("moved", world.path("granted/folder")).unwrap();
    SandboxFs.open_sync(&path.as_checked_path(), OpenOptions::read()).expect("the path is granted");
}

#[test]
fn a_file_is_refused_after_it_was_replaced_with_a_link() {
    for (name, file, kind, operation) in OPERATIONS.iter().filter(|(_, file, ..)| *file == "file") {
        if ["lstat", "remove", "lchown", "lutime", "rename from", "link from"].contains(name) {
            // These operate on the link itself.
            continue;
        }
        let world = World::new();
        let path = world.check(&format!("granted/folder/{file}"), *kind);
        let other = world.check("granted/own", WriteNoFollow);
        let before = world.outside();
        let link = world.path("granted/folder/file");
        fs::remove_file(&link).unwrap();
        symlink(world.path("outside/file"), &link).unwrap();
        let done = operation(&path.as_checked_path(), &other.as_checked_path());
        assert!(done.is_err(), "{name}");
        assert_eq!(world.outside(), before, "{name}");
        assert!(Path::new(&link).is_symlink());
    }
}

/// Opens a database as SQLite opens the target of a backup, following links.
fn open_database(path: &Path) -> i32 {
    use libsqlite3_sys as sqlite;

    let name = std::ffi::CString::new(path.to_str().expect("the path is UTF-8")).expect("a name");
    let flags = sqlite::SQLITE_OPEN_READWRITE | sqlite::SQLITE_OPEN_CREATE;
    let mut database = std::ptr::null_mut();
    // SAFETY: `name` is a terminated string that outlives the calls, and `database` is closed once and not used again.
    unsafe {
        let code =
            sqlite::sqlite3_open_v2(name.as_ptr(), &raw mut database, flags, std::ptr::null());
        sqlite::sqlite3_close(database);
        code
    }
}

#[test]
fn a_database_is_refused_after_its_folder_was_replaced_with_a_link() {
    crate::isolate::sandbox::sqlite::configure();
    for name in ["granted/folder/new.db", "granted/folder/new.db-journal"] {
        let world = World::new();
        assert_eq!(open_database(&world.path(name)), libsqlite3_sys::SQLITE_OK, "{name}");
        let before = world.outside();
        world.replace();
        let file = world.root.path().canonicalize().expect("it exists").join(name);
        assert_eq!(open_database(&file), libsqlite3_sys::SQLITE_CANTOPEN, "{name}");
        assert_eq!(world.outside(), before, "{name}");
    }
}

#[test]
fn a_grant_of_a_file_includes_its_journals_and_no_other_file() {
    let world = World::new();
    let list = || Grant::Some(vec![world.path("granted/own").display().to_string()]);
    let granted = Permissions { read: list(), write: list(), ..Permissions::default() };
    set_permissions(
        permissions::container(&granted, None, Links::Follow).expect("valid permissions"),
    );
    let flags = nix::libc::O_RDWR | nix::libc::O_CREAT;
    for (name, is_granted) in [
        ("granted/own", true),
        ("granted/own-journal", true),
        ("granted/own-wal", true),
        ("granted/own-other", false),
        ("granted/other-journal", false),
        ("outside/own-journal", false),
    ] {
        let path = world.path(name);
        assert_eq!(super::open_database_file(&path, flags, 0o600).is_ok(), is_granted, "{name}");
        assert_eq!(path.exists(), is_granted, "{name}");
        assert_eq!(super::remove_database_file(&path).is_ok(), is_granted, "{name}");
    }
    symlink(world.path("outside/file"), world.path("granted/own-shm")).expect("a link");
    super::open_database_file(&world.path("granted/own-shm"), flags, 0o600)
        .expect_err("a link is not followed");
}
