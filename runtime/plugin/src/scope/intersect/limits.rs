//! Limits: those of the page's configuration, bounded by the entry.

use js_runtime::Limits;

use crate::scope::entry::EntryLimits;

/// The limits of the process. A field of `max` bounds the page's request; without that field, the field of
/// `defaults`, and then the standard limit.
pub(crate) fn limits(
    requested: Option<Limits>,
    max: Option<EntryLimits>,
    defaults: Option<Limits>,
) -> Result<Option<Limits>, String> {
    let requested = requested.unwrap_or_default();
    let mut defaults = defaults.unwrap_or_default().or(Limits::standard());
    // If no source sets it, it is derived from the resulting limits of heap and buffers.
    let is_derived = [requested.memory_mb, max.and_then(|max| max.memory_mb), defaults.memory_mb]
        .into_iter()
        .all(|limit| limit.is_none());
    defaults.memory_mb = Some(defaults.memory_mb_or_default());
    let max = max.map(to_limits).unwrap_or_default().or(defaults);
    let bound = |name: &str, field: fn(&Limits) -> Option<u32>| {
        limit(name, field(&requested), field(&max), field(&defaults))
    };
    Ok(Some(Limits {
        heap_mb: bound("heapMb", |limits| limits.heap_mb)?,
        array_buffer_mb: bound("arrayBufferMb", |limits| limits.array_buffer_mb)?,
        memory_mb: if is_derived { None } else { bound("memoryMb", |limits| limits.memory_mb)? },
        line_mb: bound("lineMb", |limits| limits.line_mb)?,
        stdin_buffer_mb: bound("stdinBufferMb", |limits| limits.stdin_buffer_mb)?,
        stdout_buffer_mb: bound("stdoutBufferMb", |limits| limits.stdout_buffer_mb)?,
        open_files: bound("openFiles", |limits| limits.open_files)?,
        kill_grace_ms: bound("killGraceMs", |limits| limits.kill_grace_ms)?,
        start_timeout_ms: bound("startTimeoutMs", |limits| limits.start_timeout_ms)?,
        unresponsive_ms: bound(UNRESPONSIVE, |limits| limits.unresponsive_ms)?,
        kill_unresponsive: kill_unresponsive(&requested, &max, &defaults)?,
    }))
}

/// The limit for which 0 means unlimited.
const UNRESPONSIVE: &str = "unresponsiveMs";

fn to_limits(max: EntryLimits) -> Limits {
    Limits {
        heap_mb: max.heap_mb,
        array_buffer_mb: max.array_buffer_mb,
        memory_mb: max.memory_mb,
        line_mb: max.line_mb,
        stdin_buffer_mb: max.stdin_buffer_mb,
        stdout_buffer_mb: max.stdout_buffer_mb,
        open_files: max.open_files,
        kill_grace_ms: max.kill_grace_ms,
        start_timeout_ms: max.start_timeout_ms,
        unresponsive_ms: max.unresponsive_ms,
        kill_unresponsive: max.kill_unresponsive,
    }
}

/// The requested limit, or an error if it exceeds `max`. Without a request, the smaller one of `default` and
/// `max`.
fn limit(
    name: &str,
    requested: Option<u32>,
    max: Option<u32>,
    default: Option<u32>,
) -> Result<Option<u32>, String> {
    let size = |limit: Option<u32>| match limit {
        Some(0) if name == UNRESPONSIVE => Some(u32::MAX),
        limit => limit,
    };
    match (requested, max) {
        (Some(requested), Some(allowed)) if size(Some(requested)) > size(max) => {
            Err(format!("its entry allows a '{name}' of at most {allowed}, not {requested}"))
        }
        (Some(_), _) => Ok(requested),
        (None, _) => Ok(if size(default) < size(max) { default } else { max }),
    }
}

/// A page cannot turn `killUnresponsive` off if the entry or the app turns it on.
fn kill_unresponsive(
    requested: &Limits,
    max: &Limits,
    defaults: &Limits,
) -> Result<Option<bool>, String> {
    match (requested.kill_unresponsive, max.kill_unresponsive) {
        (Some(false), Some(true)) => {
            Err("its entry does not allow a 'killUnresponsive' of false".to_owned())
        }
        (None, Some(true)) => Ok(Some(true)),
        (requested, _) => Ok(requested.or(defaults.kill_unresponsive)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The result of a request, with the limits of an entry and of the app.
    fn intersected(requested: &str, entry: &str, app: &str) -> Result<Limits, String> {
        let [requested, app] =
            [requested, app].map(|text| serde_json::from_str(text).expect("limits"));
        let entry = serde_json::from_str(entry).expect("an entry's limits");
        limits(Some(requested), Some(entry), Some(app)).map(|result| result.expect("some"))
    }

    #[test]
    fn limits_are_bounded_by_the_entry_then_by_the_app_then_by_the_defaults() {
        let standard = Limits::standard();
        for (field, standard) in [
            ("heapMb", standard.heap_mb),
            ("arrayBufferMb", standard.array_buffer_mb),
            ("lineMb", standard.line_mb),
            ("stdinBufferMb", standard.stdin_buffer_mb),
            ("stdoutBufferMb", standard.stdout_buffer_mb),
            ("openFiles", standard.open_files),
            ("killGraceMs", standard.kill_grace_ms),
            ("startTimeoutMs", standard.start_timeout_ms),
            ("unresponsiveMs", standard.unresponsive_ms),
        ] {
            let standard = standard.expect("every field has a default");
            let limit = |n: u32| format!(r#"{{ "{field}": {n} }}"#);
            let result = |requested: &str, entry: &str, app: &str| {
                let result = intersected(requested, entry, app)?;
                let value = serde_json::to_value(result).expect("JSON")[field].as_u64();
                Ok::<_, String>(u32::try_from(value.expect("a number")).expect("a small one"))
            };
            assert_eq!(result(&limit(90_000), &limit(90_000), &limit(64)), Ok(90_000), "{field}");
            let refused = result(&limit(90_001), &limit(90_000), "{}").expect_err(field);
            let expected = format!("a '{field}' of at most 90000, not 90001");
            assert!(refused.contains(&expected), "{refused}");
            assert!(result(&limit(65), "{}", &limit(64)).is_err(), "{field}");
            assert!(result(&limit(standard + 1), "{}", "{}").is_err(), "{field}");
            assert_eq!(result("{}", "{}", "{}"), Ok(standard), "{field}");
            assert_eq!(result("{}", "{}", &limit(64)), Ok(64), "{field}");
            assert_eq!(result("{}", &limit(3), &limit(64)), Ok(3), "{field}");
            assert_eq!(result("{}", &limit(90_000), &limit(64)), Ok(64), "{field}");
        }
    }

    #[test]
    fn memory_mb_is_bounded_and_is_derived_if_no_source_sets_it() {
        let result = |requested: &str, entry: &str, app: &str| {
            intersected(requested, entry, app).map(|result| result.memory_mb)
        };
        let standard = Limits::standard().memory_mb_or_default();
        let limit = |n: u32| format!(r#"{{ "memoryMb": {n} }}"#);
        assert_eq!(result("{}", "{}", "{}"), Ok(None));
        assert_eq!(result(r#"{ "heapMb": 64 }"#, "{}", "{}"), Ok(None));
        assert_eq!(result(&limit(standard), "{}", "{}"), Ok(Some(standard)));
        assert!(result(&limit(standard + 1), "{}", "{}").is_err());
        assert!(result(&limit(201), "{}", &limit(200)).is_err());
        assert!(result(&limit(201), &limit(200), "{}").is_err());
        assert_eq!(result("{}", &limit(200), "{}"), Ok(Some(200)));
        assert_eq!(result("{}", "{}", &limit(200)), Ok(Some(200)));
        assert_eq!(result(&limit(90_000), &limit(90_000), &limit(200)), Ok(Some(90_000)));
    }

    #[test]
    fn an_unresponsive_ms_of_zero_is_the_largest_value() {
        let result = |requested: &str, entry: &str, app: &str| {
            intersected(requested, entry, app).map(|result| result.unresponsive_ms)
        };
        let never = r#"{ "unresponsiveMs": 0 }"#;
        let second = r#"{ "unresponsiveMs": 1000 }"#;
        assert_eq!(result(never, never, second), Ok(Some(0)));
        assert_eq!(result(never, "{}", never), Ok(Some(0)));
        assert_eq!(result(second, never, "{}"), Ok(Some(1000)));
        assert_eq!(result("{}", never, second), Ok(Some(1000)));
        assert_eq!(result("{}", second, never), Ok(Some(1000)));
        assert!(result(never, second, never).is_err());
        assert!(result(never, "{}", "{}").is_err());
    }

    #[test]
    fn a_page_cannot_turn_kill_unresponsive_off_if_the_app_or_its_entry_turns_it_on() {
        let (yes, no) = (r#"{ "killUnresponsive": true }"#, r#"{ "killUnresponsive": false }"#);
        for (requested, entry, app, expected) in [
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
            let result = intersected(requested, entry, app).map(|result| result.kill_unresponsive);
            assert_eq!(result.ok().flatten(), expected, "{requested}, entry {entry}, app {app}");
        }
    }
}
