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
    let usual = defaults.unwrap_or_default().or(Limits::standard());
    let most = most.map(bounds).unwrap_or_default().or(usual);
    let bound = |what: &str, field: fn(&Limits) -> Option<u32>| {
        least(what, field(&wanted), field(&most), field(&usual))
    };
    Ok(Some(Limits {
        heap_mb: bound("heapMb", |limits| limits.heap_mb)?,
        array_buffer_mb: bound("arrayBufferMb", |limits| limits.array_buffer_mb)?,
        line_mb: bound("lineMb", |limits| limits.line_mb)?,
        stdin_buffer_mb: bound("stdinBufferMb", |limits| limits.stdin_buffer_mb)?,
        stdout_buffer_mb: bound("stdoutBufferMb", |limits| limits.stdout_buffer_mb)?,
        kill_grace_ms: bound("killGraceMs", |limits| limits.kill_grace_ms)?,
        start_timeout_ms: bound("startTimeoutMs", |limits| limits.start_timeout_ms)?,
        unresponsive_ms: bound(UNRESPONSIVE, |limits| limits.unresponsive_ms)?,
        kill_unresponsive: end_of_stuck(&wanted, &most, &usual)?,
    }))
}

/// The limit at which 0 stands for no limit at all.
const UNRESPONSIVE: &str = "unresponsiveMs";

fn bounds(most: EntryLimits) -> Limits {
    Limits {
        heap_mb: most.heap_mb,
        array_buffer_mb: most.array_buffer_mb,
        line_mb: most.line_mb,
        stdin_buffer_mb: most.stdin_buffer_mb,
        stdout_buffer_mb: most.stdout_buffer_mb,
        kill_grace_ms: most.kill_grace_ms,
        start_timeout_ms: most.start_timeout_ms,
        unresponsive_ms: most.unresponsive_ms,
        kill_unresponsive: most.kill_unresponsive,
    }
}

/// What was asked for, if it is not too much; otherwise what is usual, as far as that is allowed.
fn least(
    what: &str,
    wanted: Option<u32>,
    most: Option<u32>,
    usual: Option<u32>,
) -> Result<Option<u32>, String> {
    let size = |limit: Option<u32>| match limit {
        Some(0) if what == UNRESPONSIVE => Some(u32::MAX),
        limit => limit,
    };
    match (wanted, most) {
        (Some(wanted), Some(allowed)) if size(Some(wanted)) > size(most) => {
            Err(format!("its entry allows a '{what}' of {allowed} at the most, not {wanted}"))
        }
        (Some(_), _) => Ok(wanted),
        (None, _) => Ok(if size(usual) < size(most) { usual } else { most }),
    }
}

/// An app that wants stuck processes to be ended does not leave the choice to a page.
fn end_of_stuck(wanted: &Limits, most: &Limits, usual: &Limits) -> Result<Option<bool>, String> {
    match (wanted.kill_unresponsive, most.kill_unresponsive) {
        (Some(false), Some(true)) => {
            Err("its entry does not allow a 'killUnresponsive' of false".to_owned())
        }
        (None, Some(true)) => Ok(Some(true)),
        (wanted, _) => Ok(wanted.or(usual.kill_unresponsive)),
    }
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

    /// What a page that wants `wanted` gets, by an entry and an app that say this.
    fn narrowed(wanted: &str, entry: &str, app: &str) -> Result<Limits, String> {
        let [wanted, app] = [wanted, app].map(|text| serde_json::from_str(text).expect("limits"));
        let entry = serde_json::from_str(entry).expect("an entry's limits");
        limits(Some(wanted), Some(entry), Some(app)).map(|given| given.expect("some"))
    }

    #[test]
    fn limits_are_bounded_by_the_entry_then_by_the_app_then_by_the_defaults() {
        let usual = Limits::standard();
        for (field, usual) in [
            ("heapMb", usual.heap_mb),
            ("arrayBufferMb", usual.array_buffer_mb),
            ("lineMb", usual.line_mb),
            ("stdinBufferMb", usual.stdin_buffer_mb),
            ("stdoutBufferMb", usual.stdout_buffer_mb),
            ("killGraceMs", usual.kill_grace_ms),
            ("startTimeoutMs", usual.start_timeout_ms),
            ("unresponsiveMs", usual.unresponsive_ms),
        ] {
            let usual = usual.expect("every field has a default");
            let limit = |n: u32| format!(r#"{{ "{field}": {n} }}"#);
            let given = |wanted: &str, entry: &str, app: &str| {
                let given = narrowed(wanted, entry, app)?;
                let value = serde_json::to_value(given).expect("JSON")[field].as_u64();
                Ok::<_, String>(u32::try_from(value.expect("a number")).expect("a small one"))
            };
            assert_eq!(given(&limit(90_000), &limit(90_000), &limit(64)), Ok(90_000), "{field}");
            let refused = given(&limit(90_001), &limit(90_000), "{}").expect_err(field);
            let words = format!("a '{field}' of 90000 at the most, not 90001");
            assert!(refused.contains(&words), "{refused}");
            assert!(given(&limit(65), "{}", &limit(64)).is_err(), "{field}");
            assert!(given(&limit(usual + 1), "{}", "{}").is_err(), "{field}");
            assert_eq!(given("{}", "{}", "{}"), Ok(usual), "{field}");
            assert_eq!(given("{}", "{}", &limit(64)), Ok(64), "{field}");
            assert_eq!(given("{}", &limit(3), &limit(64)), Ok(3), "{field}");
            assert_eq!(given("{}", &limit(90_000), &limit(64)), Ok(64), "{field}");
        }
    }

    #[test]
    fn never_is_the_longest_time_to_be_unresponsive() {
        let given = |wanted: &str, entry: &str, app: &str| {
            narrowed(wanted, entry, app).map(|given| given.unresponsive_ms)
        };
        let never = r#"{ "unresponsiveMs": 0 }"#;
        let second = r#"{ "unresponsiveMs": 1000 }"#;
        assert_eq!(given(never, never, second), Ok(Some(0)));
        assert_eq!(given(never, "{}", never), Ok(Some(0)));
        assert_eq!(given(second, never, "{}"), Ok(Some(1000)));
        assert_eq!(given("{}", never, second), Ok(Some(1000)));
        assert_eq!(given("{}", second, never), Ok(Some(1000)));
        assert!(given(never, second, never).is_err());
        assert!(given(never, "{}", "{}").is_err());
    }

    #[test]
    fn a_page_chooses_the_end_of_a_stuck_process_unless_the_app_or_its_entry_insists() {
        let (yes, no) = (r#"{ "killUnresponsive": true }"#, r#"{ "killUnresponsive": false }"#);
        for (wanted, entry, app, expected) in [
            ("{}", "{}", "{}", Some(false)),
            (yes, "{}", "{}", Some(true)),
            (yes, no, no, Some(true)),
            (no, "{}", "{}", Some(false)),
            (no, no, yes, Some(false)),
            ("{}", no, yes, Some(true)),
            ("{}", "{}", yes, Some(true)),
            ("{}", yes, no, Some(true)),
            (no, "{}", yes, None),
            (no, yes, no, None),
        ] {
            let given = narrowed(wanted, entry, app).map(|given| given.kill_unresponsive);
            assert_eq!(given.ok().flatten(), expected, "{wanted} by {entry} and {app}");
        }
    }
}
