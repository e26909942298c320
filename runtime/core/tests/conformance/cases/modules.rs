//! Module resolution and loading for programs that were written for Node and Deno.

use serde_json::{Value, json};

use crate::support::{Bench, Case, Ended, Outcome, Project, cases};

pub(crate) const CASES: &[Case] = cases![
    a_package_never_replaces_a_built_in_module,
    a_built_in_that_requires_node_scheme_can_be_a_package_name,
    a_missing_package_is_reported_as_not_found,
    a_byte_order_mark_is_stripped,
    a_byte_order_mark_of_a_bundle_is_stripped,
    a_script_without_module_syntax_is_commonjs,
    module_syntax_makes_an_untyped_script_an_es_module,
    an_unknown_extension_is_an_error_with_a_remedy,
    the_main_module_and_required_modules_may_have_any_extension,
    an_unknown_mime_type_is_an_error,
    the_refusal_of_a_native_addon_names_its_package,
    the_refusal_of_a_native_library_names_the_remedy,
    a_fatal_permission_error_names_the_permission,
];

/// All forms of import of `events`, `buffer` and `fs/promises`.
const BUILT_INS: &str = r"
import module, { createRequire } from 'node:module'
import { EventEmitter } from 'events'
import { isUtf8 } from 'buffer'
import { readFile } from 'fs/promises'
import common from './common.cjs'
const require = createRequire(import.meta.url)
console.log(JSON.stringify([
  typeof EventEmitter,
  isUtf8(new Uint8Array([97])),
  typeof readFile,
  (await import('events')).EventEmitter === EventEmitter,
  import.meta.resolve('events'),
  require('events') === EventEmitter,
  require.resolve('events'),
  common === EventEmitter,
  createRequire(import.meta.dirname + '/node_modules/events/index.js')('events') === EventEmitter,
  (await import('user')).default === EventEmitter,
  module.isBuiltin('events'),
]))
";

async fn a_package_never_replaces_a_built_in_module(bench: &Bench) -> Outcome {
    let project = Project::new(&[
        ("main.mjs", BUILT_INS),
        ("common.cjs", "module.exports = require('events')"),
        (
            "worker.mjs",
            "const worker = new Worker(new URL('./main.mjs', import.meta.url), { type: 'module' })\n\
             setInterval(() => {}, 1e9)\n\
             worker.onerror = (event) => { console.log(event.message); Deno.exit(1) }\n",
        ),
        ("node_modules/events/package.json", r#"{ "name": "events", "main": "index.js" }"#),
        ("node_modules/events/index.js", "module.exports = { other: 1 }"),
        ("node_modules/buffer/package.json", r#"{ "name": "buffer", "main": "index.js" }"#),
        ("node_modules/buffer/index.js", "exports.isUtf8 = () => 'not the built-in'"),
        ("node_modules/fs/package.json", r#"{ "name": "fs" }"#),
        ("node_modules/fs/promises.js", "exports.readFile = 1"),
        ("node_modules/user/package.json", r#"{ "name": "user", "type": "module" }"#),
        ("node_modules/user/index.js", "export { EventEmitter as default } from 'events'"),
    ])?;
    let expected = json!([
        "function",
        true,
        "function",
        true,
        "node:events",
        true,
        "events",
        true,
        true,
        true,
        true
    ]);
    let ended = project.run(bench, "main.mjs").await?;
    assert_eq!(json_line(&ended)?, expected);

    let config = bench.script(&project.path("worker.mjs"), &[]);
    let mut run = bench.start(config).await?;
    assert_eq!(serde_json::from_str::<Value>(&run.text().await?)?, expected);
    run.kill().await
}

async fn a_built_in_that_requires_node_scheme_can_be_a_package_name(bench: &Bench) -> Outcome {
    let project = Project::new(&[
        (
            "main.mjs",
            "import { createRequire, isBuiltin } from 'node:module'\n\
             import test from 'test'\n\
             const require = createRequire(import.meta.url)\n\
             const missing = await import('sqlite').catch((error) => error)\n\
             let code\n\
             try { require('sqlite') } catch (error) { code = error.code }\n\
             console.log(JSON.stringify([test, require('test'), missing.code,\n\
               missing.message.includes('node:sqlite'), code, isBuiltin('sqlite'), isBuiltin('node:sqlite'),\n\
               typeof require('node:sqlite').DatabaseSync, typeof (await import('node:sqlite')).DatabaseSync]))",
        ),
        ("node_modules/test/package.json", r#"{ "name": "test", "main": "index.js" }"#),
        ("node_modules/test/index.js", "module.exports = 'the package'"),
    ])?;
    let expected = json!([
        "the package",
        "the package",
        "ERR_MODULE_NOT_FOUND",
        true,
        "MODULE_NOT_FOUND",
        false,
        true,
        "function",
        "function"
    ]);
    assert_eq!(json_line(&project.run(bench, "main.mjs").await?)?, expected);
    Ok(())
}

async fn a_missing_package_is_reported_as_not_found(bench: &Bench) -> Outcome {
    let project = Project::new(&[
        (
            "main.cjs",
            "for (const load of [() => require('none'), () => require('optional'), () => require.resolve('none')]) {\n\
               try { load() } catch (error) { console.log(error.code) }\n\
             }\n\
             import('none').catch((error) => console.log(error.code))",
        ),
        ("node_modules/optional/package.json", r#"{ "name": "optional", "main": "index.js" }"#),
        ("node_modules/optional/index.js", "require('none')"),
    ])?;
    let ended = project.run(bench, "main.cjs").await?;
    let missing = "MODULE_NOT_FOUND";
    assert_eq!(
        ended.lines(),
        [missing, missing, missing, "ERR_MODULE_NOT_FOUND"],
        "{}",
        ended.log()
    );
    Ok(())
}

async fn a_byte_order_mark_is_stripped(bench: &Bench) -> Outcome {
    let project = Project::new(&[
        (
            "main.mjs",
            "\u{feff}#!/usr/bin/env node\n\
             import json from './data.json' with { type: 'json' }\n\
             import text from './text.txt' with { type: 'text' }\n\
             import { createRequire } from 'node:module'\n\
             const require = createRequire(import.meta.url)\n\
             console.log(JSON.stringify([json, text, (await import('./typed.ts')).default,\n\
               (await import('./view.jsx')).default, (await import('./common.cjs')).named,\n\
               require('./common.cjs').named, require('./data.json'), require('./plain.js').named,\n\
               (await import('./reexports.cjs')).named]))",
        ),
        ("data.json", "\u{feff}[1]"),
        ("text.txt", "\u{feff}text"),
        ("typed.ts", "\u{feff}#!/usr/bin/env node\nexport default 'typed' as string"),
        ("view.jsx", "\u{feff}export default 'view'"),
        ("common.cjs", "\u{feff}#!/usr/bin/env node\nexports.named = 'common'"),
        ("plain.js", "\u{feff}#!/usr/bin/env node\nexports.named = 'plain'"),
        ("reexports.cjs", "\u{feff}module.exports = require('./common.cjs')"),
    ])?;
    let expected =
        json!([[1], "text", "typed", "view", "common", "common", [1], "plain", "common"]);
    assert_eq!(json_line(&project.run(bench, "main.mjs").await?)?, expected);
    Ok(())
}

async fn a_byte_order_mark_of_a_bundle_is_stripped(bench: &Bench) -> Outcome {
    use js_runtime::{Backpressure, SpawnConfig, Supervisor};

    let text = "\u{feff}#!/usr/bin/env node\nconsole.log('bundled')";
    let supervisor = Supervisor::builder().bundle("marked", text).build()?;
    let config = SpawnConfig::script(bench.runtime, "marked");
    let (info, events) =
        supervisor.spawn_subscribed(&Bench::name(), config, Backpressure::Wait).await?;
    let ended = crate::support::Run::new(&supervisor, info, events).end().await?;
    assert_eq!(ended.lines(), ["bundled"], "{}", ended.log());
    Ok(())
}

async fn a_script_without_module_syntax_is_commonjs(bench: &Bench) -> Outcome {
    let sloppy = "total = 0\nfor (n of [1, 2, 3]) total += n\n\
        console.log(total, this === module.exports, delete Object.prototype)\n";
    let project = Project::new(&[
        ("main.js", sloppy),
        (
            "main.ts",
            "declare let total: number, n: number\ntotal = 0 as number\n\
            for (n of [1, 2, 3]) total += n\nconsole.log(total, this === module.exports, false)",
        ),
        ("imports.mjs", "await import('./main.js')"),
        ("strict/package.json", r#"{ "type": "module" }"#),
        ("strict/main.js", "try { total = 1 } catch (error) { console.log(error.name) }"),
        ("plain", "total = 6\nconsole.log(total, this === module.exports, false)"),
        (
            "awaits.js",
            "total = 6\nconst waits = async () => { await 1; for await (const it of []); }\n\
             class C { async m() { await 1 } static async s() { await 1 } }\n\
             console.log(total, this === module.exports, false)",
        ),
        // V8 accepts these, and the parser for CommonJS exports does not.
        ("name.js", "var await = 6\nconsole.log(await, this === module.exports, false)"),
        ("imports-name.mjs", "await import('./name.js')"),
        ("deep.js", &format!("const text = '{}'\n{sloppy}", "(".repeat(5000))),
    ])?;
    for script in [
        "main.js",
        "main.ts",
        "imports.mjs",
        "plain",
        "awaits.js",
        "name.js",
        "imports-name.mjs",
        "deep.js",
    ] {
        let ended = project.run(bench, script).await?;
        assert_eq!(ended.lines(), ["6 true false"], "{script}: {}", ended.log());
    }
    let ended = project.run(bench, "strict/main.js").await?;
    assert_eq!(ended.lines(), ["ReferenceError"], "{}", ended.log());
    Ok(())
}

async fn module_syntax_makes_an_untyped_script_an_es_module(bench: &Bench) -> Outcome {
    let project = Project::new(&[
        ("import.js", "import fs from 'node:fs'\nconsole.log(this === undefined)"),
        ("export.js", "export const a = 1\nconsole.log(this === undefined)"),
        ("meta.js", "console.log(import.meta.url.endsWith('meta.js'))"),
        ("await.js", "await 1\nconsole.log(this === undefined)"),
        ("try.js", "try { await import('./no.mjs') } catch {}\nconsole.log(this === undefined)"),
        ("if.js", "if (await 1) console.log(this === undefined)"),
        ("of.js", "for (const it of [1]) await it\nconsole.log(this === undefined)"),
        ("for-await.js", "for await (const it of [1]) console.log(this === undefined)"),
        ("method.js", "console.log(new class { [await 'm']() { return true } }().m())"),
    ])?;
    let scripts = ["import", "export", "meta", "await", "try", "if", "of", "for-await", "method"];
    for script in scripts.map(|name| format!("{name}.js")) {
        let script = script.as_str();
        let ended = project.run(bench, script).await?;
        assert_eq!(ended.lines(), ["true"], "{script}: {}", ended.log());
    }
    Ok(())
}

/// A script that prints the error of `import()` of each specifier.
fn rejected(specifiers: &[&str]) -> String {
    format!(
        "for (const specifier of {specifiers:?}) {{\n\
           const error = await import(specifier).catch((error) => error)\n\
           console.log(JSON.stringify([error.name, error.code, error.message]))\n\
         }}"
    )
}

async fn an_unknown_extension_is_an_error_with_a_remedy(bench: &Bench) -> Outcome {
    let specifiers = ["./x.node", "./x.foo", "./x.css", "addon", "./no.foo"];
    let project = Project::new(&[
        ("main.mjs", &rejected(&specifiers)),
        ("x.node", "not\0javascript"),
        ("x.foo", "export default 1"),
        ("x.css", "p {}"),
        ("node_modules/addon/package.json", r#"{ "name": "addon", "main": "./addon.node" }"#),
        ("node_modules/addon/addon.node", "not\0javascript"),
    ])?;
    let ended = project.run(bench, "main.mjs").await?;
    let expected = [
        ("ERR_UNKNOWN_FILE_EXTENSION", [".node", "runtime \"node\""]),
        ("ERR_UNKNOWN_FILE_EXTENSION", [".foo", "{ type: \"text\" }"]),
        ("ERR_UNKNOWN_FILE_EXTENSION", [".css", "{ type: \"text\" }"]),
        ("ERR_UNKNOWN_FILE_EXTENSION", ["addon.node", "native addon"]),
        ("ERR_MODULE_NOT_FOUND", ["no.foo", "Cannot find module"]),
    ];
    assert_eq!(ended.lines().len(), expected.len(), "{}", ended.log());
    for (line, (code, parts)) in ended.lines().iter().zip(expected) {
        let [name, got, message]: [String; 3] = serde_json::from_str(line)?;
        assert_eq!((name.as_str(), got.as_str()), ("TypeError", code), "{message}");
        assert!(parts.iter().all(|part| message.contains(part)), "{message}");
    }
    Ok(())
}

async fn the_main_module_and_required_modules_may_have_any_extension(bench: &Bench) -> Outcome {
    let project = Project::new(&[
        ("main.foo", "console.log(require('./common.foo'), require('./module.foo').default)"),
        ("common.foo", "module.exports = 'common'"),
        ("module.foo", "export default 'module'"),
    ])?;
    let ended = project.run(bench, "main.foo").await?;
    assert_eq!(ended.lines(), ["common module"], "{}", ended.log());
    Ok(())
}

async fn an_unknown_mime_type_is_an_error(bench: &Bench) -> Outcome {
    let types = ["data:text/plain,1", "data:image/png,1", "data:,1"];
    let project = Project::new(&[
        ("main.mjs", &rejected(&types)),
        (
            "known.mjs",
            "console.log((await import('data:text/javascript,export default 1')).default)",
        ),
    ])?;
    let ended = project.run(bench, "main.mjs").await?;
    assert_eq!(ended.lines().len(), types.len(), "{}", ended.log());
    for line in ended.lines() {
        let [name, code, message]: [String; 3] = serde_json::from_str(&line)?;
        assert_eq!((name.as_str(), code.as_str()), ("TypeError", "ERR_UNKNOWN_MODULE_FORMAT"));
        assert!(message.contains("text/javascript"), "{message}");
    }
    assert_eq!(project.run(bench, "known.mjs").await?.lines(), ["1"]);
    Ok(())
}

async fn the_refusal_of_a_native_addon_names_its_package(bench: &Bench) -> Outcome {
    let project = Project::new(&[
        (
            "main.cjs",
            "for (const load of [() => require('@scope/addon'), () => require('./own.node'),\n\
               () => process.dlopen({ exports: {} }, __dirname + '/own.node')]) {\n\
               try { load() } catch (error) { console.log(JSON.stringify([error.name, error.code, error.message])) }\n\
             }",
        ),
        ("own.node", "not a library"),
        (
            "node_modules/outer/node_modules/@scope/addon/package.json",
            r#"{ "name": "@scope/addon", "main": "build/x.node" }"#,
        ),
        ("node_modules/outer/node_modules/@scope/addon/build/x.node", "not a library"),
        ("node_modules/outer/index.js", "require('@scope/addon')"),
        (
            "outer.cjs",
            "try { require('outer') } catch (error) { console.log(JSON.stringify([error.name, error.code, error.message])) }",
        ),
    ])?;
    project.write("node_modules/@scope/addon/package.json", r#"{ "main": "x.node" }"#)?;
    project.write("node_modules/@scope/addon/x.node", "not a library")?;
    for (script, subjects) in [
        ("main.cjs", &["the package \"@scope/addon\"", "own.node'", "own.node'"][..]),
        ("outer.cjs", &["the package \"@scope/addon\""]),
    ] {
        let ended = project.run_with_all(bench, script).await?;
        assert_eq!(ended.lines().len(), subjects.len(), "{}", ended.log());
        for (line, subject) in ended.lines().iter().zip(subjects) {
            let [name, code, message]: [String; 3] = serde_json::from_str(line)?;
            assert_eq!((name.as_str(), code.as_str()), ("Error", "ERR_DLOPEN_FAILED"));
            assert!(message.contains(subject), "{message}");
            assert!(
                message.contains("runtime \"node\"") && !message.contains("--allow"),
                "{message}"
            );
        }
    }
    Ok(())
}

async fn the_refusal_of_a_native_library_names_the_remedy(bench: &Bench) -> Outcome {
    let project = Project::new(&[(
        "main.mjs",
        "const { DatabaseSync } = await import('node:sqlite')\n\
         for (const load of [() => Deno.dlopen('libc.so.6', {}),\n\
           () => new DatabaseSync(':memory:', { allowExtension: true }),\n\
           () => Deno.UnsafePointer.of(new Uint8Array(1)), () => Deno.UnsafePointer.create(1n)]) {\n\
           try { load(); console.log('[]') } catch (error) { console.log(JSON.stringify([error.name, error.message])) }\n\
         }",
    )])?;
    let ended = project.run_with_all(bench, "main.mjs").await?;
    assert_eq!(ended.lines().len(), 4, "{}", ended.log());
    for line in ended.lines() {
        let [name, message]: [String; 2] = serde_json::from_str(&line)?;
        assert_eq!(name, "NotCapable");
        assert!(message.contains("runtime \"node\"") && !message.contains("--allow"), "{message}");
    }
    Ok(())
}

async fn a_fatal_permission_error_names_the_permission(bench: &Bench) -> Outcome {
    let project = Project::new(&[("main.mjs", "Deno.readTextFileSync('/')")])?;
    let ended = project.run(bench, "main.mjs").await?;
    assert_eq!(ended.code, Some(1));
    assert!(ended.log().contains("permissions.read"), "{}", ended.log());
    assert!(format!("{:?}", ended.reason).contains("permissions.read"), "{:?}", ended.reason);
    Ok(())
}

/// The JSON that a script printed as its only line.
pub(super) fn json_line(ended: &Ended) -> Result<Value, libtest_mimic::Failed> {
    assert_eq!(ended.lines().len(), 1, "{:?} {}", ended.lines(), ended.log());
    Ok(serde_json::from_str(&ended.lines()[0])?)
}
