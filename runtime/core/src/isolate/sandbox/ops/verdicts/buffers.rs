//! The reviewed list of ops and native methods that take a buffer, and how each stays safe if JavaScript resizes,
//! transfers or writes the buffer meanwhile.

use std::collections::{BTreeSet, HashMap};

use super::{OPS, parse};
use crate::isolate::sandbox::ops::buffers;

/// In the format of `ops.txt`, with the verdicts below.
const BUFFERS: &str = include_str!("buffers.txt");

const VERDICTS: [&str; 7] = [
    "copied",
    "retained",
    "refused",
    "fixed-length",
    "copied-by-deno",
    "internal",
    "uninterrupted",
];

/// Names with their verdicts.
fn entries() -> Vec<(&'static str, &'static str)> {
    let mut verdict = None;
    let mut entries = Vec::new();
    for line in BUFFERS.lines().filter(|line| !line.is_empty()) {
        let head = line.strip_prefix('[').and_then(|head| head.split_once("] "));
        match head {
            Some((name, _)) => verdict = Some(name),
            None => entries.push((line, verdict.expect("a section starts with its verdict"))),
        }
    }
    entries
}

#[test]
fn names_are_unique_and_verdicts_are_known() {
    let entries = entries();
    let names: BTreeSet<_> = entries.iter().map(|(name, _)| name).collect();
    assert_eq!(names.len(), entries.len(), "a name is listed twice");
    let verdicts: BTreeSet<_> = entries.iter().map(|(_, verdict)| *verdict).collect();
    assert_eq!(verdicts, VERDICTS.into());
}

#[test]
fn every_listed_op_exists() {
    let ops: HashMap<_, _> = parse(OPS).flatten().collect();
    let gone: Vec<_> = entries()
        .into_iter()
        .filter(|(name, _)| name.starts_with("op_") && !ops.contains_key(name))
        .collect();
    assert!(gone.is_empty(), "{gone:#?}");
}

#[test]
fn ops_with_the_verdict_copied_get_copies() {
    let listed = entries().into_iter().filter(|(_, verdict)| *verdict == "copied");
    let listed: BTreeSet<_> = listed.map(|(name, _)| name.to_owned()).collect();
    let ops = buffers::COPIED.into_iter().chain(buffers::READ);
    let mut copied: BTreeSet<_> = ops.map(str::to_owned).collect();
    // Native methods, whose replacements copy.
    copied.extend(
        [
            "DatabaseSync.applyChangeset",
            "DatabaseSync.deserialize",
            "HTTPParser.execute",
            "Http2Session.receive",
        ]
        .map(str::to_owned),
    );
    assert_eq!(listed, copied);
}
