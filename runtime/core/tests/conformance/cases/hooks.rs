//! `module.registerHooks()`: hooks on `import` and `require()`, as in Node.

use serde_json::json;

use super::modules::json_line;
use crate::support::{Bench, Case, Outcome, Project, cases};

pub(crate) const CASES: &[Case] = cases![
    a_load_hook_gives_the_text_of_an_import,
    a_resolve_hook_redirects_a_specifier,
    a_load_hook_changes_the_source_text,
    hooks_apply_to_require,
    hooks_see_attributes_and_addresses,
    a_resolve_hook_may_try_several_specifiers,
    import_rejects_with_the_error_of_a_hook,
    a_hook_may_register_and_deregister_hooks,
    hooks_work_in_workers,
    hooks_read_only_granted_files,
];

async fn a_load_hook_gives_the_text_of_an_import(bench: &Bench) -> Outcome {
    let project = Project::new(&[
        (
            "main.mjs",
            "import { registerHooks } from 'node:module'\n\
             registerHooks({ load: (url, context, next) => url.endsWith('hooked.mjs')\n\
               ? { format: 'module', source: 'export default \"CHANGED\"', shortCircuit: true }\n\
               : next(url, context) })\n\
             console.log(JSON.stringify([(await import('./hooked.mjs')).default,\n\
               (await import('./imports.mjs')).default, (await import('./common.cjs')).named,\n\
               (await import('./typed.ts')).default,\n\
               (await import('./data.json', { with: { type: 'json' } })).default]))",
        ),
        ("hooked.mjs", "export default 'ORIGINAL'"),
        ("imports.mjs", "import hooked from './hooked.mjs'\nexport default hooked"),
        ("common.cjs", "exports.named = 'common'"),
        ("typed.ts", "export default 'typed' as string"),
        ("data.json", "[1]"),
    ])?;
    let expected = json!(["CHANGED", "CHANGED", "common", "typed", [1]]);
    assert_eq!(json_line(&project.run(bench, "main.mjs").await?)?, expected);
    Ok(())
}

async fn a_resolve_hook_redirects_a_specifier(bench: &Bench) -> Outcome {
    let project = Project::new(&[
        (
            "main.mjs",
            "import { registerHooks, createRequire } from 'node:module'\n\
             registerHooks({\n\
               resolve(specifier, context, next) {\n\
                 if (specifier === 'alias') return next('./real.mjs', context)\n\
                 if (specifier.startsWith('virtual:')) return { url: specifier, shortCircuit: true }\n\
                 return next(specifier, context)\n\
               },\n\
               load(url, context, next) {\n\
                 if (!url.startsWith('virtual:')) return next(url, context)\n\
                 return { format: 'module', source: `export default ${JSON.stringify(url)}`, shortCircuit: true }\n\
               },\n\
             })\n\
             const require = createRequire(import.meta.url)\n\
             console.log(JSON.stringify([(await import('alias')).default, (await import('virtual:x')).default,\n\
               (await import('./inner.mjs')).default, require('alias').default]))",
        ),
        ("real.mjs", "export default 'real'"),
        ("inner.mjs", "import a from 'alias'\nimport b from 'virtual:y'\nexport default [a, b]"),
    ])?;
    let expected = json!(["real", "virtual:x", ["real", "virtual:y"], "real"]);
    assert_eq!(json_line(&project.run(bench, "main.mjs").await?)?, expected);
    Ok(())
}

async fn a_load_hook_changes_the_source_text(bench: &Bench) -> Outcome {
    let project = Project::new(&[
        (
            "main.mjs",
            "import { registerHooks } from 'node:module'\n\
             registerHooks({ load(url, context, next) {\n\
               const loaded = next(url, context)\n\
               if (!loaded.source) return loaded\n\
               return { ...loaded, source: String(loaded.source).replace('BEFORE', 'AFTER') }\n\
             } })\n\
             console.log(JSON.stringify([(await import('./module.mjs')).default, (await import('./typed.ts')).default,\n\
               (await import('./common.cjs')).default, (await import('./common.cjs')).named]))",
        ),
        ("module.mjs", "import fs from 'node:fs'\nexport default 'BEFORE'"),
        ("typed.ts", "type A = string\nexport default 'BEFORE' satisfies A"),
        ("common.cjs", "module.exports = { named: 'BEFORE' }"),
    ])?;
    let expected = json!(["AFTER", "AFTER", { "named": "AFTER" }, "AFTER"]);
    assert_eq!(json_line(&project.run(bench, "main.mjs").await?)?, expected);
    Ok(())
}

async fn hooks_apply_to_require(bench: &Bench) -> Outcome {
    let project = Project::new(&[
        (
            "main.cjs",
            "const { registerHooks } = require('node:module')\n\
             const hooked = []\n\
             registerHooks({\n\
               resolve: (specifier, context, next) => next(specifier === 'alias' ? './real.mjs' : specifier, context),\n\
               load(url, context, next) {\n\
                 hooked.push(url.split('/').at(-1))\n\
                 if (url.endsWith('given.cjs')) return { format: 'commonjs', source: 'module.exports = 1', shortCircuit: true }\n\
                 if (url.endsWith('given.mjs')) return { format: 'module', source: 'export default 2', shortCircuit: true }\n\
                 return next(url, context)\n\
               },\n\
             })\n\
             console.log(JSON.stringify([require('./given.cjs'), require('./given.mjs').default,\n\
               require('./outer.mjs').default, hooked]))",
        ),
        ("given.cjs", "module.exports = 'ORIGINAL'"),
        ("given.mjs", "export default 'ORIGINAL'"),
        ("real.mjs", "export default 'real'"),
        (
            "outer.mjs",
            "import real from 'alias'\nimport given from './inner.mjs'\nexport default [real, given]",
        ),
        ("inner.mjs", "export { default } from './given.mjs?again'"),
    ])?;
    let ended = project.run(bench, "main.cjs").await?;
    let expected = json!([
        1,
        2,
        ["real", "ORIGINAL"],
        ["given.cjs", "given.mjs", "outer.mjs", "real.mjs", "inner.mjs", "given.mjs?again"]
    ]);
    assert_eq!(json_line(&ended)?, expected);
    Ok(())
}

async fn hooks_see_attributes_and_addresses(bench: &Bench) -> Outcome {
    let project = Project::new(&[
        (
            "main.mjs",
            "import { registerHooks } from 'node:module'\n\
             const log = []\n\
             const short = (url) => url?.split('/').at(-1)\n\
             registerHooks({\n\
               resolve(specifier, context, next) {\n\
                 const { url } = next(specifier, context)\n\
                 log.push([specifier, short(context.parentURL), context.importAttributes.type ?? null, short(url)])\n\
                 return { url }\n\
               },\n\
               load(url, context, next) {\n\
                 log.push([short(url), context.importAttributes.type ?? null])\n\
                 return next(url, context)\n\
               },\n\
             })\n\
             await import('./outer.mjs')\n\
             console.log(JSON.stringify(log))",
        ),
        ("outer.mjs", "import fs from 'fs'\nimport data from './data.json' with { type: 'json' }"),
        ("data.json", "{}"),
    ])?;
    let expected = json!([
        ["./outer.mjs", "main.mjs", null, "outer.mjs"],
        ["outer.mjs", null],
        ["fs", "outer.mjs", null, "node:fs"],
        ["./data.json", "outer.mjs", "json", "data.json"],
        ["data.json", "json"],
    ]);
    assert_eq!(json_line(&project.run(bench, "main.mjs").await?)?, expected);
    Ok(())
}

async fn a_resolve_hook_may_try_several_specifiers(bench: &Bench) -> Outcome {
    let project = Project::new(&[
        (
            "main.mjs",
            "import { registerHooks } from 'node:module'\n\
             const codes = []\n\
             registerHooks({ resolve(specifier, context, next) {\n\
               try { return next(specifier, context) } catch (error) {\n\
                 codes.push(error.code)\n\
                 return next(`./${specifier}.mjs`, context)\n\
               }\n\
             } })\n\
             console.log(JSON.stringify([(await import('./x')).default, (await import('y')).default, codes]))",
        ),
        ("x.mjs", "export default 'x'"),
        ("y.mjs", "export default 'y'"),
    ])?;
    let expected = json!(["x", "y", ["ERR_MODULE_NOT_FOUND", "ERR_MODULE_NOT_FOUND"]]);
    assert_eq!(json_line(&project.run(bench, "main.mjs").await?)?, expected);
    Ok(())
}

async fn import_rejects_with_the_error_of_a_hook(bench: &Bench) -> Outcome {
    let project = Project::new(&[
        (
            "main.mjs",
            "import { registerHooks } from 'node:module'\n\
             registerHooks({\n\
               resolve(specifier, context, next) {\n\
                 if (specifier === 'x') throw new RangeError('not x: really')\n\
                 if (specifier === 'nothing') return {}\n\
                 if (specifier === 'invalid') return { url: 'no url', shortCircuit: true }\n\
                 return next(specifier, context)\n\
               },\n\
               load(url, context, next) {\n\
                 if (url.endsWith('y.mjs')) throw new TypeError('not y')\n\
                 return next(url, context)\n\
               },\n\
             })\n\
             for (const specifier of ['x', './y.mjs', 'nothing', 'invalid']) {\n\
               await import(specifier).catch((error) => console.log(error.name, error.message))\n\
             }",
        ),
        ("y.mjs", ""),
    ])?;
    let ended = project.run(bench, "main.mjs").await?;
    let lines = ended.lines();
    let expected = [
        "TypeError not x: really",
        "TypeError not y",
        "TypeError resolve hook must",
        "TypeError A resolve hook returned 'no url'",
    ];
    assert_eq!(lines.len(), expected.len(), "{lines:?} {}", ended.log());
    for (line, expected) in lines.iter().zip(expected) {
        assert!(line.starts_with(expected), "{line}");
    }
    Ok(())
}

async fn a_hook_may_register_and_deregister_hooks(bench: &Bench) -> Outcome {
    let project = Project::new(&[
        (
            "main.mjs",
            "import { registerHooks } from 'node:module'\n\
             const log = []\n\
             const outer = registerHooks({ resolve(specifier, context, next) {\n\
               log.push(`outer ${specifier}`)\n\
               const inner = registerHooks({ resolve(specifier, context, next) {\n\
                 log.push(`inner ${specifier}`)\n\
                 inner.deregister()\n\
                 return next(specifier, context)\n\
               } })\n\
               return next(specifier, context)\n\
             } })\n\
             await import('./a.mjs')\n\
             await import('./b.mjs')\n\
             outer.deregister()\n\
             await import('./c.mjs')\n\
             console.log(JSON.stringify(log))",
        ),
        ("a.mjs", ""),
        ("b.mjs", ""),
        ("c.mjs", ""),
    ])?;
    let ended = project.run(bench, "main.mjs").await?;
    let log = json_line(&ended)?;
    let log: Vec<String> = serde_json::from_value(log)?;
    assert!(log.contains(&"outer ./a.mjs".to_owned()), "{log:?}");
    assert!(log.contains(&"inner ./b.mjs".to_owned()), "{log:?}");
    assert!(!log.iter().any(|entry| entry.contains("outer ./c.mjs")), "{log:?}");
    Ok(())
}

async fn hooks_work_in_workers(bench: &Bench) -> Outcome {
    let project = Project::new(&[
        (
            "main.mjs",
            "const worker = new Worker(new URL('./worker.mjs', import.meta.url), { type: 'module' })\n\
             worker.onmessage = ({ data }) => { console.log(data); worker.terminate() }",
        ),
        (
            "worker.mjs",
            "import { registerHooks } from 'node:module'\n\
             registerHooks({ load: (url, context, next) => url.endsWith('hooked.mjs')\n\
               ? { format: 'module', source: 'export default \"CHANGED\"', shortCircuit: true }\n\
               : next(url, context) })\n\
             postMessage((await import('./hooked.mjs')).default)",
        ),
        ("hooked.mjs", "export default 'ORIGINAL'"),
    ])?;
    let ended = project.run(bench, "main.mjs").await?;
    assert_eq!(ended.lines(), ["CHANGED"], "{}", ended.log());
    Ok(())
}

async fn hooks_read_only_granted_files(bench: &Bench) -> Outcome {
    let outside = Project::new(&[("secret.mjs", "export default 'secret'")])?;
    let secret = format!("file://{}", outside.path("secret.mjs").display());
    let project = Project::new(&[
        (
            "main.mjs",
            &format!(
                "import {{ registerHooks }} from 'node:module'\n\
             registerHooks({{\n\
               resolve: (specifier, context, next) => specifier === 'secret'\n\
                 ? {{ url: '{secret}', shortCircuit: true }} : next(specifier, context),\n\
               load(url, context, next) {{\n\
                 const loaded = next(url.endsWith('other.mjs') ? '{secret}' : url, context)\n\
                 if (loaded.source?.includes('secret')) console.log('read', loaded.source)\n\
                 return loaded\n\
               }},\n\
             }})\n\
             for (const specifier of ['secret', '{secret}', './other.mjs']) {{\n\
               await import(specifier).then((it) => console.log('loaded', it.default),\n\
                 (error) => console.log(error.message.includes('Requires read access')))\n\
             }}"
            ),
        ),
        ("other.mjs", ""),
    ])?;
    let ended = project.run(bench, "main.mjs").await?;
    assert_eq!(ended.lines(), ["true", "true", "true"], "{}", ended.log());
    Ok(())
}
