//! The modules that are compiled, and their temporary file. The conformance tests run them on Node.

use std::fs;
use std::path::Path;

use serde_json::{Map, Value};
use tempfile::TempDir;

use super::imports::{self, Import};
use super::{graph, write};
use crate::typescript::transpile;

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().expect("the temporary folder is writable");
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("it was joined")).expect("it is writable");
        fs::write(path, text).expect("it is writable");
    }
    folder
}

/// The modules compiled for `main.ts`, relative to their folder.
fn compiled(folder: &TempDir) -> Vec<String> {
    let root = folder.path().canonicalize().expect("it exists");
    let name = |path: &String| {
        let below = Path::new(path).strip_prefix(&root).expect("nothing else was imported");
        below.to_string_lossy().replace('\\', "/")
    };
    let mut names: Vec<_> = graph::sources(&root.join("main.ts")).keys().map(name).collect();
    names.sort_unstable();
    names
}

#[test]
fn imported_modules_are_compiled() {
    let folder = folder(&[
        (
            "main.ts",
            "import './a.ts'; export { b } from './sub/b.mts'; export * from './c.cts'
             import type { T } from './types.ts'; import './missing.ts'; import './data.json'
             import 'package'; import './node_modules/package/index.ts'; import 'node:fs'
             new Worker(new URL('./worker.ts', import.meta.url))
             if (Math.random() > 2) await import('./view.tsx?again')",
        ),
        ("a.ts", "import './main.ts'; import './plain.js'"),
        ("sub/b.mts", "export const b = 1"),
        ("c.cts", "import d = require('./d.cts'); require('./e.jsx'); require(d)"),
        ("d.cts", ""),
        ("e.jsx", ""),
        ("plain.js", "import './behind-javascript.ts'"),
        ("behind-javascript.ts", ""),
        ("types.ts", ""),
        ("unused.ts", ""),
        ("data.json", "{}"),
        ("worker.ts", ""),
        ("view.tsx", "<a/>"),
        ("node_modules/package/index.ts", ""),
    ]);
    assert_eq!(
        compiled(&folder),
        [
            "a.ts",
            "behind-javascript.ts",
            "c.cts",
            "d.cts",
            "e.jsx",
            "main.ts",
            "sub/b.mts",
            "view.tsx",
            "worker.ts"
        ]
    );
}

#[test]
fn a_computed_import_includes_the_folder_it_begins_with() {
    let files = &[
        ("main.ts", "import './sub/x.ts'; import(`./pages/${n}.ts`)"),
        ("beside.ts", ""),
        ("jobs/one.ts", "import(job)"),
        ("jobs/two.ts", ""),
        ("pages/one.ts", ""),
        ("pages/two.tsx", ""),
        ("pages/types.d.ts", ""),
        ("pages/deep/three.ts", ""),
        ("sub/x.ts", "import('../jobs/' + n); import('package/' + n)"),
        ("sub/y.ts", ""),
    ];
    let compiled = compiled(&folder(files));
    let expected =
        ["jobs/one.ts", "jobs/two.ts", "main.ts", "pages/one.ts", "pages/two.tsx", "sub/x.ts"];
    assert_eq!(compiled, expected);
}

#[test]
fn the_beginning_of_a_computed_name_is_found() {
    let url = "file:///a.ts".parse().expect("it is a URL");
    for (text, expected) in [
        ("import('./a-' + b + '.ts')", "./a-"),
        ("import(('./a/' + b) + c)", "./a/"),
        ("import(`./a/${b}`)", "./a/"),
        ("import(`${a}/b`)", ""),
        ("import(a)", ""),
        ("import(a ? './b.ts' : './c.ts')", ""),
    ] {
        let media = deno_ast::MediaType::TypeScript;
        let found = transpile::parse(&url, media, text, |parsed| Ok(imports::of(&parsed)));
        let expected = Import::Computed { beginning: expected.to_owned() };
        assert_eq!(found.expect("it is correct"), [expected], "{text}");
    }
}

#[test]
fn types_are_removed_and_line_numbers_stay() {
    let folder = folder(&[("main.ts", "\u{FEFF}interface A {}\nexport const a: A = {}")]);
    let sources = graph::sources(&folder.path().join("main.ts"));
    let source = sources.values().next().and_then(|module| module["source"].as_str());
    let source = source.expect("the script is in there");
    assert!(source.starts_with("export const a = {};\n//# sourceMappingURL=data:"), "{source}");
}

#[test]
fn a_syntax_error_is_stored_for_its_module() {
    let folder = folder(&[("main.ts", "import './bad.ts'"), ("bad.ts", "let a: number =\n  = 1")]);
    assert_eq!(compiled(&folder), ["bad.ts", "main.ts"]);
    let sources = graph::sources(&folder.path().join("main.ts"));
    let error = sources.values().find_map(|module| module["error"].as_str());
    let error = error.expect("it is in there");
    assert!(error.contains("SyntaxError: ") && error.contains("bad.ts:2:3"), "{error}");
}

#[test]
fn the_sources_file_is_private_and_removed_on_drop() {
    let compiled = write(&Map::new()).expect("the temporary folder is writable");
    let path = compiled.file.to_path_buf();
    let text = fs::read_to_string(&path).expect("it is there");
    assert!(serde_json::from_str::<Value>(&text).is_ok_and(|sources| sources.is_object()));
    #[cfg(unix)]
    {
        let mode = fs::metadata(&path).expect("it is there").permissions();
        assert_eq!(std::os::unix::fs::PermissionsExt::mode(&mode) & 0o777, 0o600);
    }
    drop(compiled);
    assert!(!path.exists());
}

/// With a script in place of Node that only prints its flags.
#[cfg(unix)]
#[tokio::test]
async fn the_sources_file_is_removed_if_node_did_not_read_it() {
    use crate::{Backpressure, Event, Runtime, SpawnConfig, Supervisor};

    let folder =
        folder(&[("main.ts", ""), ("plain.mjs", ""), ("node", "#!/bin/sh\necho \"$@\"\n")]);
    let node = folder.path().join("node");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    fs::set_permissions(&node, mode).expect("it is ours");
    let supervisor = Supervisor::new().expect("there is room for a thread");
    supervisor.set_runtime_path(Runtime::Node, Some(node)).expect("it can be executed");
    for script in ["main.ts", "plain.mjs"] {
        let config = SpawnConfig {
            runtime: Some(Runtime::Node),
            script: Some(script.to_owned()),
            cwd: Some(folder.path().to_path_buf()),
            ..SpawnConfig::default()
        };
        let spawned = supervisor.spawn_subscribed(script, config, Backpressure::Wait).await;
        let (_, mut events) = spawned.expect("it starts");
        let mut flags = String::new();
        while let Some(record) = events.recv().await {
            match record.event {
                Event::Stdout(line) => flags = String::from_utf8_lossy(&line).into_owned(),
                Event::Exit { .. } => break,
                _ => {}
            }
        }
        let file = flags.split(['#', ' ']).find_map(|word| word.strip_prefix("file://"));
        assert_eq!(file.is_some(), script == "main.ts", "{flags}");
        assert!(file.is_none_or(|file| !Path::new(file).exists()), "{flags}");
    }
}

#[test]
fn the_compiler_options_of_a_project_are_used() {
    let text = "class A { constructor(@b c: string) {} }";
    let tsconfig = |text| ("tsconfig.json", text);
    for (options, expected) in [
        (tsconfig(r#"{ "compilerOptions": { "experimentalDecorators": true } }"#), "_ts_param"),
        (tsconfig("{}"), "experimentalDecorators"),
        (tsconfig("no JSON"), "is not valid JSON"),
    ] {
        let folder = folder(&[("main.ts", text), options]);
        let root = folder.path().canonicalize().expect("it exists");
        let sources = graph::sources(&root.join("main.ts"));
        let module = sources.values().next().expect("the script is compiled").to_string();
        assert!(module.contains(expected), "{module}");
    }
}
