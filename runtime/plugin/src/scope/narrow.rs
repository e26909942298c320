//! Limits that a page asks for, held against the most it may have.

use js_runtime::Limits;

use super::entry::EntryLimits;

/// The limits the process gets; `most` and then `defaults` bound what may be asked for.
pub(super) fn limits(
    wanted: Option<Limits>,
    most: Option<EntryLimits>,
    defaults: Option<Limits>,
) -> Result<Option<Limits>, String> {
    let wanted = wanted.unwrap_or_default();
    let mut usual = defaults.unwrap_or_default().or(Limits::standard());
    // Where nobody has named it, it follows from the heap and the buffers that are given.
    let follows = [wanted.memory_mb, most.and_then(|most| most.memory_mb), usual.memory_mb]
        .into_iter()
        .all(|limit| limit.is_none());
    usual.memory_mb = Some(usual.memory_mb_or_default());
    let most = most.map(bounds).unwrap_or_default().or(usual);
    let bound = |what: &str, field: fn(&Limits) -> Option<u32>| {
        least(what, field(&wanted), field(&most), field(&usual))
    };
    Ok(Some(Limits {
        heap_mb: bound("heapMb", |limits| limits.heap_mb)?,
        array_buffer_mb: bound("arrayBufferMb", |limits| limits.array_buffer_mb)?,
        memory_mb: if follows { None } else { bound("memoryMb", |limits| limits.memory_mb)? },
        line_mb: bound("lineMb", |limits| limits.line_mb)?,
        stdin_buffer_mb: bound("stdinBufferMb", |limits| limits.stdin_buffer_mb)?,
        stdout_buffer_mb: bound("stdoutBufferMb", |limits| limits.stdout_buffer_mb)?,
        open_files: bound("openFiles", |limits| limits.open_files)?,
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
        memory_mb: most.memory_mb,
        line_mb: most.line_mb,
        stdin_buffer_mb: most.stdin_buffer_mb,
        stdout_buffer_mb: most.stdout_buffer_mb,
        open_files: most.open_files,
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
            ("openFiles", usual.open_files),
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
    fn the_limit_to_all_memory_is_bounded_too_and_follows_from_the_others_where_it_is_not_named() {
        let given = |wanted: &str, entry: &str, app: &str| {
            narrowed(wanted, entry, app).map(|given| given.memory_mb)
        };
        let usual = Limits::standard().memory_mb_or_default();
        let limit = |n: u32| format!(r#"{{ "memoryMb": {n} }}"#);
        assert_eq!(given("{}", "{}", "{}"), Ok(None));
        assert_eq!(given(r#"{ "heapMb": 64 }"#, "{}", "{}"), Ok(None));
        assert_eq!(given(&limit(usual), "{}", "{}"), Ok(Some(usual)));
        assert!(given(&limit(usual + 1), "{}", "{}").is_err());
        assert!(given(&limit(201), "{}", &limit(200)).is_err());
        assert!(given(&limit(201), &limit(200), "{}").is_err());
        assert_eq!(given("{}", &limit(200), "{}"), Ok(Some(200)));
        assert_eq!(given("{}", "{}", &limit(200)), Ok(Some(200)));
        assert_eq!(given(&limit(90_000), &limit(90_000), &limit(200)), Ok(Some(90_000)));
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
