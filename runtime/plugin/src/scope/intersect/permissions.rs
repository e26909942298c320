//! Permissions: those of the page's configuration, within those of the entry.

use std::path::{Path, PathBuf};

use js_runtime::{Grant, Permissions};

use crate::error::Error;
use crate::scope::entry::{EntryPermissions, Patterns};
use crate::scope::path_scope::{PathScope, absolute, forms, is_ambiguous, resolved};
use crate::scope::quoted;

/// Most paths, hosts and names in a page's permissions: each is compared with each one of the entry.
const MAX_ITEMS: usize = 1000;

/// The permissions of the process: the requested ones if the entry grants them; without a request, all that
/// the entry grants. Paths are resolved relative to `base`.
pub(crate) fn permissions(
    requested: Option<Permissions>,
    granted: Option<&EntryPermissions>,
    base: &Path,
) -> Result<Permissions, String> {
    let granted = granted.map(grants).unwrap_or_default();
    let Some(mut requested) = requested else {
        let resolve = |grant: Grant| match grant {
            Grant::Some(paths) => texts(PathScope::new(&paths, base).into_paths()),
            all @ Grant::All(_) => Ok(all),
        };
        let (read, write) = (resolve(granted.read)?, resolve(granted.write)?);
        return Ok(Permissions { read, write, ..granted });
    };
    if requested.all && !granted.all {
        return Err("its entry does not grant the permission 'all'".to_owned());
    }
    if count(&requested) > MAX_ITEMS {
        return Err(format!("a page may list at most {MAX_ITEMS} items in 'permissions'"));
    }
    for (kind, requested, granted) in [
        ("net", &requested.net, &granted.net),
        ("env", &requested.env, &granted.env),
        ("run", &requested.run, &granted.run),
        ("sys", &requested.sys, &granted.sys),
        ("import", &requested.import, &granted.import),
    ] {
        if let Some(item) = excess(kind, requested, granted) {
            return Err(not_granted(kind, &item));
        }
    }
    for (kind, requested, granted) in [
        ("read", &mut requested.read, &granted.read),
        ("write", &mut requested.write, &granted.write),
    ] {
        if let Some(item) = excess(kind, requested, granted) {
            return Err(not_granted(kind, &item));
        }
        if let Grant::Some(list) = requested {
            *requested = paths(list, granted, base).map_err(|item| not_granted(kind, &item))?;
        }
    }
    Ok(requested)
}

fn not_granted(kind: &str, item: &str) -> String {
    format!("its entry does not grant the permission '{kind}' for {item}")
}

fn count(permissions: &Permissions) -> usize {
    let Permissions { read, write, net, env, run, sys, import, .. } = permissions;
    let length = |grant: &Grant| if let Grant::Some(list) = grant { list.len() } else { 0 };
    [read, write, net, env, run, sys, import].into_iter().map(length).sum()
}

/// Refuses items of an entry that would grant more than they say, or something else.
pub(crate) fn check_permissions(granted: &EntryPermissions) -> Result<(), Error> {
    let listed = |patterns: &Option<Patterns>| match patterns {
        Some(Patterns::Some(list)) => list.clone(),
        _ => vec![],
    };
    let EntryPermissions { read, write, net, env, run, sys, import, .. } = granted;
    let kinds = [read, write, net, env, run, sys, import];
    if kinds.into_iter().flat_map(listed).any(|item| item.is_empty()) {
        return Err(Error::invalid(
            "the permissions of a scope entry have an empty string in a list",
        ));
    }
    let mut paths = [read, write].into_iter().flat_map(listed);
    match paths.find(|path| is_ambiguous(Path::new(path))) {
        Some(path) => Err(Error::invalid(format!(
            "the path '{path}' in the permissions of a scope entry must not contain '..' or a part that \
             Windows treats as a device or as a part of a file"
        ))),
        None => Ok(()),
    }
}

/// Whether a path in the permissions depends on the working directory. A program without a folder does not: it
/// is searched for on `PATH`.
pub(crate) fn depends_on_cwd(granted: &EntryPermissions) -> bool {
    let has = |patterns: &Option<Patterns>, is_relative: fn(&String) -> bool| match patterns {
        Some(Patterns::Some(list)) => list.iter().any(is_relative),
        _ => false,
    };
    let is_relative = |path: &String| !Path::new(path).is_absolute();
    has(&granted.read, is_relative)
        || has(&granted.write, is_relative)
        || has(&granted.run, |program| is_relative_program(program))
}

/// Whether a program is named by a path relative to the working directory.
pub(crate) fn is_relative_program(program: &str) -> bool {
    program.contains(['/', '\\']) && !Path::new(program).is_absolute()
}

/// Finds a path of an entry that its own processes may have replaced by a symlink: it is inside a folder that
/// they may write to, and leads out of that folder.
pub(crate) fn replaceable_path(
    granted: Option<&EntryPermissions>,
    folders: &[&Path],
    base: &Path,
) -> Option<PathBuf> {
    let granted = granted.map(grants).unwrap_or_default();
    let listed = |grant: &Grant| -> Vec<PathBuf> {
        let Grant::Some(list) = grant else { return vec![] };
        list.iter().filter_map(|path| absolute(path, base).ok()).collect()
    };
    let writable = listed(&granted.write);
    let folders = folders.iter().map(|folder| folder.to_path_buf());
    let mut paths = listed(&granted.read).into_iter().chain(writable.clone()).chain(folders);
    let writable: Vec<_> = writable.iter().filter_map(|folder| resolved(folder).ok()).collect();
    paths.find(|path| {
        let parents: Vec<_> =
            path.ancestors().skip(1).filter_map(|parent| resolved(parent).ok()).collect();
        // A path that the system cannot resolve grants nothing.
        resolved(path).is_ok_and(|path| {
            writable.iter().any(|folder| {
                !path.starts_with(folder) && parents.iter().any(|parent| parent.starts_with(folder))
            })
        })
    })
}

/// The permissions of an entry. `all` sets every kind.
fn grants(granted: &EntryPermissions) -> Permissions {
    let grant = |patterns: &Option<Patterns>| match patterns {
        _ if granted.all => Grant::All(true),
        None => Grant::All(false),
        Some(Patterns::All(all)) => Grant::All(*all),
        Some(Patterns::Some(list)) => Grant::Some(list.clone()),
    };
    Permissions {
        all: granted.all,
        read: grant(&granted.read),
        write: grant(&granted.write),
        net: grant(&granted.net),
        env: grant(&granted.env),
        run: grant(&granted.run),
        sys: grant(&granted.sys),
        import: grant(&granted.import),
    }
}

/// The first requested item that is not granted, for an error message. Two lists of paths are compared by
/// [`paths`] instead.
fn excess(kind: &str, requested: &Grant, granted: &Grant) -> Option<String> {
    let item = |item: &String| format!("'{}'", quoted(item));
    match (requested, granted) {
        (Grant::All(false), _) | (_, Grant::All(true)) => None,
        (Grant::All(true), _) => Some("everything".to_owned()),
        // An empty list requests nothing.
        (Grant::Some(requested), Grant::All(false)) => requested.first().map(item),
        (Grant::Some(_), Grant::Some(_)) if matches!(kind, "read" | "write") => None,
        (Grant::Some(requested), Grant::Some(list)) => requested
            .iter()
            .find(|item| !list.iter().any(|granted| is_within(kind, item, granted)))
            .map(item),
    }
}

fn is_within(kind: &str, item: &str, granted: &str) -> bool {
    let is_host = matches!(kind, "net" | "import");
    // A host without a port covers all its ports.
    let is_port_of_host = || {
        let port = item.strip_prefix(granted).and_then(|rest| rest.strip_prefix(':'));
        !granted.contains(':') && port.is_some_and(|port| port.parse::<u16>().is_ok())
    };
    item == granted || (is_host && is_port_of_host())
}

/// The resolved forms of requested paths. The error is the first path that is not granted, without a cause: a
/// page must not learn whether a path that is not granted exists.
fn paths(requested: &[String], granted: &Grant, base: &Path) -> Result<Grant, String> {
    let granted = match granted {
        Grant::Some(granted) => Some(PathScope::new(granted, base)),
        Grant::All(_) => None,
    };
    let mut result = Vec::new();
    for path in requested {
        let forms = absolute(path, base).and_then(|path| forms(&path)).ok();
        let is_granted =
            |path: &PathBuf| granted.as_ref().is_none_or(|scope: &PathScope| scope.contains(path));
        match forms.filter(|forms| forms.iter().all(is_granted)) {
            Some(forms) => result.extend(forms),
            None => return Err(format!("'{}'", quoted(path))),
        }
    }
    result.dedup();
    texts(result)
}

fn texts(paths: Vec<PathBuf>) -> Result<Grant, String> {
    let text = |path: PathBuf| {
        let refuse = |path: std::ffi::OsString| {
            format!("the path '{}', whose name is not Unicode", quoted(&path.to_string_lossy()))
        };
        path.into_os_string().into_string().map_err(refuse)
    };
    paths.into_iter().map(text).collect::<Result<_, _>>().map(Grant::Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> (Permissions, EntryPermissions) {
        let value: serde_json::Value = serde_json::from_str(text).expect("JSON");
        (
            serde_json::from_value(value[0].clone()).expect("permissions"),
            serde_json::from_value(value[1].clone()).expect("an entry"),
        )
    }

    #[test]
    fn a_page_may_request_less_but_not_more() {
        for (text, expected) in [
            (r#"[{ "net": ["a.com"] }, { "net": ["a.com", "b.com"] }]"#, None),
            (r#"[{ "net": ["a.com:443"] }, { "net": ["a.com"] }]"#, None),
            (r#"[{ "net": ["a.com"] }, { "net": ["a.com:443"] }]"#, Some("'net' for 'a.com'")),
            (r#"[{ "net": ["a.com.evil:1"] }, { "net": ["a.com"] }]"#, Some("'net'")),
            (r#"[{ "net": ["a.com:1.evil"] }, { "net": ["a.com"] }]"#, Some("'net'")),
            (r#"[{ "net": ["a.com:"] }, { "net": ["a.com"] }]"#, Some("'net'")),
            (r#"[{ "net": ["a.com:65536"] }, { "net": ["a.com"] }]"#, Some("'net'")),
            (r#"[{ "net": ["a.com"] }, { "net": ["*.com"] }]"#, Some("'net'")),
            (r#"[{ "read": ["/data/a"] }, { "read": ["/data"] }]"#, None),
            (r#"[{ "read": ["/data/../etc"] }, { "read": ["/data"] }]"#, Some("'read'")),
            (r#"[{ "read": ["/data/.."] }, { "read": true }]"#, Some("'read'")),
            (r#"[{ "read": ["/database"] }, { "read": ["/data"] }]"#, Some("'read'")),
            (r#"[{ "read": true }, { "read": ["/data"] }]"#, Some("for everything")),
            (r#"[{ "read": [] }, {}]"#, None),
            (r#"[{ "env": ["A*"] }, { "env": ["AB"] }]"#, Some("'env'")),
            (r#"[{ "env": ["AB"] }, { "env": ["A"] }]"#, Some("'env'")),
            (r#"[{ "run": ["sh"] }, {}]"#, Some("'run' for 'sh'")),
            (r#"[{ "all": true }, { "net": true }]"#, Some("'all'")),
            (r#"[{ "sys": ["hostname"] }, { "all": true }]"#, None),
        ] {
            let (requested, granted) = parse(text);
            let result = permissions(Some(requested), Some(&granted), Path::new("/"));
            match expected {
                None => assert!(result.is_ok(), "{text}"),
                Some(part) => assert!(result.expect_err(text).contains(part), "{text}"),
            }
        }
    }

    #[test]
    fn permissions_that_depend_on_the_working_directory_are_recognized() {
        for (text, expected) in [
            (r#"[{}, { "read": ["data"] }]"#, true),
            (r#"[{}, { "write": ["./data"] }]"#, true),
            (r#"[{}, { "run": ["./tool"] }]"#, true),
            (r#"[{}, { "run": ["ls", "bin/tool"] }]"#, true),
            (r#"[{}, { "run": [".\\tool.exe"] }]"#, true),
            (r#"[{}, { "run": ["ls"], "net": ["a.com"], "env": ["A"], "read": true }]"#, false),
        ] {
            assert_eq!(depends_on_cwd(&parse(text).1), expected, "{text}");
        }
    }
}
