//! Programs that an embedded script starts: inherited streams, and the executable that `fork()` uses.

use std::path::PathBuf;

use js_runtime::{Event, ExitReason, Grant, Permissions, Runtime, SpawnConfig, Stream};
use libtest_mimic::Failed;
use serde_json::{Value, json};

use crate::support::{Bench, Case, Outcome, Project, cases};

pub(crate) const CASES: &[Case] = cases![
    inherited_output_arrives_in_order_and_before_the_exit_of_the_child,
    a_child_continues_an_unfinished_line_of_the_script,
    a_prompt_on_an_inherited_stream_comes_before_the_end_of_its_line,
    the_script_reads_inherited_input_that_a_child_leaves,
    children_read_as_much_of_the_input_of_spawn_sync_as_they_like,
    a_grandchild_with_inherited_input_does_not_keep_the_script_alive,
    input_that_a_script_reads_is_not_shared_with_running_children,
    inherited_streams_carry_much_both_ways,
    a_kill_ends_children_with_inherited_streams,
    fork_uses_the_first_runtime_that_the_script_may_run,
    fork_without_a_runtime_fails_with_a_remedy,
];

fn config(bench: &Bench, name: &str, args: &[&str]) -> SpawnConfig {
    SpawnConfig {
        permissions: Some(Permissions::all()),
        ..bench.fixture(&format!("node/{name}"), args)
    }
}

async fn inherited_output_arrives_in_order_and_before_the_exit_of_the_child(
    bench: &Bench,
) -> Outcome {
    if cfg!(windows) {
        return Ok(());
    }
    let ended = bench.run(config(bench, "inherit.mjs", &[]), b"").await?;
    let lines = ended.lines();
    let numbers: Vec<_> = lines.iter().map(|line| line.split(' ').next().unwrap_or("")).collect();
    let expected: Vec<_> = (1..=16).map(|number: u32| number.to_string()).collect();
    assert_eq!(numbers, expected, "{lines:#?}; {}", ended.log());
    assert_eq!(ended.log(), "execSync\nnumbers\nswapped\nspawn");
    assert_eq!(ended.code, Some(0));
    Ok(())
}

async fn a_child_continues_an_unfinished_line_of_the_script(bench: &Bench) -> Outcome {
    if cfg!(windows) {
        return Ok(());
    }
    let project = Project::new(&[(
        "main.mjs",
        "import { spawnSync } from 'node:child_process'\n\
         process.stdout.write('Running… ')\n\
         spawnSync('sh', ['-c', 'echo child; printf \"child \"'], { stdio: 'inherit' })\n\
         console.log('done')",
    )])?;
    let ended = project.run_with_all(bench, "main.mjs").await?;
    assert_eq!(ended.lines(), ["Running… child", "child done"], "{}", ended.log());
    Ok(())
}

async fn a_prompt_on_an_inherited_stream_comes_before_the_end_of_its_line(
    bench: &Bench,
) -> Outcome {
    if cfg!(windows) {
        return Ok(());
    }
    let project = Project::new(&[(
        "main.mjs",
        "import { spawnSync } from 'node:child_process'\n\
         spawnSync('sh', ['-c', 'printf \"Name? \" >&2; read name; echo \"$name\"'], { stdio: 'inherit' })",
    )])?;
    let permissions = Some(Permissions::all());
    let config = SpawnConfig { permissions, ..bench.script(&project.path("main.mjs"), &[]) };
    let mut run = bench.start(config).await?;
    loop {
        match run.next().await?.event {
            Event::Partial { stream: Stream::Stderr, data } if *data == *b"Name? " => break,
            Event::State(_) => {}
            other => return Err(format!("{other:?} before the prompt").into()),
        }
    }
    run.write("Ann\n").await?;
    let ended = run.end().await?;
    assert_eq!(ended.lines(), ["Ann"], "{}", ended.log());
    Ok(())
}

async fn a_grandchild_with_inherited_input_does_not_keep_the_script_alive(
    bench: &Bench,
) -> Outcome {
    if !cfg!(target_os = "linux") {
        return Ok(());
    }
    let project = Project::new(&[(
        "main.mjs",
        "import { spawnSync } from 'node:child_process'\n\
         const command = 'sleep 600 <>/proc/self/fd/0 >/dev/null 2>&1 & read line; echo \"$line\"'\n\
         spawnSync('sh', ['-c', command], { stdio: 'inherit' })\n\
         console.log('script', (await new Response(Deno.stdin.readable).text()).trim())",
    )])?;
    let permissions = Some(Permissions::all());
    let config = SpawnConfig { permissions, ..bench.script(&project.path("main.mjs"), &[]) };
    let ended = bench.run(config, b"one\ntwo\n").await?;
    assert_eq!(ended.lines(), ["one", "script two"], "{}", ended.log());
    Ok(())
}

async fn the_script_reads_inherited_input_that_a_child_leaves(bench: &Bench) -> Outcome {
    if cfg!(windows) {
        return Ok(());
    }
    let ended =
        bench.run(config(bench, "inherit-stdin.mjs", &[]), b"one\ntwo\nthree\nfour\n").await?;
    let expected = ["child one", "child two", "given", "script three,four", "0"];
    let lines = ended.lines();
    let lines: Vec<_> = lines.iter().map(|line| line.trim()).collect();
    assert_eq!(lines, expected, "{}", ended.log());
    Ok(())
}

async fn children_read_as_much_of_the_input_of_spawn_sync_as_they_like(bench: &Bench) -> Outcome {
    if cfg!(windows) {
        return Ok(());
    }
    let ended = bench.run(config(bench, "sync-input.mjs", &[]), b"").await?;
    let expected = ["all 0 true", "none 0", "some xxx", "empty 0", "late ETIMEDOUT SIGTERM"];
    assert_eq!(ended.lines(), expected, "{}", ended.log());
    Ok(())
}

async fn input_that_a_script_reads_is_not_shared_with_running_children(bench: &Bench) -> Outcome {
    if cfg!(windows) {
        return Ok(());
    }
    let mut run = bench.start(config(bench, "inherit-own-stdin.mjs", &[])).await?;
    run.until_ready().await?;
    for number in 0..1000 {
        run.write(format!("line {number}\n")).await?;
    }
    run.close()?;
    let ended = run.end().await?;
    assert_eq!(ended.lines(), ["script 1000", "child ended"], "{}", ended.log());
    Ok(())
}

async fn inherited_streams_carry_much_both_ways(bench: &Bench) -> Outcome {
    if cfg!(windows) {
        return Ok(());
    }
    let sent: Vec<u8> = (0..200_000).flat_map(|n| format!("line {n}\n").into_bytes()).collect();
    for (how, last) in [("sync", None), ("async", Some("end"))] {
        let run = bench.start(config(bench, "inherit-all.mjs", &["cat", how])).await?;
        run.write(&sent).await?;
        run.close()?;
        let ended = run.end().await?;
        let lines = ended.lines();
        assert_eq!(lines.first().map(String::as_str), Some("ready"));
        let count = 1 + 200_000 + usize::from(last.is_some());
        assert_eq!(lines.len(), count, "{how}: {}", ended.log());
        let cat = &lines[1..=200_000];
        assert!(cat.iter().enumerate().all(|(n, line)| *line == format!("line {n}")), "{how}");
        assert_eq!(lines.get(200_001).map(String::as_str), last);
    }
    Ok(())
}

async fn a_kill_ends_children_with_inherited_streams(bench: &Bench) -> Outcome {
    if !cfg!(target_os = "linux") {
        return Ok(());
    }
    // One program waits for input. The other writes more than anyone reads.
    for command in ["cat", "yes"] {
        for how in ["sync", "async"] {
            let mut run = bench.start(config(bench, "inherit-all.mjs", &[command, how])).await?;
            run.until_ready().await?;
            run.kill().await?;
            let ended = run.end().await?;
            assert_eq!(ended.reason, Some(ExitReason::Killed { signal: None }), "{command} {how}");
        }
    }
    Ok(())
}

async fn forked(bench: &Bench, permissions: Permissions) -> Result<Value, Failed> {
    let config =
        SpawnConfig { permissions: Some(permissions), ..bench.fixture("node/fork.mjs", &[]) };
    let ended = bench.run(config, b"").await?;
    assert_eq!(ended.stdout.len(), 1, "{:?}; {}", ended.lines(), ended.log());
    Ok(serde_json::from_slice(&ended.stdout[0])?)
}

fn naming(programs: &[&str]) -> Permissions {
    let run = Grant::Some(programs.iter().map(|&name| name.to_owned()).collect());
    Permissions { run, env: Grant::All(true), ..Permissions::default() }
}

async fn fork_uses_the_first_runtime_that_the_script_may_run(bench: &Bench) -> Outcome {
    let found = bench.supervisor.detect_runtimes().await?;
    let has = |name: &str| found.iter().any(|it| it.name == name && it.available);
    for (permissions, runtime) in [
        (Permissions::all(), "node"),
        (naming(&["node", "sh", "/bin/sh"]), "node"),
        (naming(&["deno", "sh", "/bin/sh"]), "deno"),
        (naming(&["bun", "sh", "/bin/sh"]), "bun"),
    ] {
        if !has(runtime) {
            continue;
        }
        let seen = forked(bench, permissions).await?;
        let answer = |message: Value| json!({ "echo": message, "args": ["child", "a b"], "variable": "given" });
        let messages = [json!("hello"), json!({ "n": [1, "ä"] }), json!("end")];
        let expected = json!({
            "forked": { "code": 0, "said": messages.map(answer) },
            "spawned": "2\n", "spawnSync": 0, "execFile": "4\n", "execFileSync": "6\n",
            "shell": "8\n", "deno": "10\n", "isArgv0": true,
        });
        if runtime == "node" {
            assert_eq!(seen, expected, "{runtime}");
        } else {
            // Deno and Bun interpret the flags of `execFile` differently from Node.
            for name in ["forked", "spawnSync", "isArgv0"] {
                assert_eq!(seen[name], expected[name], "{runtime}: {seen}");
            }
        }
    }
    Ok(())
}

async fn fork_without_a_runtime_fails_with_a_remedy(bench: &Bench) -> Outcome {
    if cfg!(windows) {
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    // Paths that are set and do not exist: detection looks nowhere else then.
    for runtime in [Runtime::Node, Runtime::Deno, Runtime::Bun] {
        let path: PathBuf = folder.path().join(runtime.as_str());
        // Any program serves the purpose.
        std::fs::copy("/bin/sh", &path)?;
        bench.supervisor.set_runtime_path(runtime, Some(path.clone()))?;
        std::fs::remove_file(path)?;
    }
    let seen = forked(bench, Permissions::all()).await?;
    for form in ["forked", "spawned", "spawnSync", "execFile", "execFileSync", "deno"] {
        assert_eq!(seen[form]["failed"], "ENOENT", "{form}: {seen}");
        let message = seen[form]["message"].as_str().unwrap_or_default();
        assert!(
            message.contains("node, deno or bun") && message.contains("install"),
            "{form}: {message}"
        );
    }
    assert!(
        seen["shell"].as_str().is_some_and(|said| said.contains("no-node-deno-or-bun")),
        "{seen}"
    );
    assert_eq!(seen["isArgv0"], true);
    // Without the permission the error names the permission.
    let denied =
        forked(bench, Permissions { env: Grant::All(true), ..Permissions::default() }).await?;
    assert_eq!(denied["spawnSync"]["failed"], "NotCapable", "{denied}");
    Ok(())
}
