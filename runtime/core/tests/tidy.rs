//! Checks rules of the repository: file length, module docs, no unfinished code, no local paths, no cycles between
//! modules, and consistency of the documentation.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The maximum length of a file, in lines.
const MAX_LINES: usize = 400;

/// Every tracked or untracked, not ignored file with its text.
fn sources() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let listing = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(&root)
        .output()
        .expect("git lists the files of its checkout");
    let names = String::from_utf8(listing.stdout).expect("file names are UTF-8");
    names
        .split_terminator('\0')
        // The index may list deleted files.
        .filter_map(|name| {
            Some((PathBuf::from(name), std::fs::read_to_string(root.join(name)).ok()?))
        })
        .collect()
}

fn is_code(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    ["rs", "ts", "tsx", "js", "mjs", "cjs", "svelte"].contains(&ending)
}

/// Fails with one line for each file in which `fault` finds something.
fn assert_none(rule: &str, fault: impl Fn(&Path, &str) -> Option<String>) {
    let faults: Vec<String> = sources()
        .iter()
        .filter_map(|(path, text)| Some(format!("  {}: {}", path.display(), fault(path, text)?)))
        .collect();
    assert!(faults.is_empty(), "{rule}:\n{}", faults.join("\n"));
}

#[test]
fn no_file_is_too_long() {
    assert_none("split by responsibility", |path, text| {
        let lines = text.lines().count();
        (is_code(path) && lines > MAX_LINES).then(|| format!("{lines} lines"))
    });
}

#[test]
fn every_rust_file_has_module_docs() {
    assert_none("begin with a //! comment", |path, text| {
        let is_rust = path.extension().is_some_and(|ending| ending == "rs");
        (is_rust && !text.starts_with("//!")).then(|| "no module docs".to_owned())
    });
}

#[test]
fn no_code_is_unfinished() {
    // Concatenated, so that this file does not match.
    let marks = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("un", "implemented!")];
    assert_none("do it, or say so in an issue", |path, text| {
        let found = marks.iter().find(|mark| text.contains(**mark))?;
        is_code(path).then(|| (*found).to_owned())
    });
}

#[test]
fn no_file_contains_a_local_path() {
    let home = std::env::var("HOME").unwrap_or_default();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let root = root.canonicalize().expect("the checkout exists").display().to_string();
    assert_none("use a relative path", |_, text| {
        let starts_a_path = |(at, _)| {
            !text[..at].ends_with(|before: char| before.is_alphanumeric() || before == '}')
        };
        let named = [&home, &root].into_iter().find(|path| {
            path.len() > 1 && text.match_indices(&format!("{path}/")).any(starts_a_path)
        })?;
        Some(named.clone())
    });
}

/// The numbered list in `text` that starts with `first`, on one line, without comment and code markers.
fn numbered_list(text: &str, first: &str) -> String {
    let plain = text.replace("//! ", "").replace("//!", "").replace('`', "");
    let list = plain.find(first).map(|start| &plain[start..]).expect(first);
    let list = list.split("\n\n").next().unwrap_or_default();
    list.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn crate_docs_and_architecture_have_the_same_invariants() {
    let files = sources();
    let read = |name: &str| {
        let is_named = |(path, _): &&(PathBuf, String)| path == Path::new(name);
        files.iter().find(is_named).map(|(_, text)| text.as_str()).expect(name)
    };
    for (crate_docs, first) in [
        ("runtime/core/src/lib.rs", "1. The relay never"),
        ("runtime/plugin/src/lib.rs", "1. A page never"),
    ] {
        let of_crate = numbered_list(read(crate_docs), first);
        let of_architecture = numbered_list(read("ARCHITECTURE.md"), first);
        assert_eq!(of_crate, of_architecture, "{crate_docs} and ARCHITECTURE.md");
    }
}

#[test]
fn tests_named_in_the_architecture_exist() {
    let files = sources();
    let (_, page) =
        files.iter().find(|(path, _)| path == Path::new("ARCHITECTURE.md")).expect("the page");
    let is_numbered = |line: &&str| {
        line.strip_prefix("| ")
            .is_some_and(|row| row.starts_with(|first: char| first.is_ascii_digit()))
    };
    let rows = page.lines().filter(is_numbered);
    let exists = |name: &str| {
        let is_path = name.contains('/');
        let (function, quoted) = (format!("fn {name}("), format!("\"{name}\""));
        files.iter().any(|(path, text)| {
            if is_path {
                path.starts_with(name)
            } else {
                is_code(path) && (text.contains(&function) || text.contains(&quoted))
            }
        })
    };
    let mut count = 0;
    for name in rows.flat_map(|row| row.split('`').skip(1).step_by(2)) {
        count += 1;
        assert!(exists(name), "ARCHITECTURE.md names the test '{name}', which does not exist");
    }
    assert!(count > 20, "only {count} names were found");
}

#[test]
fn every_limit_is_documented() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let read = |path: &str| std::fs::read_to_string(root.join(path)).expect(path);
    let page = read("docs/limits.md");
    let bindings = read("runtime/plugin/guest-js/src/bindings/Limits.ts");
    let names = bindings.lines().filter_map(|line| line.trim().split_once("?: "));
    let names: Vec<_> = names.map(|(name, _)| name).collect();
    assert!(names.contains(&"heapMb"), "{names:?}");
    for name in names {
        assert!(page.contains(&format!("\n| `{name}` |")), "'{name}' has no row in docs/limits.md");
    }
}

/// The first name of each path in a group such as `a::b, c::{d, e}, self`, or the name at the beginning of `text`.
fn first_names(text: &str) -> Vec<&str> {
    let end_of_name =
        |text: &str| text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    let Some(group) = text.strip_prefix('{') else { return vec![&text[..end_of_name(text)]] };
    let (mut names, mut depth, mut is_start) = (Vec::new(), 0, true);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => is_start = true,
            c if is_start && !c.is_whitespace() => {
                names.push(&group[at..at + end_of_name(&group[at..])]);
                is_start = false;
            }
            _ => {}
        }
    }
    names
}

/// Fails if the modules in `folder` import each other in a circle. `root` is the path of their parent in the crate.
/// Tests do not count.
fn assert_no_cycles(folder: &str, root: &str) {
    let module_of = |path: &Path| {
        let path = path.strip_prefix(folder).ok()?.to_str()?;
        let module = path.strip_suffix(".rs")?.split('/').next()?;
        (!path.ends_with("tests.rs") && !path.contains("/tests/")).then(|| module.to_owned())
    };
    let files = sources();
    let modules: BTreeSet<_> = files.iter().filter_map(|(path, _)| module_of(path)).collect();
    let mut imports = BTreeSet::new();
    for (path, text) in &files {
        let Some(module) = module_of(path).filter(|module| module != "lib") else { continue };
        let code = text.split("\nmod tests {").next().unwrap_or_default();
        let code = code.lines().filter(|line| !line.trim_start().starts_with("//"));
        let code = code.collect::<Vec<_>>().join("\n");
        for (at, _) in code.match_indices(root) {
            for name in first_names(&code[at + root.len()..]) {
                if name != module && modules.contains(name) {
                    imports.insert((module.clone(), name.to_owned(), path.display().to_string()));
                }
            }
        }
    }
    // Removes modules that import none of the others or that none imports, again and again. Only cycles remain.
    loop {
        let importing: BTreeSet<_> = imports.iter().map(|(from, ..)| from.clone()).collect();
        let imported: BTreeSet<_> = imports.iter().map(|(_, to, _)| to.clone()).collect();
        let before = imports.len();
        imports.retain(|(from, to, _)| importing.contains(to) && imported.contains(from));
        if imports.len() == before {
            break;
        }
    }
    let imports = imports.iter().map(|(from, to, path)| format!("  {from} imports {to}: {path}"));
    let imports = imports.collect::<Vec<_>>();
    assert!(imports.is_empty(), "modules import each other in a circle:\n{}", imports.join("\n"));
}

#[test]
fn modules_do_not_import_each_other_in_a_circle() {
    assert_no_cycles("runtime/core/src", "crate::");
    assert_no_cycles("runtime/core/src/isolate", "crate::isolate::");
}
