//! The folders where installers put runtimes.
//!
//! The folders may not exist. Folders of version managers come before those of the system.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Variables that set an installer's folder, with the path of the executables in it.
const MOVED: &[(&str, &str)] = &[
    ("DENO_INSTALL", "bin"),
    ("DENO_INSTALL_ROOT", "bin"),
    ("BUN_INSTALL", "bin"),
    ("VOLTA_HOME", "bin"),
    ("ASDF_DATA_DIR", "shims"),
    ("MISE_DATA_DIR", "shims"),
];

#[cfg(not(windows))]
const BELOW_HOME: &[&str] = &[
    ".deno/bin",
    ".bun/bin",
    ".volta/bin",
    ".local/share/mise/shims",
    ".asdf/shims",
    ".local/bin",
    ".nix-profile/bin",
];

#[cfg(windows)]
const BELOW_HOME: &[&str] = &[r".deno\bin", r".bun\bin", r".volta\bin", r"scoop\shims"];

#[cfg(not(windows))]
const SYSTEM: &[&str] = &[
    "/opt/homebrew/bin",
    "/home/linuxbrew/.linuxbrew/bin",
    "/usr/local/bin",
    "/opt/local/bin",
    "/usr/bin",
    "/snap/bin",
    "/run/current-system/sw/bin",
];

/// Variables with a folder on Windows, with the path of the executables in it.
#[cfg(windows)]
const SYSTEM: &[(&str, &str)] = &[
    ("NVM_SYMLINK", ""),
    ("ProgramFiles", "nodejs"),
    ("ProgramFiles(x86)", "nodejs"),
    ("LOCALAPPDATA", r"Programs\nodejs"),
    ("LOCALAPPDATA", r"Volta\bin"),
    ("LOCALAPPDATA", r"mise\shims"),
    ("LOCALAPPDATA", r"Microsoft\WinGet\Links"),
    ("APPDATA", "npm"),
    ("ProgramData", r"chocolatey\bin"),
    ("ProgramData", r"scoop\shims"),
];

/// The folders to look in, best first.
pub(super) fn usual(home: Option<&Path>, env: impl Fn(&str) -> Option<OsString>) -> Vec<PathBuf> {
    let var = |name| env(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let mut folders: Vec<PathBuf> =
        MOVED.iter().filter_map(|(name, below)| Some(var(name)?.join(below))).collect();
    let home_folders: &[&str] = if home.is_some() { BELOW_HOME } else { &[] };
    let home = home.unwrap_or(Path::new(""));
    folders.extend(home_folders.iter().map(|below| home.join(below)));

    let mut managed = vec![];
    if let Some(nvm) = var("NVM_DIR") {
        managed.push((nvm.join("versions/node"), "bin"));
    }
    if let Some(fnm) = var("FNM_DIR") {
        managed.push((fnm.join("node-versions"), "installation/bin"));
    }
    if home_folders.is_empty() {
        // There is no home folder.
    } else if cfg!(windows) {
        managed.push((home.join(r"AppData\Roaming\fnm\node-versions"), "installation"));
        managed.push((home.join(r"AppData\Roaming\nvm"), ""));
    } else {
        managed.push((home.join(".nvm/versions/node"), "bin"));
        for fnm in [".local/share/fnm", "Library/Application Support/fnm", ".fnm"] {
            managed.push((home.join(fnm).join("node-versions"), "installation/bin"));
        }
    }
    for (versions, below) in managed {
        folders.extend(newest_first(&versions).into_iter().map(|version| version.join(below)));
    }

    #[cfg(not(windows))]
    folders.extend(SYSTEM.iter().map(PathBuf::from));
    #[cfg(windows)]
    folders.extend(SYSTEM.iter().filter_map(|(name, below)| Some(var(name)?.join(below))));
    folders
}

/// The folders in `parent` that are named like a version, newest first.
fn newest_first(parent: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(parent) else { return vec![] };
    let mut versions: Vec<(Vec<u64>, PathBuf)> = entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            Some((number(entry.file_name().to_str()?)?, entry.path()))
        })
        .collect();
    versions.sort_by(|a, b| b.cmp(a));
    versions.into_iter().map(|(_, path)| path).collect()
}

/// `v20.9.1` as `[20, 9, 1]`, which sorts before `[20, 10, 0]`.
fn number(name: &str) -> Option<Vec<u64>> {
    let parts = name.strip_prefix('v').unwrap_or(name).split('.');
    parts.map(|part| part.parse().ok()).collect()
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn without_a_home_only_the_system_folders_remain() {
        let folders = usual(None, |_| None);
        assert_eq!(folders, SYSTEM.iter().map(PathBuf::from).collect::<Vec<_>>());
    }

    #[test]
    fn an_installer_set_by_a_variable_comes_first() {
        let folders =
            usual(Some(Path::new("/home/x")), |name| (name == "BUN_INSTALL").then(|| "/b".into()));
        assert_eq!(folders[0], Path::new("/b/bin"));
        assert_eq!(folders[1], Path::new("/home/x/.deno/bin"));
        assert_eq!(folders.last(), Some(&PathBuf::from(SYSTEM[SYSTEM.len() - 1])));
    }

    #[test]
    fn an_empty_variable_is_ignored() {
        assert_eq!(usual(None, |_| Some(OsString::new())), usual(None, |_| None));
    }

    #[test]
    fn versions_of_a_manager_come_newest_first_without_other_folders() {
        let home = std::env::temp_dir().join(format!("js-runtime-places-{}", std::process::id()));
        let versions = home.join(".nvm/versions/node");
        for name in ["v9.11.2", "v20.10.0", "v20.9.1", "system", "v"] {
            std::fs::create_dir_all(versions.join(name)).expect("the temporary folder is writable");
        }
        let found: Vec<PathBuf> = usual(Some(&home), |_| None)
            .into_iter()
            .filter(|folder| folder.starts_with(&versions))
            .collect();
        std::fs::remove_dir_all(&home).expect("it was just made");
        let expected = ["v20.10.0/bin", "v20.9.1/bin", "v9.11.2/bin"];
        assert_eq!(found, expected.map(|below| versions.join(below)));
    }
}
