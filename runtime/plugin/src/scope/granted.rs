//! Permissions that a page asks for, held against the most it may have.

use std::path::{Path, PathBuf};

use js_runtime::{Grant, Permissions};

use super::entry::{EntryPermissions, Patterns};
use super::reach::{Reach, absolute, is_slippery, names, real};
use super::shown;
use crate::error::Error;

/// Most paths, hosts and names that a page may ask for: each is held against each that its entry grants.
const MOST_ITEMS: usize = 1000;

/// What the process gets: what was asked for, if it is not too much, otherwise all that there is. Paths come
/// out by their real names; relative ones are seen from `base`.
pub(super) fn permissions(
    wanted: Option<Permissions>,
    most: Option<&EntryPermissions>,
    base: &Path,
) -> Result<Permissions, String> {
    let most = most.map(grants).unwrap_or_default();
    let Some(mut wanted) = wanted else {
        let reach = |granted: Grant| match granted {
            Grant::Some(paths) => texts(Reach::new(&paths, base).into_paths()),
            all @ Grant::All(_) => Ok(all),
        };
        return Ok(Permissions { read: reach(most.read)?, write: reach(most.write)?, ..most });
    };
    if wanted.all && !most.all {
        return Err("its entry does not grant the permission 'all'".to_owned());
    }
    if count(&wanted) > MOST_ITEMS {
        return Err(format!("a page may list {MOST_ITEMS} items in 'permissions' at the most"));
    }
    for (kind, wanted, most) in [
        ("net", &wanted.net, &most.net),
        ("env", &wanted.env, &most.env),
        ("run", &wanted.run, &most.run),
        ("sys", &wanted.sys, &most.sys),
        ("import", &wanted.import, &most.import),
    ] {
        if let Some(item) = excess(kind, wanted, most) {
            return Err(not_granted(kind, &item));
        }
    }
    for (kind, wanted, most) in
        [("read", &mut wanted.read, &most.read), ("write", &mut wanted.write, &most.write)]
    {
        if let Some(item) = excess(kind, wanted, most) {
            return Err(not_granted(kind, &item));
        }
        if let Grant::Some(list) = wanted {
            *wanted = paths(list, most, base).map_err(|item| not_granted(kind, &item))?;
        }
    }
    Ok(wanted)
}

fn not_granted(kind: &str, item: &str) -> String {
    format!("its entry does not grant the permission '{kind}' for {item}")
}

fn count(permissions: &Permissions) -> usize {
    let Permissions { read, write, net, env, run, sys, import, .. } = permissions;
    let length = |grant: &Grant| if let Grant::Some(list) = grant { list.len() } else { 0 };
    [read, write, net, env, run, sys, import].into_iter().map(length).sum()
}

/// Finds what would grant more than it says, or something else.
pub(super) fn check(most: &EntryPermissions) -> Result<(), Error> {
    let listed = |patterns: &Option<Patterns>| match patterns {
        Some(Patterns::Some(list)) => list.clone(),
        _ => vec![],
    };
    let kinds = [&most.read, &most.write, &most.net, &most.env, &most.run, &most.sys, &most.import];
    if kinds.into_iter().flat_map(listed).any(|item| item.is_empty()) {
        return Err(Error::invalid(
            "the permissions of a scope entry have an empty string in a list",
        ));
    }
    let mut paths = [&most.read, &most.write].into_iter().flat_map(listed);
    match paths.find(|path| is_slippery(Path::new(path))) {
        Some(path) => Err(Error::invalid(format!(
            "the path '{path}' in the permissions of a scope entry must not contain '..' or another part that \
             leads elsewhere; write where it leads"
        ))),
        None => Ok(()),
    }
}

/// Whether a path in it depends on the working directory. A program without a folder is looked up on `PATH`.
pub(super) fn has_relative_paths(most: &EntryPermissions) -> bool {
    let has = |patterns: &Option<Patterns>, is_relative: fn(&String) -> bool| match patterns {
        Some(Patterns::Some(list)) => list.iter().any(is_relative),
        _ => false,
    };
    let is_relative = |path: &String| !Path::new(path).is_absolute();
    has(&most.read, is_relative)
        || has(&most.write, is_relative)
        || has(&most.run, |program| is_relative_program(program))
}

/// Whether a program is looked for in a folder that depends on the working directory.
pub(super) fn is_relative_program(program: &str) -> bool {
    program.contains(['/', '\\']) && !Path::new(program).is_absolute()
}

/// Finds a path of an entry that its own processes can have replaced by a link: it lies where they may write,
/// and leads out of there.
pub(super) fn replaced(
    most: Option<&EntryPermissions>,
    folders: &[&Path],
    base: &Path,
) -> Option<PathBuf> {
    let most = most.map(grants).unwrap_or_default();
    let listed = |grant: &Grant| -> Vec<PathBuf> {
        let Grant::Some(list) = grant else { return vec![] };
        list.iter().filter_map(|path| absolute(path, base).ok()).collect()
    };
    let writable = listed(&most.write);
    let folders = folders.iter().map(|folder| folder.to_path_buf());
    let mut paths = listed(&most.read).into_iter().chain(writable.clone()).chain(folders);
    let writable: Vec<_> = writable.iter().filter_map(|folder| real(folder).ok()).collect();
    paths.find(|path| {
        let above: Vec<_> = path.ancestors().skip(1).filter_map(|it| real(it).ok()).collect();
        // One that the system does not resolve grants nothing.
        real(path).is_ok_and(|path| {
            writable.iter().any(|folder| {
                !path.starts_with(folder) && above.iter().any(|above| above.starts_with(folder))
            })
        })
    })
}

/// Everything is each kind of everything.
fn grants(most: &EntryPermissions) -> Permissions {
    let grant = |patterns: &Option<Patterns>| match patterns {
        _ if most.all => Grant::All(true),
        None => Grant::All(false),
        Some(Patterns::All(all)) => Grant::All(*all),
        Some(Patterns::Some(list)) => Grant::Some(list.clone()),
    };
    Permissions {
        all: most.all,
        read: grant(&most.read),
        write: grant(&most.write),
        net: grant(&most.net),
        env: grant(&most.env),
        run: grant(&most.run),
        sys: grant(&most.sys),
        import: grant(&most.import),
    }
}

/// The first thing in `wanted` that is not in `most`, in words. Where paths lead is looked at later.
fn excess(kind: &str, wanted: &Grant, most: &Grant) -> Option<String> {
    let quoted = |item: &String| format!("'{}'", shown(item));
    match (wanted, most) {
        (Grant::All(false), _) | (_, Grant::All(true)) => None,
        (Grant::All(true), _) => Some("everything".to_owned()),
        // An empty list asks for nothing.
        (Grant::Some(wanted), Grant::All(false)) => wanted.first().map(quoted),
        (Grant::Some(_), Grant::Some(_)) if matches!(kind, "read" | "write") => None,
        (Grant::Some(wanted), Grant::Some(most)) => wanted
            .iter()
            .find(|item| !most.iter().any(|granted| is_within(kind, item, granted)))
            .map(quoted),
    }
}

fn is_within(kind: &str, item: &str, granted: &str) -> bool {
    let is_host = matches!(kind, "net" | "import");
    // A host stands for all of its ports.
    let is_port_of_host = || {
        let port = item.strip_prefix(granted).and_then(|rest| rest.strip_prefix(':'));
        !granted.contains(':') && port.is_some_and(|port| port.parse::<u16>().is_ok())
    };
    item == granted || (is_host && is_port_of_host())
}

/// The real names of paths that a page asks for, or the first that is not granted. Why is not said: whether
/// there is something that was not granted is nothing that a page may find out.
fn paths(wanted: &[String], most: &Grant, base: &Path) -> Result<Grant, String> {
    let most = match most {
        Grant::Some(granted) => Some(Reach::new(granted, base)),
        Grant::All(_) => None,
    };
    let mut real = Vec::new();
    for path in wanted {
        let names = absolute(path, base).and_then(|path| names(&path)).ok();
        let is_granted =
            |path: &PathBuf| most.as_ref().is_none_or(|reach: &Reach| reach.holds(path));
        match names.filter(|names| names.iter().all(is_granted)) {
            Some(names) => real.extend(names),
            None => return Err(format!("'{}'", shown(path))),
        }
    }
    real.dedup();
    texts(real)
}

fn texts(paths: Vec<PathBuf>) -> Result<Grant, String> {
    let text = |path: PathBuf| {
        let refuse = |path: std::ffi::OsString| {
            format!("the path '{}', whose name is not Unicode", shown(&path.to_string_lossy()))
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
    fn a_page_may_ask_for_less_and_for_nothing_else() {
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
            let (wanted, most) = parse(text);
            let result = permissions(Some(wanted), Some(&most), Path::new("/"));
            match expected {
                None => assert!(result.is_ok(), "{text}"),
                Some(part) => assert!(result.expect_err(text).contains(part), "{text}"),
            }
        }
    }

    #[test]
    fn what_depends_on_the_working_directory_is_known() {
        for (text, expected) in [
            (r#"[{}, { "read": ["data"] }]"#, true),
            (r#"[{}, { "write": ["./data"] }]"#, true),
            (r#"[{}, { "run": ["./tool"] }]"#, true),
            (r#"[{}, { "run": ["ls", "bin/tool"] }]"#, true),
            (r#"[{}, { "run": [".\\tool.exe"] }]"#, true),
            (r#"[{}, { "run": ["ls"], "net": ["a.com"], "env": ["A"], "read": true }]"#, false),
        ] {
            assert_eq!(has_relative_paths(&parse(text).1), expected, "{text}");
        }
    }
}
