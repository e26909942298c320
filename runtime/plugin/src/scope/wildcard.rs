//! Patterns for names, arguments and variables, which are no paths.
//!
//! Path patterns treat `\` as `/` on Windows, so that they would allow what the entry does not name.

/// Text in which `*` stands for any characters; nothing else is special.
#[derive(Debug)]
pub(super) struct Wildcard {
    prefix: String,
    /// What must follow after each `*`, in order; empty if the pattern has none.
    rest: Vec<String>,
}

impl Wildcard {
    pub(super) fn new(pattern: &str) -> Self {
        let mut parts = pattern.split('*').map(str::to_owned);
        // `split` yields at least one part.
        let prefix = parts.next().unwrap_or_default();
        Self { prefix, rest: parts.collect() }
    }

    pub(super) fn is_match(&self, text: &str) -> bool {
        let Some((suffix, middle)) = self.rest.split_last() else { return text == self.prefix };
        let Some(mut left) = text.strip_prefix(&self.prefix) else { return false };
        for part in middle {
            // The first place leaves the most for what follows.
            let Some(at) = left.find(part.as_str()) else { return false };
            left = &left[at + part.len()..];
        }
        left.ends_with(suffix.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_characters_and_nothing_else_is_special() {
        for (pattern, text, expected) in [
            ("worker-*", "worker-1", true),
            ("worker-*", "worker", false),
            ("*", "any/thing", true),
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("a[b]?{c}", "a[b]?{c}", true),
            ("a[b]", "ab", false),
            ("a?", "ab", false),
            ("!x", "!x", true),
            ("plain", "plain", true),
            ("plain", "plain-1", false),
            ("*.log", "a.log.log", true),
            ("*.log", "a.log.txt", false),
            ("a*a", "a", false),
            ("a*a", "aa", true),
            ("a*b*c", "a-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("a*bc*c", "abc", false),
            ("*größe*", "die größe 😀", true),
            ("a**b", "ab", true),
            ("a*\n", "a\n\n", true),
        ] {
            assert_eq!(Wildcard::new(pattern).is_match(text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn a_slash_and_a_backslash_are_two_characters() {
        for (pattern, text, expected) in [
            (r"a\b", r"a\b", true),
            (r"a\*", r"a\b\c", true),
            ("a/b", r"a\b", false),
            (r"a\b", "a/b", false),
            ("a/*", r"a\b", false),
        ] {
            assert_eq!(Wildcard::new(pattern).is_match(text), expected, "{pattern} {text}");
        }
    }
}
