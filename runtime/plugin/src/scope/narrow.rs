//! Permissions and limits that a page asks for, held against the most it may have.

use std::path::{Component, Path};

use js_runtime::{Grant, Limits, Permissions};

use super::entry::{EntryLimits, EntryPermissions, Patterns};
use crate::error::Error;

/// What the process gets: what was asked for, if it is not too much, otherwise all that there is.
pub(super) fn permissions(
    wanted: Option<Permissions>,
    most: Option<&EntryPermissions>,
    is_script: bool,
) -> Result<Option<Permissions>, String> {
    let Some(wanted) = wanted else {
        // An explicit nothing: the app's own defaults are for its own backends.
        return Ok(is_script.then(|| most.map(grants).unwrap_or_default()));
    };
    let most = most.map(grants).unwrap_or_default();
    if most.all {
        return Ok(Some(wanted));
    }
    if wanted.all {
        return Err("its entry does not grant the permission 'all'".to_owned());
    }
    for (kind, wanted, most) in [
        ("read", &wanted.read, &most.read),
        ("write", &wanted.write, &most.write),
        ("net", &wanted.net, &most.net),
        ("env", &wanted.env, &most.env),
        ("run", &wanted.run, &most.run),
        ("sys", &wanted.sys, &most.sys),
        ("import", &wanted.import, &most.import),
    ] {
        if let Some(item) = excess(kind, wanted, most) {
            return Err(format!("its entry does not grant the permission '{kind}' for {item}"));
        }
    }
    Ok(Some(wanted))
}

/// Finds what would grant more than it says.
pub(super) fn check(most: &EntryPermissions) -> Result<(), Error> {
    let is_empty = |patterns: &&Patterns| matches!(patterns, Patterns::Some(list) if list.iter().any(String::is_empty));
    let kinds = [&most.read, &most.write, &most.net, &most.env, &most.run, &most.sys, &most.import];
    match kinds.into_iter().flatten().find(is_empty) {
        Some(_) => {
            Err(Error::invalid("the permissions of a scope entry have an empty string in a list"))
        }
        None => Ok(()),
    }
}

/// Whether a path in it depends on the working directory.
pub(super) fn has_relative_paths(most: &EntryPermissions) -> bool {
    let is_relative = |patterns: &Patterns| match patterns {
        Patterns::All(_) => false,
        Patterns::Some(list) => list.iter().any(|path| !Path::new(path).is_absolute()),
    };
    [&most.read, &most.write].into_iter().flatten().any(is_relative)
}

fn grants(most: &EntryPermissions) -> Permissions {
    let grant = |patterns: &Option<Patterns>| match patterns {
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

/// The first thing in `wanted` that is not in `most`, in words.
fn excess(kind: &str, wanted: &Grant, most: &Grant) -> Option<String> {
    let everything = || "everything".to_owned();
    match (wanted, most) {
        (Grant::All(false), _) | (_, Grant::All(true)) => None,
        (Grant::All(true), _) => Some(everything()),
        // An empty list asks for nothing.
        (Grant::Some(wanted), _) if wanted.is_empty() => None,
        (Grant::Some(wanted), Grant::All(false)) => Some(format!("'{}'", super::shown(&wanted[0]))),
        (Grant::Some(wanted), Grant::Some(most)) => wanted
            .iter()
            .find(|item| !most.iter().any(|granted| is_within(kind, item, granted)))
            .map(|item| format!("'{}'", super::shown(item))),
    }
}

fn is_within(kind: &str, item: &str, granted: &str) -> bool {
    if item == granted {
        return true;
    }
    match kind {
        "read" | "write" => {
            let goes_up = |c: Component<'_>| c == Component::ParentDir;
            !Path::new(item).components().any(goes_up) && Path::new(item).starts_with(granted)
        }
        // A host stands for all of its ports.
        "net" | "import" => item
            .strip_prefix(granted)
            .and_then(|rest| rest.strip_prefix(':'))
            .is_some_and(|port| !granted.contains(':') && port.chars().all(|c| c.is_ascii_digit())),
        _ => false,
    }
}

/// The limits the process gets; `most` and then `defaults` bound what may be asked for.
pub(super) fn limits(
    wanted: Option<Limits>,
    most: Option<EntryLimits>,
    defaults: Option<Limits>,
) -> Result<Option<Limits>, String> {
    let wanted = wanted.unwrap_or_default();
    let most = most.unwrap_or_default();
    let defaults = defaults.unwrap_or_default();
    let bound =
        |what: &str, wanted: Option<u32>, most: Option<u32>, default: Option<u32>, usual: u32| {
            let default = default.unwrap_or(usual);
            let most = most.unwrap_or(default);
            match wanted {
                Some(wanted) if wanted > most => {
                    Err(format!("its entry allows a '{what}' of {most} at the most, not {wanted}"))
                }
                wanted => Ok(Some(wanted.unwrap_or(default.min(most)))),
            }
        };
    Ok(Some(Limits {
        heap_mb: bound("heapMb", wanted.heap_mb, most.heap_mb, defaults.heap_mb, 512)?,
        line_mb: bound("lineMb", wanted.line_mb, most.line_mb, defaults.line_mb, 64)?,
        stdin_buffer_mb: bound(
            "stdinBufferMb",
            wanted.stdin_buffer_mb,
            most.stdin_buffer_mb,
            defaults.stdin_buffer_mb,
            16,
        )?,
        stdout_buffer_mb: bound(
            "stdoutBufferMb",
            wanted.stdout_buffer_mb,
            most.stdout_buffer_mb,
            defaults.stdout_buffer_mb,
            4,
        )?,
        kill_grace_ms: bound(
            "killGraceMs",
            wanted.kill_grace_ms,
            most.kill_grace_ms,
            defaults.kill_grace_ms,
            500,
        )?,
    }))
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
            (r#"[{ "read": ["/data/a"] }, { "read": ["/data"] }]"#, None),
            (r#"[{ "read": ["/data/../etc"] }, { "read": ["/data"] }]"#, Some("'read'")),
            (r#"[{ "read": ["/database"] }, { "read": ["/data"] }]"#, Some("'read'")),
            (r#"[{ "read": true }, { "read": ["/data"] }]"#, Some("for everything")),
            (r#"[{ "run": ["sh"] }, {}]"#, Some("'run' for 'sh'")),
            (r#"[{ "all": true }, { "net": true }]"#, Some("'all'")),
            (r#"[{ "sys": ["hostname"] }, { "all": true }]"#, None),
        ] {
            let (wanted, most) = parse(text);
            let result = permissions(Some(wanted), Some(&most), true);
            match expected {
                None => assert!(result.is_ok(), "{text}"),
                Some(part) => assert!(result.expect_err(text).contains(part), "{text}"),
            }
        }
    }

    #[test]
    fn limits_are_bounded_by_the_entry_then_by_the_app_then_by_the_defaults() {
        let heap = |mib| Some(Limits { heap_mb: Some(mib), ..Limits::default() });
        let entry = Some(EntryLimits { heap_mb: Some(1024), ..EntryLimits::default() });
        assert!(limits(heap(1024), entry, heap(64)).is_ok());
        assert!(limits(heap(1025), entry, None).is_err());
        assert!(limits(heap(65), None, heap(64)).is_err());
        assert!(limits(heap(513), None, None).is_err());
        let tight = Some(EntryLimits { heap_mb: Some(32), ..EntryLimits::default() });
        let given = limits(None, tight, None).expect("less than usual").expect("some");
        assert_eq!((given.heap_mb, given.line_mb), (Some(32), Some(64)));
        assert_eq!(
            limits(None, None, heap(64)).expect("the app's").expect("some").heap_mb,
            Some(64)
        );
    }
}
