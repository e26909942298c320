//! Deno's flags for the same permissions as in the embedded engine.
//!
//! No flag may grant more than the configuration, so nothing is left to Deno's defaults. Checked against Deno 2.9.

use std::ffi::OsString;
use std::path::Path;

use super::Script;
use crate::error::{Error, shown};
use crate::wire::{Grant, Permissions, SpawnConfig};

/// Everything between `deno` and the flags of the configuration.
pub(super) fn flags(
    config: &SpawnConfig,
    script: &Script,
    cwd: &Path,
) -> Result<Vec<OsString>, Error> {
    let given = |flag: &str| {
        let is = |arg: &String| {
            arg.strip_prefix(flag).is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
        };
        config.runtime_args.iter().any(is)
    };
    // A lock file would appear next to the user's scripts.
    let mut flags = vec!["run".into(), "--quiet".into(), "--no-prompt".into(), "--no-lock".into()];
    // A self-contained script has no access to its folder.
    let folder = (!script.is_self_contained).then(|| script.path.parent().unwrap_or(&script.path));
    if !given("--node-modules-dir") && folder.is_some_and(uses_node_modules) {
        // Otherwise Deno resolves `npm:` in the registry, unless there is a `package.json`.
        flags.push("--node-modules-dir=manual".into());
    }
    let default = Permissions::default();
    let permissions = config.permissions.as_ref().unwrap_or(&default);
    // Deno refuses `-A` together with another grant.
    if given("-A") || given("--allow-all") {
        return Ok(flags);
    }
    if permissions.all {
        flags.push("-A".into());
        return Ok(flags);
    }
    let mut read = permissions.read.clone();
    if read != Grant::All(true) {
        let mut listed = match read {
            Grant::Some(listed) => listed,
            Grant::All(_) => vec![],
        };
        if let Some(folder) = folder {
            let folder = folder.to_str().ok_or_else(|| {
                let folder = shown(folder);
                Error::invalid(format!(
                    "deno cannot be allowed to read '{folder}': its name is not Unicode"
                ))
            })?;
            listed.insert(0, folder.to_string());
        }
        read = Grant::Some(listed);
    }
    for (kind, grant) in permissions.kinds() {
        let grant = if kind == "read" { &read } else { grant };
        match grant {
            Grant::All(true) => flags.push(format!("--allow-{kind}").into()),
            Grant::Some(listed) if !listed.is_empty() => {
                let listed: Result<Vec<_>, _> =
                    listed.iter().map(|text| entry(kind, text, cwd)).collect();
                flags.push(format!("--allow-{kind}={}", listed?.join(",")).into());
            }
            // By default Deno imports from a list of hosts, and `--deny-import` does not apply to static
            // imports.
            _ if kind == "import" && !given("--allow-import") && !given("-I") => {
                flags.push("--no-remote".into());
            }
            _ => {}
        }
    }
    Ok(flags)
}

/// One entry of a list that Deno splits at commas. Deno 2.0 has an escape (`,,`) and 2.9 does not, so `/a,/etc` would
/// grant `/etc` in some version. A path can be written relative to `cwd` instead.
fn entry(kind: &str, text: &str, cwd: &Path) -> Result<String, Error> {
    if !text.contains(',') {
        return Ok(text.to_string());
    }
    let is_path = matches!(kind, "read" | "write" | "run");
    let below_cwd = Path::new(text).strip_prefix(cwd).ok().and_then(Path::to_str);
    match below_cwd.filter(|_| is_path) {
        Some("") => Ok(".".to_string()),
        // `./`, because a file name may begin with any character.
        Some(below) if !below.contains(',') => Ok(format!("./{below}")),
        _ => Err(Error::invalid(format!(
            "deno cannot be given a permission for '{}': it splits '--allow-{kind}' at the comma{}",
            shown(text),
            if is_path {
                " (rename it, or set 'cwd' to a folder above it whose path has the comma)"
            } else {
                ""
            }
        ))),
    }
}

/// Whether packages are installed for `folder`. Only the nearest project counts, not a `node_modules` above it.
fn uses_node_modules(folder: &Path) -> bool {
    for folder in folder.ancestors() {
        if folder.join("node_modules").is_dir() {
            return true;
        }
        // A folder with only a `package.json` may be a member of a workspace.
        if folder.join("deno.json").exists() || folder.join("deno.jsonc").exists() {
            return false;
        }
    }
    false
}
