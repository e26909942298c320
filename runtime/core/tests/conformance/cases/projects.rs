//! `tsconfig.json`, `deno.json` and import maps: the engine follows the same settings as bundlers.

use serde_json::json;

use super::modules::json_line;
use crate::support::{Bench, Case, Outcome, Project, cases};

pub(crate) const CASES: &[Case] = cases![
    experimental_decorators_follow_tsconfig,
    a_parameter_decorator_without_tsconfig_names_the_option,
    decorator_metadata_follows_tsconfig,
    paths_of_tsconfig_resolve_to_project_files,
    bare_specifiers_resolve_against_base_url,
    jsx_follows_tsconfig,
    a_tsconfig_inherits_from_extends,
    the_nearest_tsconfig_applies,
    a_tsconfig_does_not_apply_to_packages,
    an_import_map_in_deno_json_applies,
    an_import_map_file_of_deno_json_applies,
    compiler_options_of_deno_json_apply,
    an_invalid_project_file_is_an_error_with_its_cause,
    the_error_of_an_unresolved_path_names_the_pattern,
    javascript_runs_beside_an_invalid_tsconfig,
    a_bundle_ignores_project_files,
    deep_nesting_is_an_error,
];

const DECORATORS: &str = "const seen: string[] = []\n\
    function param(_t: object, _k: string | undefined, index: number) { seen.push(`param ${index}`) }\n\
    class Service { constructor(@param _dep: string) {} }\n\
    void Service\n\
    console.log(seen.join())\n";

async fn experimental_decorators_follow_tsconfig(bench: &Bench) -> Outcome {
    let project = Project::new(&[
        ("main.ts", DECORATORS),
        ("required.cjs", "require('./common.cts')"),
        ("common.cts", DECORATORS),
        ("tsconfig.json", r#"{ "compilerOptions": { "experimentalDecorators": true } }"#),
    ])?;
    for script in ["main.ts", "required.cjs"] {
        let ended = project.run(bench, script).await?;
        assert_eq!(ended.lines(), ["param 0"], "{}", ended.log());
    }
    Ok(())
}

async fn a_parameter_decorator_without_tsconfig_names_the_option(bench: &Bench) -> Outcome {
    let project = Project::new(&[("main.ts", DECORATORS)])?;
    let log = project.run(bench, "main.ts").await?.log();
    assert!(["experimentalDecorators", "main.ts:3:29"].iter().all(|it| log.contains(it)), "{log}");
    Ok(())
}

async fn decorator_metadata_follows_tsconfig(bench: &Bench) -> Outcome {
    let script = "const seen: unknown[] = []\n\
        Reflect.metadata = (key: string, value: unknown) => () => { seen.push([key, String(value?.name ?? value)]) }\n\
        const prop = (_t: object, _k: string) => {}\n\
        class Service { @prop name: string = '' }\n\
        void Service\n\
        console.log(JSON.stringify(seen))\n";
    let project = Project::new(&[("main.ts", script)])?;
    for (metadata, expected) in [("true", json!([["design:type", "String"]])), ("false", json!([]))]
    {
        let options = format!(
            "{{ \"compilerOptions\": {{ \"experimentalDecorators\": true, \"emitDecoratorMetadata\": {metadata} }} }}"
        );
        project.write("tsconfig.json", options)?;
        assert_eq!(json_line(&project.run(bench, "main.ts").await?)?, expected, "{metadata}");
    }
    Ok(())
}

async fn paths_of_tsconfig_resolve_to_project_files(bench: &Bench) -> Outcome {
    let project = Project::new(&[
        (
            "main.ts",
            "import util from '@/util'\n\
             import lib from '@/lib'\n\
             import exact from 'exact'\n\
             import hash from '#inner/util'\n\
             import second from 'either/second'\n\
             import installed from 'installed'\n\
             import fs from 'fs'\n\
             const dynamic = (await import('@/util.ts')).default\n\
             console.log(JSON.stringify([util, lib, exact, hash, second, installed, typeof fs.readFileSync, dynamic,\n\
               import.meta.resolve('@/util').endsWith('/src/util.ts'), (await import('./src/plain.mjs')).default]))",
        ),
        ("src/util.ts", "export default 'util' as string"),
        ("src/plain.mjs", "import util from '@/util'\nexport default util"),
        ("src/lib/index.ts", "import util from '@/util'\nexport default `lib ${util}`"),
        ("other/second.tsx", "export default 'second'"),
        ("fs.ts", "export default {}"),
        ("node_modules/installed/package.json", r#"{ "name": "installed", "type": "module" }"#),
        ("node_modules/installed/index.js", "export default 'installed'"),
        (
            "tsconfig.json",
            "{\n  // Comments are allowed.\n  \"compilerOptions\": { \"paths\": {\n\
               \"*\": [\"./*\"],\n\"@/*\": [\"./src/*\"],\n\"exact\": [\"./src/util\"],\n\
               \"#inner/*\": [\"./src/*\"],\n\"either/*\": [\"./none/*\", \"./other/*\"],\n} },\n}",
        ),
    ])?;
    let expected = json!([
        "util",
        "lib util",
        "util",
        "util",
        "second",
        "installed",
        "function",
        "util",
        true,
        "util"
    ]);
    assert_eq!(json_line(&project.run(bench, "main.ts").await?)?, expected);
    Ok(())
}

async fn bare_specifiers_resolve_against_base_url(bench: &Bench) -> Outcome {
    let project = Project::new(&[
        ("main.ts", "import a from 'lib/a'\nimport b from '@b'\nconsole.log(a, b)"),
        ("src/lib/a.ts", "export default 'a'"),
        ("src/b.ts", "export default 'b'"),
        (
            "tsconfig.json",
            r#"{ "compilerOptions": { "baseUrl": "src", "paths": { "@*": ["*"] } } }"#,
        ),
    ])?;
    let ended = project.run(bench, "main.ts").await?;
    assert_eq!(ended.lines(), ["a b"], "{}", ended.log());
    Ok(())
}

async fn jsx_follows_tsconfig(bench: &Bench) -> Outcome {
    let project = Project::new(&[
        ("main.tsx", "console.log(<p a=\"b\"><></></p>)"),
        (
            "classic.tsx",
            "const h = (name: unknown) => `h ${name}`\nconst F = 'fragment'\nconsole.log(<p />, <></>)",
        ),
        ("node_modules/preact/package.json", r#"{ "name": "preact", "type": "module" }"#),
        (
            "node_modules/preact/jsx-runtime.js",
            "export const jsx = (name) => `preact ${name}`\nexport const Fragment = 'F'",
        ),
        (
            "node_modules/preact/jsx-dev-runtime.js",
            "export const jsxDEV = (name) => `dev ${name}`\nexport const Fragment = 'F'",
        ),
    ])?;
    for (options, script, expected) in [
        (r#""jsx": "react-jsx", "jsxImportSource": "preact""#, "main.tsx", "preact p"),
        (r#""jsxImportSource": "preact""#, "main.tsx", "preact p"),
        (r#""jsx": "preserve", "jsxImportSource": "preact""#, "main.tsx", "preact p"),
        (r#""jsx": "react-jsxdev", "jsxImportSource": "preact""#, "main.tsx", "dev p"),
        (
            r#""jsx": "react", "jsxFactory": "h", "jsxFragmentFactory": "F""#,
            "classic.tsx",
            "h p h fragment",
        ),
    ] {
        project.write("tsconfig.json", format!("{{ \"compilerOptions\": {{ {options} }} }}"))?;
        let ended = project.run(bench, script).await?;
        assert_eq!(ended.lines(), [expected], "{options}: {}", ended.log());
    }
    Ok(())
}

async fn a_tsconfig_inherits_from_extends(bench: &Bench) -> Outcome {
    let main = format!(
        "{DECORATORS}import util from '@/util'\nimport own from 'own'\nconsole.log(util, own)"
    );
    let project = Project::new(&[
        ("app/main.ts", &main),
        ("app/own.ts", "export default 'own'"),
        ("app/shared/util.ts", "export default 'util'"),
        ("app/util.ts", "export default 'of the app'"),
        ("app/tsconfig.json", r#"{ "extends": ["../base", "@scope/config/strict"] }"#),
        (
            "base.json",
            r#"{ "extends": "./more/tsconfig.json", "compilerOptions": { "experimentalDecorators": false } }"#,
        ),
        (
            "more/tsconfig.json",
            r#"{ "compilerOptions": { "paths": { "@/*": ["../app/shared/*"], "own": ["${configDir}/own.ts"] } } }"#,
        ),
        (
            "node_modules/@scope/config/strict.json",
            r#"{ "extends": "config", "compilerOptions": { "strict": true } }"#,
        ),
        ("node_modules/config/package.json", r#"{ "name": "config", "tsconfig": "base.json" }"#),
        (
            "node_modules/config/base.json",
            r#"{ "compilerOptions": { "experimentalDecorators": true } }"#,
        ),
    ])?;
    let ended = project.run(bench, "app/main.ts").await?;
    assert_eq!(ended.lines(), ["param 0", "util own"], "{}", ended.log());
    Ok(())
}

async fn the_nearest_tsconfig_applies(bench: &Bench) -> Outcome {
    let project = Project::new(&[
        ("main.ts", "import a from '@'\nimport b from './sub/b.ts'\nconsole.log(a, b)"),
        ("a.ts", "export default 'outer'"),
        ("sub/b.ts", "export { default } from '@'"),
        ("sub/a.ts", "export default 'inner'"),
        ("tsconfig.json", r#"{ "compilerOptions": { "paths": { "@": ["./a"] } } }"#),
        ("sub/tsconfig.json", r#"{ "compilerOptions": { "paths": { "@": ["./a"] } } }"#),
    ])?;
    let ended = project.run(bench, "main.ts").await?;
    assert_eq!(ended.lines(), ["outer inner"], "{}", ended.log());
    Ok(())
}

async fn a_tsconfig_does_not_apply_to_packages(bench: &Bench) -> Outcome {
    let project = Project::new(&[
        ("main.ts", "import user from 'user'\nimport mine from 'used'\nconsole.log(user, mine)"),
        ("used.ts", "export default 'of the project'"),
        ("tsconfig.json", r#"{ "compilerOptions": { "paths": { "used": ["./used.ts"] } } }"#),
        ("node_modules/user/package.json", r#"{ "name": "user", "type": "module" }"#),
        ("node_modules/user/index.js", "export { default } from 'used'"),
        ("node_modules/user/tsconfig.json", "no JSON"),
        ("node_modules/used/package.json", r#"{ "name": "used", "type": "module" }"#),
        ("node_modules/used/index.js", "export default 'a package'"),
    ])?;
    let ended = project.run(bench, "main.ts").await?;
    assert_eq!(ended.lines(), ["a package of the project"], "{}", ended.log());
    Ok(())
}

/// Imports by all kinds of entries in a map.
const MAPPED: &str = "import a from 'a'\n\
    import b from '$lib/b.ts'\n\
    import used from 'alias'\n\
    import sub from 'alias/sub.js'\n\
    import { join } from 'path-again'\n\
    import relative from './relative.ts'\n\
    import scoped from './scope/scoped.mjs'\n\
    console.log(JSON.stringify([a, b, used, sub, typeof join, relative, scoped]))\n";

const MAP: &str = r#""imports": {
      "a": "./src/a.ts",
      "$lib/": "./src/",
      "alias": "npm:used@1",
      "path-again": "node:path",
      "./relative.ts": "./src/a.ts"
    },
    "scopes": { "./scope/": { "a": "./src/b.ts" } }"#;

fn mapped() -> Result<Project, libtest_mimic::Failed> {
    Project::new(&[
        ("main.ts", MAPPED),
        ("src/a.ts", "export default 'a'"),
        ("src/b.ts", "export default 'b'"),
        ("scope/scoped.mjs", "export { default } from 'a'"),
        (
            "node_modules/used/package.json",
            r#"{ "name": "used", "version": "1.0.0", "type": "module" }"#,
        ),
        ("node_modules/used/index.js", "export default 'used'"),
        ("node_modules/used/sub.js", "export default 'sub'"),
    ])
}

async fn an_import_map_in_deno_json_applies(bench: &Bench) -> Outcome {
    let expected = json!(["a", "b", "used", "sub", "function", "a", "b"]);
    for name in ["deno.json", "deno.jsonc"] {
        let project = mapped()?;
        project.write(name, format!("{{ // A comment\n {MAP} }}"))?;
        assert_eq!(json_line(&project.run(bench, "main.ts").await?)?, expected, "{name}");
    }
    Ok(())
}

async fn an_import_map_file_of_deno_json_applies(bench: &Bench) -> Outcome {
    let project = mapped()?;
    project.write("deno.json", r#"{ "importMap": "./maps/map.json" }"#)?;
    let map = MAP.replace("./", "../").replace(
        "\"alias\": \"npm:used@1\",",
        "\"alias\": \"npm:used@1\", \"alias/\": \"npm:/used@1/\",",
    );
    project.write("maps/map.json", format!("{{ {map} }}"))?;
    let expected = json!(["a", "b", "used", "sub", "function", "a", "b"]);
    assert_eq!(json_line(&project.run(bench, "main.ts").await?)?, expected);
    Ok(())
}

async fn compiler_options_of_deno_json_apply(bench: &Bench) -> Outcome {
    let project = Project::new(&[
        ("main.ts", DECORATORS),
        ("deno.json", r#"{ "compilerOptions": { "experimentalDecorators": true } }"#),
        ("tsconfig.json", r#"{ "compilerOptions": { "experimentalDecorators": false } }"#),
    ])?;
    let ended = project.run(bench, "main.ts").await?;
    assert_eq!(ended.lines(), ["param 0"], "{}", ended.log());
    Ok(())
}

async fn an_invalid_project_file_is_an_error_with_its_cause(bench: &Bench) -> Outcome {
    let project = Project::new(&[
        ("main.ts", "import a from './a.ts'\nconsole.log(a)"),
        ("a.ts", "export default 1"),
        ("circle.json", r#"{ "extends": "./tsconfig.json" }"#),
        ("secret.txt", "secret"),
    ])?;
    for (name, text, expected) in [
        ("tsconfig.json", "{\n  \"compilerOptions\": secret\n}", ["line 2", "comments"]),
        ("tsconfig.json", "[]", ["not a JSON object", "{"]),
        ("tsconfig.json", r#"{ "extends": "./none.json" }"#, ["./none.json", "install"]),
        ("tsconfig.json", r#"{ "extends": "no-package" }"#, ["no-package", "install"]),
        ("tsconfig.json", r#"{ "extends": "./circle.json" }"#, ["extends itself", "circle"]),
        ("tsconfig.json", r#"{ "extends": "./secret.txt" }"#, ["secret.txt", "line 1"]),
        ("tsconfig.json", r#"{ "extends": 1 }"#, ["\"extends\"", "a string"]),
        ("tsconfig.json", r#"{ "compilerOptions": [] }"#, ["\"compilerOptions\"", "an object"]),
        ("tsconfig.json", r#"{ "compilerOptions": { "paths": [] } }"#, ["\"paths\"", "lists"]),
        ("tsconfig.json", r#"{ "compilerOptions": { "jsx": "vue" } }"#, ["\"jsx\"", "react-jsx"]),
        ("tsconfig.json", r#"{ "compilerOptions": { "baseUrl": 1 } }"#, ["\"baseUrl\"", "string"]),
        ("deno.json", "{", ["deno.json", "line 1"]),
        ("deno.json", r#"{ "importMap": "./none.json" }"#, ["none.json", "\"importMap\""]),
        ("deno.json", r#"{ "importMap": "https://a.test/map.json" }"#, ["a.test", "\"importMap\""]),
        ("deno.json", r#"{ "imports": 1 }"#, ["deno.json", "Correct it"]),
    ] {
        project.write("tsconfig.json", "{}")?;
        project.write("deno.json", "{}")?;
        project.write(name, text)?;
        let ended = project.run(bench, "main.ts").await?;
        let log = ended.log();
        assert_eq!(ended.code, Some(1), "{text}: {:?} {log}", ended.lines());
        let names_file = log.contains(name) || text.contains("secret.txt");
        assert!(names_file && expected.iter().all(|part| log.contains(part)), "{text}: {log}");
    }
    Ok(())
}

async fn the_error_of_an_unresolved_path_names_the_pattern(bench: &Bench) -> Outcome {
    let project = Project::new(&[
        ("main.ts", "import '@/none'"),
        ("tsconfig.json", r#"{ "compilerOptions": { "paths": { "@/*": ["./src/*"] } } }"#),
    ])?;
    let ended = project.run(bench, "main.ts").await?;
    let log = ended.log();
    assert!(
        ["@/none", "@/*", "tsconfig.json", "main.ts"].iter().all(|it| log.contains(it)),
        "{log}"
    );
    assert!(!log.contains("npm install"), "{log}");
    Ok(())
}

async fn javascript_runs_beside_an_invalid_tsconfig(bench: &Bench) -> Outcome {
    let project = Project::new(&[
        (
            "main.mjs",
            "import fs from 'fs'\nimport a from './a.mjs'\nimport b from 'installed'\nconsole.log(a, b)",
        ),
        ("a.mjs", "export default 'a'"),
        ("missing.mjs", "import '@/a'"),
        ("tsconfig.json", "no JSON"),
        ("node_modules/installed/package.json", r#"{ "name": "installed", "type": "module" }"#),
        ("node_modules/installed/index.js", "export default 'installed'"),
    ])?;
    let ended = project.run(bench, "main.mjs").await?;
    assert_eq!(ended.lines(), ["a installed"], "{}", ended.log());
    let log = project.run(bench, "missing.mjs").await?.log();
    assert!(log.contains("tsconfig.json"), "{log}");
    Ok(())
}

async fn a_bundle_ignores_project_files(bench: &Bench) -> Outcome {
    use js_runtime::{Backpressure, SpawnConfig, Supervisor};

    let text = "await import('@/a').catch((error) => console.log(error.message))";
    let supervisor = Supervisor::builder().bundle("bundled", text).build()?;
    let config = SpawnConfig::script(bench.runtime, "bundled");
    let (info, events) =
        supervisor.spawn_subscribed(&Bench::name(), config, Backpressure::Wait).await?;
    let ended = crate::support::Run::new(&supervisor, info, events).end().await?;
    assert!(ended.lines()[0].contains("self-contained"), "{:?} {}", ended.lines(), ended.log());
    Ok(())
}

async fn deep_nesting_is_an_error(bench: &Bench) -> Outcome {
    let deep = "[".repeat(1_000_000);
    for name in ["tsconfig.json", "deno.json", "map.json"] {
        let project = Project::new(&[("main.ts", "import 'a'"), (name, &deep)])?;
        if name == "map.json" {
            project.write("deno.json", r#"{ "importMap": "./map.json" }"#)?;
        }
        let ended = project.run(bench, "main.ts").await?;
        assert_eq!(ended.code, Some(1), "{name}: {}", ended.log());
        assert!(ended.log().contains("nested too deeply"), "{name}: {}", ended.log());
    }
    Ok(())
}
