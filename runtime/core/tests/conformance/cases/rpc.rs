//! Workers from `backends` that speak kkrpc, driven by raw frames.

use js_runtime::{Permissions, Runtime, SpawnConfig};
use libtest_mimic::Failed;
use serde_json::{Value, json};

use crate::support::{Bench, Case, Outcome, Rpc, cases};

pub(crate) const CASES: &[Case] = cases![
    a_worker_answers_calls,
    a_worker_reports_its_runtime,
    a_worker_answers_superjson_frames,
    a_worker_invokes_callbacks,
    an_error_in_a_worker_is_returned_to_the_caller,
    concurrent_calls_do_not_block_each_other,
    ten_thousand_calls_are_answered_in_order,
    strings_of_all_lengths_round_trip_through_a_worker,
    a_worker_exits_with_the_requested_code,
    a_worker_exits_when_stdin_closes,
    a_runtime_specific_worker_answers_and_exits,
];

async fn start<'a>(bench: &'a Bench, worker: &str) -> Result<Rpc<'a>, Failed> {
    let permissions = Some(Permissions::all());
    let config = SpawnConfig { permissions, ..bench.backend(worker) };
    Ok(Rpc::new(bench.start(config).await?))
}

async fn a_worker_answers_calls(bench: &Bench) -> Outcome {
    let mut worker = start(bench, "worker.ts").await?;
    assert_eq!(worker.call("add", json!([2, 40])).await?, 42);
    assert_eq!(worker.call("echo", json!(["größe 😀 \n \"x\""])).await?, "größe 😀 \n \"x\"");
    worker.run.kill().await
}

async fn a_worker_reports_its_runtime(bench: &Bench) -> Outcome {
    let mut worker = start(bench, "worker.ts").await?;
    let info = worker.call("getSystemInfo", json!([])).await?;
    assert_eq!(info["runtime"], bench.runtime.as_str());
    let host = std::process::id();
    assert_eq!(info["pid"], worker.run.info.pid.unwrap_or(host));
    assert!(info["version"].as_str().is_some_and(|version| version.contains('.')), "{info}");
    worker.run.kill().await
}

async fn a_worker_answers_superjson_frames(bench: &Bench) -> Outcome {
    let mut worker = start(bench, "worker.ts").await?;
    let frame = json!({
        "json": {
            "id": "1-2-3-4", "method": "add", "args": [1, 2], "type": "request",
            "callbackIds": null, "version": "superjson",
        },
        "meta": { "values": { "callbackIds": ["undefined"] } },
    });
    worker.run.write(format!("{frame}\n")).await?;
    assert_eq!(worker.answer().await?, ("1-2-3-4".to_owned(), Ok(json!(3))));
    worker.run.kill().await
}

async fn a_worker_invokes_callbacks(bench: &Bench) -> Outcome {
    let mut worker = start(bench, "worker.ts").await?;
    let args = json!([3, "__callback__tick"]);
    let (id, frame) = worker.frame("count", &args, &json!(["tick"]));
    worker.run.write(frame).await?;
    for tick in 1..=3 {
        let called = worker.receive().await?;
        assert_eq!((&called["type"], &called["method"]), (&json!("callback"), &json!("tick")));
        assert_eq!(called["args"], json!([tick]));
    }
    let (answered, result) = worker.answer().await?;
    assert_eq!((answered, result), (id, Ok(json!(3))));
    worker.run.kill().await
}

async fn an_error_in_a_worker_is_returned_to_the_caller(bench: &Bench) -> Outcome {
    let mut worker = start(bench, "worker.ts").await?;
    let id = worker.send("fail", json!(["on purpose"])).await?;
    let (answered, result) = worker.answer().await?;
    let error = result.expect_err("the method throws").to_string();
    assert!(answered == id && error.contains("on purpose"), "{answered}: {error}");

    let unknown = worker.send("noSuchMethod", json!([])).await?;
    let (answered, result) = worker.answer().await?;
    let error = result.expect_err("the method does not exist").to_string();
    assert!(answered == unknown && error.contains("noSuchMethod"), "{answered}: {error}");

    assert_eq!(worker.call("add", json!([1, 1])).await?, 2);
    worker.run.kill().await
}

async fn concurrent_calls_do_not_block_each_other(bench: &Bench) -> Outcome {
    let mut worker = start(bench, "worker.ts").await?;
    // Pending for a day. Other calls must not wait for it.
    worker.send("sleep", json!([86_400_000])).await?;
    let mut expected = Vec::new();
    for n in 0..100 {
        expected.push((worker.send("add", json!([n, n])).await?, json!(2 * n)));
    }
    let answers = worker.answers(expected.len()).await?;
    assert_eq!(answers, expected.into_iter().collect());
    worker.run.kill().await
}

async fn ten_thousand_calls_are_answered_in_order(bench: &Bench) -> Outcome {
    const CALLS: usize = 10_000;
    let mut worker = start(bench, "worker.ts").await?;
    let calls: Vec<_> =
        (0..CALLS).map(|n| worker.frame("add", &json!([n, 1]), &json!([]))).collect();
    for (_, frame) in &calls {
        worker.run.write(frame).await?;
    }
    for (n, (id, _)) in calls.into_iter().enumerate() {
        assert_eq!(worker.answer().await?, (id, Ok(json!(n + 1))));
    }
    worker.run.kill().await
}

async fn strings_of_all_lengths_round_trip_through_a_worker(bench: &Bench) -> Outcome {
    let mut worker = start(bench, "worker.ts").await?;
    // Characters of four bytes at all offsets reveal split characters.
    for len in [0, 1, 1_000, 4_095, 16_384, 65_537, 1_000_003] {
        let text = Value::from(format!("{}{}", "x".repeat(len % 7), "😀".repeat(len / 4)));
        let back = worker.call("echo", json!([text])).await?;
        assert!(back == text, "the text of {len} bytes came back changed");
    }
    worker.run.kill().await
}

async fn a_worker_exits_with_the_requested_code(bench: &Bench) -> Outcome {
    let mut worker = start(bench, "worker.ts").await?;
    worker.send("exit", json!([3])).await?;
    assert_eq!(worker.run.end().await?.code, Some(3));
    Ok(())
}

async fn a_worker_exits_when_stdin_closes(bench: &Bench) -> Outcome {
    ends_with_stdin(start(bench, "worker.ts").await?).await
}

/// Checks that pending calls are answered after stdin is closed, and that the worker then exits.
async fn ends_with_stdin(mut worker: Rpc<'_>) -> Outcome {
    let id = worker.send("add", json!([1, 2])).await?;
    worker.run.close()?;
    assert_eq!(worker.answer().await?, (id, Ok(json!(3))));
    let ended = worker.run.end().await?;
    assert_eq!(ended.code, Some(0), "{:?} {}", ended.reason, ended.log());
    Ok(())
}

async fn a_runtime_specific_worker_answers_and_exits(bench: &Bench) -> Outcome {
    let (file, runtime) = match bench.runtime {
        Runtime::Bun => ("bun-worker.ts", "bun"),
        Runtime::Node => ("node-worker.mjs", "node"),
        // This worker does not know the embedded engine and reports Deno.
        _ => ("deno-worker.ts", "deno"),
    };
    let mut worker = start(bench, file).await?;
    assert_eq!(worker.call("add", json!([2, 3])).await?, 5);
    assert_eq!(worker.call("echo", json!(["größe"])).await?, "größe");
    assert_eq!(worker.call("getSystemInfo", json!([])).await?["runtime"], runtime);
    ends_with_stdin(worker).await
}
