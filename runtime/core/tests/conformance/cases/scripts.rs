//! Module loading, and the errors of scripts: they contain the cause, the place and a remedy.

use std::path::Path;

use js_runtime::{Grant, Permissions, Runtime, SpawnConfig};
use serde_json::Value;

use crate::support::{Bench, Case, Ended, Outcome, cases};

pub(crate) const CASES: &[Case] = cases![
    every_kind_of_import_loads,
    a_commonjs_program_runs,
    a_stack_trace_has_the_line_of_the_typescript_source,
    a_syntax_error_has_file_line_and_column,
    the_error_of_a_missing_package_names_package_and_importer,
    the_error_of_a_missing_file_names_file_and_importer,
    a_permission_error_names_the_missing_grant,
    files_outside_the_script_folder_need_the_read_permission,
];

fn import_case(bench: &Bench, file: &str) -> SpawnConfig {
    bench.fixture(&format!("import-cases/{file}"), &[])
}

async fn every_kind_of_import_loads(bench: &Bench) -> Outcome {
    if !bench.loads_typescript() {
        return Ok(());
    }
    let permissions = Permissions { read: Grant::All(true), ..Permissions::default() };
    let config = SpawnConfig { permissions: Some(permissions), ..import_case(bench, "main.ts") };
    let ended = bench.run(config, b"").await?;
    assert_eq!(ended.code, Some(0), "{}", ended.log());
    let seen: Value = serde_json::from_slice(&ended.stdout[0])?;
    assert_eq!(seen["doubled"]["value"], 42);
    assert_eq!((&seen["cjs"], &seen["mjs"]), (&"common.cjs".into(), &"plain module".into()));
    assert_eq!(
        (&seen["dynamic"], &seen["kkrpc"]),
        (&"loaded on demand".into(), &"function".into())
    );
    assert_eq!((&seen["filename"], &seen["dirname"]), (&"main.ts".into(), &"import-cases".into()));
    Ok(())
}

async fn a_commonjs_program_runs(bench: &Bench) -> Outcome {
    let ended = bench.run(import_case(bench, "main.cjs"), b"").await?;
    assert_eq!(ended.lines(), [r#"{"name":"common.cjs","dirname":"import-cases","main":true}"#]);
    Ok(())
}

async fn a_stack_trace_has_the_line_of_the_typescript_source(bench: &Bench) -> Outcome {
    if !bench.loads_typescript() {
        return Ok(());
    }
    let ended = bench.run(import_case(bench, "stack.ts"), b"").await?;
    fails_with(&ended, &["inner failed", "stack.ts:16"]);
    Ok(())
}

async fn a_syntax_error_has_file_line_and_column(bench: &Bench) -> Outcome {
    let ended = bench.run(import_case(bench, "syntax-error.mjs"), b"").await?;
    // Node marks the column with carets below the line.
    let place = match bench.runtime {
        Runtime::Node => "syntax-error.mjs:4",
        _ => "syntax-error.mjs:4:16",
    };
    fails_with(&ended, &[place]);
    Ok(())
}

async fn the_error_of_a_missing_package_names_package_and_importer(bench: &Bench) -> Outcome {
    let ended = bench.run(import_case(bench, "missing-module.mjs"), b"").await?;
    fails_with(&ended, &["no-such-package-anywhere", "missing-module.mjs"]);
    Ok(())
}

async fn the_error_of_a_missing_file_names_file_and_importer(bench: &Bench) -> Outcome {
    let ended = bench.run(import_case(bench, "missing-local.mjs"), b"").await?;
    fails_with(&ended, &["no-such-file.mjs", "missing-local.mjs"]);
    Ok(())
}

fn fails_with(ended: &Ended, expected: &[&str]) {
    let log = ended.log();
    assert_eq!(ended.code, Some(1), "{:?} {log}", ended.reason);
    for part in expected {
        assert!(log.contains(part), "stderr does not say '{part}':\n{log}");
    }
    assert!(ended.stdout.is_empty(), "a log on stdout: {:?}", ended.lines());
}

async fn a_permission_error_names_the_missing_grant(bench: &Bench) -> Outcome {
    // Other runtimes deny nothing, and some attempts would leave traces.
    let kinds = ["read", "write", "net", "env", "run", "sys"];
    let tried = if bench.has_permissions() { &kinds[..] } else { &["read", "sys"] };
    for kind in tried {
        // On Deno, starting a program passes the environment, which is checked first.
        let env = Grant::All(*kind == "run");
        let permissions = Some(Permissions { env, ..Permissions::default() });
        let config = SpawnConfig { permissions, ..bench.fixture("permissions.mjs", &[kind]) };
        let ended = bench.run(config, b"").await?;
        let seen: Value = serde_json::from_slice(&ended.stdout[0])?;
        if *kind == "env" && bench.is_embedded() {
            assert_eq!(seen, serde_json::json!({ "ok": true }), "a variable is absent");
        } else if bench.has_permissions() {
            let message = seen["message"].as_str().unwrap_or_default();
            assert!(message.contains(&format!("--allow-{kind}")), "{kind}: {seen}");
        } else {
            assert!(seen["error"].is_null(), "{seen}");
        }
    }
    Ok(())
}

async fn files_outside_the_script_folder_need_the_read_permission(bench: &Bench) -> Outcome {
    let folder = tempfile::tempdir()?;
    let secret = folder.path().join("secret.txt");
    std::fs::write(&secret, "12345")?;
    let secret = secret.to_str().ok_or("not UTF-8")?;
    let read = |grant| {
        let permissions = Some(Permissions { read: grant, ..Permissions::default() });
        SpawnConfig { permissions, ..bench.fixture("permissions.mjs", &["read", secret]) }
    };
    let listed = Path::new(secret).parent().and_then(Path::to_str).ok_or("not UTF-8")?;
    for (grant, allowed) in [
        (Grant::All(false), !bench.has_permissions()),
        (Grant::Some(vec![listed.to_owned()]), true),
        (Grant::All(true), true),
    ] {
        let ended = bench.run(read(grant.clone()), b"").await?;
        let seen: Value = serde_json::from_slice(&ended.stdout[0])?;
        assert_eq!(seen["ok"] == 5, allowed, "{grant:?}: {seen}");
    }
    Ok(())
}
