//! What was judged of the ops and native methods that take a buffer: what becomes of its memory when JavaScript runs
//! meanwhile, and shrinks it or gives it away.

use std::collections::{BTreeSet, HashMap};

use super::{OPS, parse};
use crate::isolate::sandbox::ops::buffers;

/// As `ops.txt`, with verdicts of its own.
const BUFFERS: &str = include_str!("buffers.txt");

const VERDICTS: [&str; 7] = ["copied", "kept", "refused", "fixed", "bytes", "own", "alone"];

/// Names with their verdicts.
fn judged() -> Vec<(&'static str, &'static str)> {
    let mut verdict = None;
    let mut judged = Vec::new();
    for line in BUFFERS.lines().filter(|line| !line.is_empty()) {
        let head = line.strip_prefix('[').and_then(|head| head.split_once("] "));
        match head {
            Some((name, _)) => verdict = Some(name),
            None => judged.push((line, verdict.expect("a section begins with its verdict"))),
        }
    }
    judged
}

#[test]
fn what_takes_a_buffer_is_judged_once() {
    let judged = judged();
    let names: BTreeSet<_> = judged.iter().map(|(name, _)| name).collect();
    assert_eq!(names.len(), judged.len(), "a name is on the list twice");
    let verdicts: BTreeSet<_> = judged.iter().map(|(_, verdict)| *verdict).collect();
    assert_eq!(verdicts, VERDICTS.into());
}

#[test]
fn ops_that_take_a_buffer_are_ops_of_the_engine() {
    let ops: HashMap<_, _> = parse(OPS).flatten().collect();
    let gone: Vec<_> = judged()
        .into_iter()
        .filter(|(name, _)| name.starts_with("op_") && !ops.contains_key(name))
        .collect();
    assert!(gone.is_empty(), "{gone:#?}");
}

#[test]
fn what_is_to_read_a_copy_does() {
    let listed = judged().into_iter().filter(|(_, verdict)| *verdict == "copied");
    let listed: BTreeSet<_> = listed.map(|(name, _)| name.to_owned()).collect();
    let ops = buffers::COPIED.into_iter().chain(buffers::READ);
    let mut copied: BTreeSet<_> = ops.map(str::to_owned).collect();
    // Native methods, whose modules are about more than memory.
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
