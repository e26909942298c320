//! Modules that a script may load: its own folder and its packages, all others with the permission to read.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use js_runtime::{Grant, Permissions, SpawnConfig};
use libtest_mimic::Failed;

use crate::support::{Bench, Case, Ended, Outcome, Project, cases};

pub(crate) const CASES: &[Case] = cases![
    a_load_from_outside_needs_the_permission_to_read,
    a_load_from_outside_is_granted_with_the_permission_to_read,
    a_link_made_by_a_script_loads_nothing_from_outside,
    packages_of_the_workspace_and_of_a_store_are_loaded_through_links,
    exports_of_packages_outside_are_not_revealed,
    an_error_does_not_tell_whether_a_file_outside_is_there,
];

const SECRET: &str = "only-with-the-permission-to-read";

/// `app/backend` is the folder of the script, `app/node_modules` has its packages, `outside` is outside.
fn world(files: &[(&str, &str)]) -> Result<Project, Failed> {
    let json = format!(r#"{{ "default": "{SECRET}" }}"#);
    let module = format!("export default '{SECRET}'; console.log('{SECRET}')");
    let project = Project::new(&[
        ("outside/secret.txt", SECRET),
        ("outside/secret.json", &json),
        ("outside/secret.mjs", &module),
        ("outside/secret.ts", &module),
        ("outside/secret.cjs", &format!("console.log('{SECRET}')")),
        ("outside/secret.wasm", "\0asm\u{1}\0\0\0"),
        ("outside/package/package.json", r#"{ "name": "evil", "type": "module" }"#),
        ("outside/package/index.js", &module),
        ("app/node_modules/p/package.json", PACKAGE),
    ])?;
    for (path, text) in files {
        project.write(path, text)?;
    }
    for (link, target) in [
        ("app/node_modules/p/link.mjs", "outside/secret.mjs"),
        ("app/node_modules/p/linked", "outside"),
        ("app/node_modules/evil", "outside/package"),
        ("app/backend/link.mjs", "outside/secret.mjs"),
        ("app/backend/linked", "outside"),
    ] {
        let link = project.path(link);
        fs::create_dir_all(link.parent().ok_or("no folder")?)?;
        symlink(project.path(target), link)?;
    }
    Ok(project)
}

const PACKAGE: &str = r##"{
    "name": "p", "type": "module",
    "exports": { ".": "./index.js", "./link": "./link.mjs", "./inner": "./inner.js" },
    "imports": { "#link": "./link.mjs" }
}"##;

/// Scripts in `app/backend` that load a module from outside, each with a second file that it needs.
/// `$OUT` is the path of `outside`.
const ATTEMPTS: &[(&str, (&str, &str))] = &[
    ("import x from '$OUT/secret.txt' with { type: 'text' }; console.log(x)", NONE),
    ("import x from '../../outside/secret.txt' with { type: 'text' }; console.log(x)", NONE),
    ("import x from 'file://$OUT/secret.json' with { type: 'json' }; console.log(x)", NONE),
    ("import '../../outside/secret.mjs'", NONE),
    ("import '../../outside/secret.ts'", NONE),
    ("import '../../outside/secret.cjs'", NONE),
    ("export * from '../../outside/secret.mjs'", NONE),
    ("import * as x from '../../outside/secret.wasm'; console.log(typeof x)", NONE),
    ("import source x from '../../outside/secret.wasm'; console.log(typeof x)", NONE),
    ("import './%2e%2e/%2e%2e/outside/secret.mjs'", NONE),
    ("import './link.mjs'", NONE),
    ("import './linked/secret.mjs'", NONE),
    ("import './a.mjs'", ("app/backend/a.mjs", "import '../../outside/secret.mjs'")),
    (
        "import './a.mjs'",
        ("app/backend/a.mjs", "import 'data:text/javascript,import \"file://$OUT/secret.mjs\"'"),
    ),
    ("import './a.cjs'", ("app/backend/a.cjs", "require('../../outside/secret.cjs')")),
    (
        "import './a.cjs'",
        ("app/backend/a.cjs", "module.exports = require('../../outside/secret.cjs')"),
    ),
    (
        "import 'p'",
        (
            "app/node_modules/p/index.js",
            "import x from 'file://$OUT/secret.txt' with { type: 'text' }; console.log(x)",
        ),
    ),
    ("import 'p'", ("app/node_modules/p/index.js", "import '../../../outside/secret.mjs'")),
    ("import 'p'", ("app/node_modules/p/index.js", "import '$OUT/secret.mjs'")),
    ("import 'p'", ("app/node_modules/p/index.js", "await import('$OUT/secret.mjs')")),
    ("import 'p'", ("app/node_modules/p/index.js", "import '#link'")),
    ("import 'p'", ("app/node_modules/p/index.js", "import './linked/secret.mjs'")),
    (
        "import 'p'",
        (
            "app/node_modules/p/index.js",
            "process.getBuiltinModule('module').createRequire(import.meta.url)('./linked/secret.cjs')",
        ),
    ),
    ("import 'p/link'", NONE),
    ("import 'evil'", NONE),
    (
        "import x from '../node_modules/evil/package.json' with { type: 'json' }; console.log(x)",
        NONE,
    ),
    (
        "import 'mapped'",
        ("app/deno.json", r#"{ "imports": { "mapped": "../outside/secret.mjs" } }"#),
    ),
    (
        "import 'mapped/secret.mjs'",
        ("app/deno.json", r#"{ "imports": { "mapped/": "file://$OUT/" } }"#),
    ),
    (
        "import '@/secret'",
        ("app/tsconfig.json", r#"{ "compilerOptions": { "paths": { "@/*": ["../outside/*"] } } }"#),
    ),
    (
        "import '@/../../outside/secret'",
        ("app/tsconfig.json", r#"{ "compilerOptions": { "paths": { "@/*": ["./backend/*"] } } }"#),
    ),
    (
        "new Worker(new URL('./a.mjs', import.meta.url), { type: 'module' })",
        ("app/backend/a.mjs", "import '../../outside/secret.mjs'"),
    ),
    ("new Worker('file://$OUT/secret.mjs', { type: 'module' })", NONE),
    ("new Worker(new URL('./link.mjs', import.meta.url), { type: 'module' })", NONE),
    (
        "new (await import('node:worker_threads')).Worker('$OUT/secret.mjs').on('error', (e) => { console.error(e); process.exit(1) })",
        NONE,
    ),
    (
        "(await import('node:module')).registerHooks({ resolve: (s, c, next) => ({ url: 'file://$OUT/secret.mjs', shortCircuit: true }) })\n\
         await import('./a.mjs')",
        ("app/backend/a.mjs", ""),
    ),
    (
        "(await import('node:module')).registerHooks({ load: (u, c, next) => next('file://$OUT/secret.mjs', c) })\n\
         await import('./a.mjs')",
        ("app/backend/a.mjs", "import './b.mjs'"),
    ),
];

const NONE: (&str, &str) = ("app/backend/unused", "");

async fn run(bench: &Bench, project: &Project, permissions: Permissions) -> Result<Ended, Failed> {
    let script = bench.script(&project.path("app/backend/main.mjs"), &[]);
    bench.run(SpawnConfig { permissions: Some(permissions), ..script }, b"").await
}

fn may_read(path: &Path) -> Permissions {
    Permissions { read: Grant::Some(vec![path.display().to_string()]), ..Permissions::default() }
}

fn attempt((script, (file, text)): &(&str, (&str, &str))) -> Result<Project, Failed> {
    let project = world(&[])?;
    let outside = project.path("outside").display().to_string();
    project.write("app/backend/main.mjs", script.replace("$OUT", &outside))?;
    project.write(file, text.replace("$OUT", &outside))?;
    Ok(project)
}

async fn a_load_from_outside_needs_the_permission_to_read(bench: &Bench) -> Outcome {
    for case in ATTEMPTS {
        let ended = run(bench, &attempt(case)?, Permissions::default()).await?;
        assert!(ended.lines().is_empty(), "{case:?}: {:?}", ended.lines());
        assert_eq!(ended.code, Some(1), "{case:?}: {}", ended.log());
        assert!(ended.log().contains("Requires read access"), "{case:?}: {}", ended.log());
        assert!(!ended.log().contains(SECRET), "{case:?}: {}", ended.log());
    }
    Ok(())
}

async fn a_load_from_outside_is_granted_with_the_permission_to_read(bench: &Bench) -> Outcome {
    // One error of each kind suffices.
    for case in
        [&ATTEMPTS[0], &ATTEMPTS[3], &ATTEMPTS[11], &ATTEMPTS[16], &ATTEMPTS[24], &ATTEMPTS[28]]
    {
        let project = attempt(case)?;
        let ended = run(bench, &project, may_read(&project.path("outside"))).await?;
        assert_eq!(ended.lines(), [SECRET], "{case:?}: {}", ended.log());
    }
    Ok(())
}

async fn a_link_made_by_a_script_loads_nothing_from_outside(bench: &Bench) -> Outcome {
    let script = "import fs from 'node:fs'\n\
        const out = import.meta.dirname + '/../../outside'\n\
        const make = (target, link) => { fs.mkdirSync(import.meta.dirname + '/node_modules', { recursive: true })\n\
          new Deno.Command('ln', { args: ['-sfn', target, import.meta.dirname + '/' + link] }).outputSync() }\n\
        const as = (type) => ({ with: { type } })\n\
        make(out + '/package', 'node_modules/made')\n\
        make(out + '/../app/lib', 'node_modules/lib')\n\
        make(out + '/secret.txt', 'main.mjs')\n\
        const ways = { main: () => import('./main.mjs', as('text')),\n\
          made: () => import('made'), file: () => import('./node_modules/made/index.js', as('text')),\n\
          lib: () => import('./node_modules/lib/package.json', as('text')),\n\
          worker: () => new Promise((done, fail) => { const w = new Worker(new URL('./main.mjs', import.meta.url), { type: 'module' })\n\
            w.onmessage = done; w.onerror = (e) => { e.preventDefault(); fail(e) } }) }\n\
        for (const [name, way] of Object.entries(ways)) {\n\
          const got = await way().catch((error) => error)\n\
          if (!/Requires read access/.test(got.message)) console.log(name, got.message, got.default)\n\
        }\n\
        console.log('fine')\n\
        process.exit(0)";
    let project = world(&[
        ("app/backend/main.mjs", script),
        ("app/package.json", "{}"),
        ("app/lib/package.json", r#"{ "name": "lib" }"#),
    ])?;
    let permissions = Permissions {
        write: Grant::Some(vec![project.path("app/backend").display().to_string()]),
        run: Grant::All(true),
        ..Permissions::default()
    };
    let ended = run(bench, &project, permissions).await?;
    assert_eq!(ended.lines(), ["fine"], "{}", ended.log());
    assert!(!ended.log().contains(SECRET), "{}", ended.log());
    Ok(())
}

async fn packages_of_the_workspace_and_of_a_store_are_loaded_through_links(
    bench: &Bench,
) -> Outcome {
    let package = |name: &str| {
        format!(r#"{{ "name": "{name}", "type": "module", "exports": "./index.js" }}"#)
    };
    let project = Project::new(&[
        (
            "app/backend/main.mjs",
            "import lib from 'lib'; import stored from 'stored'; import { createRequire } from 'node:module'\n\
          console.log(lib, stored, createRequire(import.meta.url)('lib').default)",
        ),
        ("package.json", r#"{ "workspaces": ["packages/*", "app"] }"#),
        ("app/package.json", "{}"),
        ("packages/lib/package.json", &package("lib")),
        (
            "packages/lib/index.js",
            "import other from 'other'; import dep from 'dep'; export default `lib ${other} ${dep}`",
        ),
        ("packages/lib/node_modules/dep/package.json", &package("dep")),
        ("packages/lib/node_modules/dep/index.js", "export default 'dep'"),
        ("packages/other/package.json", &package("other")),
        ("packages/other/index.js", "export default 'other'"),
        ("store/s@1/node_modules/stored/package.json", &package("stored")),
        (
            "store/s@1/node_modules/stored/index.js",
            "import below from 'below'; export default `stored ${below}`",
        ),
        ("store/b@1/node_modules/below/package.json", &package("below")),
        ("store/b@1/node_modules/below/index.js", "export default 'below'"),
    ])?;
    for (link, target) in [
        ("app/node_modules/lib", "packages/lib"),
        ("packages/lib/node_modules/other", "packages/other"),
        ("app/node_modules/stored", "store/s@1/node_modules/stored"),
        ("store/s@1/node_modules/below", "store/b@1/node_modules/below"),
    ] {
        let link = project.path(link);
        fs::create_dir_all(link.parent().ok_or("no folder")?)?;
        symlink(project.path(target), link)?;
    }
    let ended = run(bench, &project, Permissions::default()).await?;
    let lib = "lib other dep";
    assert_eq!(ended.lines(), [format!("{lib} stored below {lib}")], "{}", ended.log());
    Ok(())
}

async fn exports_of_packages_outside_are_not_revealed(bench: &Bench) -> Outcome {
    let project = Project::new(&[
        (
            "app/backend/main.mjs",
            "import Module, { createRequire } from 'node:module'\n\
             const folder = new URL('../node_modules', import.meta.url).pathname\n\
             const ways = [() => Module._findPath('p', [folder]), () => Module._findPath('p/x', [folder]),\n\
               () => createRequire(import.meta.url).resolve('p'), () => createRequire(import.meta.url)('p/x')]\n\
             for (const way of ways) try { console.log(way()) } catch (error) { console.log(error.message) }\n\
             console.log(createRequire(import.meta.url)('own'))",
        ),
        ("app/node_modules/own/package.json", r#"{ "exports": "./index.cjs" }"#),
        ("app/node_modules/own/index.cjs", "module.exports = 'own'"),
        (
            "outside/p/package.json",
            r#"{ "exports": { ".": "./secret.js", "./y": "./secret.js" } }"#,
        ),
        ("outside/p/secret.js", ""),
    ])?;
    symlink(project.path("outside/p"), project.path("app/node_modules/p"))?;
    let ended = run(bench, &project, Permissions::default()).await?;
    assert_eq!(ended.lines().last().map(String::as_str), Some("own"), "{}", ended.log());
    assert_eq!(ended.lines().len(), 5, "{}", ended.log());
    let denied = |line: &String| line.starts_with("Requires read access to");
    assert!(ended.lines()[..4].iter().all(denied), "{}", ended.log());
    assert!(!ended.log().contains("secret"), "{}", ended.log());
    Ok(())
}

/// Resolves a file that exists and one that does not, and prints the difference.
const ASKS: &str = "const answers = (name) => ways.map((way) => { try { return way(name) } catch (error) { return error.message } })\n\
    const all = async (name) => JSON.stringify(await Promise.all(answers(name).map(async (it) => { try { return String(await it) } catch (error) { return error.message } })))\n\
    const [there, missing] = [await all('secret'), await all('absent')]\n\
    console.log(there.replaceAll('secret', '?') === missing.replaceAll('absent', '?') ? 'same' : there + missing)";

async fn an_error_does_not_tell_whether_a_file_outside_is_there(bench: &Bench) -> Outcome {
    let outside = |specifier: &str| {
        format!(
            "const ways = [(name) => import.meta.resolve(`{specifier}`), (name) => import(`{specifier}`)]\n{ASKS}"
        )
    };
    for specifier in [
        "$OUT/${name}.mjs",
        "file://$OUT/${name}.mjs",
        "../../../outside/${name}.mjs",
        "./linked/${name}.mjs",
        "./linked/../../outside/${name}.mjs",
        "@/../../outside/${name}",
        "@out/${name}",
        "q/../../../outside/${name}.mjs",
        "npm:q/../../../outside/${name}.mjs",
    ] {
        let project = world(&[(
            "app/tsconfig.json",
            r#"{ "compilerOptions": { "paths": { "@/*": ["./backend/*"], "@out/*": ["../outside/*"] } } }"#,
        )])?;
        project.write("app/node_modules/q/package.json", "{}")?;
        let out = project.path("outside").display().to_string();
        let text = outside(&specifier.replace("$OUT", &out));
        project.write("app/node_modules/p/index.js", &text)?;
        project.write("app/backend/main.mjs", "import 'p'")?;
        let ended = run(bench, &project, Permissions::default()).await?;
        assert_eq!(ended.lines(), ["same"], "a package, {specifier}: {}", ended.log());
        project.write("app/backend/main.mjs", &text)?;
        let ended = run(bench, &project, Permissions::default()).await?;
        assert_eq!(ended.lines(), ["same"], "a script, {specifier}: {}", ended.log());
    }
    Ok(())
}
