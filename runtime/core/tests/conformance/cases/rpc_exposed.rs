//! Functions of Rust that backends call, and backends on kkrpc.

use js_runtime::rpc::{Bytes, Error, Failure, Function, Remote, RemoteStream};
use js_runtime::{Permissions, Runtime, SpawnConfig, Supervisor};
use libtest_mimic::Failed;
use serde_json::{Value, json};

use crate::support::{Bench, Case, Outcome, cases, poll_once};

pub(crate) const CASES: &[Case] = cases![
    a_backend_calls_exposed_functions,
    only_named_processes_call_exposed_functions,
    rust_and_a_backend_on_kkrpc_call_each_other,
];

/// A supervisor that exposes functions, and a process of the fixture.
async fn exposing(bench: &Bench, to: Option<&str>) -> Result<(Supervisor, Remote), Failed> {
    let mut builder = Supervisor::builder()
        .warm_isolates(0)
        .expose("greet", |name: String| async move { Ok::<_, Failure>(format!("Hello {name}")) })
        .expose("double", |n: u32| async move { Ok::<_, Failure>(2 * n) })
        .expose("nothing", || async { Ok::<_, Failure>(()) })
        .expose("refuse", |text: String| async move {
            Err::<(), _>(Failure::named("RangeError", text).field("code", 7))
        })
        .expose("parse", |text: String| async move { text.parse::<u32>() })
        .expose("panics", || async {
            tokio::task::yield_now().await;
            let text: Result<u32, _> = "an exposed function panics on purpose".parse();
            Ok::<_, Failure>(text.expect("it is no number"))
        })
        .expose("progress", |n: u32, on_progress: Function| async move {
            for done in 1..=n {
                on_progress.call((done,)).await?;
            }
            Ok::<_, Failure>(n)
        });
    if let Some(name) = to {
        builder = builder.expose_to([name]);
    }
    let supervisor = builder.build()?;
    supervisor.spawn("fixture", bench.rpc_backend()).await?;
    let remote = supervisor.connect("fixture")?;
    Ok((supervisor, remote))
}

async fn a_backend_calls_exposed_functions(bench: &Bench) -> Outcome {
    let (_supervisor, backend) = exposing(bench, None).await?;
    assert_eq!(backend.call::<String>("ask", ("greet", "you")).await?, "Hello you");
    backend.call::<()>("ask", ("nothing",)).await?;
    assert_eq!(backend.call::<Value>("askWithProgress", (3,)).await?, json!([3, [1, 2, 3]]));
    let doubled = backend.call::<Vec<u32>>("askTogether", (3000,)).await?;
    assert_eq!(doubled, (0..3000).map(|n| 2 * n).collect::<Vec<_>>());

    let failed = async |args: Value| match backend.call::<Value>("ask", args).await {
        Err(Error::Thrown(error)) => Ok((error.name, error.message, error.fields)),
        other => Err(Failed::from(format!("{other:?}"))),
    };
    let (name, message, fields) = failed(json!(["refuse", "no"])).await?;
    assert_eq!((&*name, &*message, &fields["code"]), ("RangeError", "no", &json!(7)));
    let (name, message, _) = failed(json!(["parse", "x"])).await?;
    assert_eq!((&*name, &*message), ("Error", "invalid digit found in string"));
    let (name, message, _) = failed(json!(["greet", 1])).await?;
    assert_eq!(name, "TypeError");
    assert!(message.contains("argument 1") && message.contains("expected a string"), "{message}");
    let half = backend.call::<String>("askHalf", ()).await.expect_err("it is half a character");
    assert!(half.to_string().contains("arguments cannot be decoded"), "{half}");
    let (_, message, _) = failed(json!(["panics"])).await?;
    assert!(message.contains("'panics' has panicked"), "{message}");
    assert_eq!(backend.call::<String>("ask", ("greet", "you")).await?, "Hello you");
    Ok(())
}

async fn only_named_processes_call_exposed_functions(bench: &Bench) -> Outcome {
    let (supervisor, backend) = exposing(bench, Some("another")).await?;
    let mut refused = backend.call::<String>("ask", ("greet", "you")).into_future();
    assert!(poll_once(&mut refused).is_pending());
    supervisor.spawn("another", bench.rpc_backend()).await?;
    let another = supervisor.connect("another")?;
    assert_eq!(another.call::<String>("ask", ("greet", "you")).await?, "Hello you");
    // Rust would have answered the request before these.
    for _ in 0..2 {
        backend.call::<()>("nothing", ()).await?;
    }
    assert!(poll_once(&mut refused).is_pending(), "the request has no answer");
    Ok(())
}

async fn rust_and_a_backend_on_kkrpc_call_each_other(bench: &Bench) -> Outcome {
    let file = match bench.runtime {
        Runtime::Bun => "bun-worker.ts",
        Runtime::Node => "node-worker.mjs",
        _ => "deno-worker.ts",
    };
    let name = Bench::name();
    let permissions = Some(Permissions::all());
    let config = SpawnConfig { permissions, ..bench.backend(file) };
    bench.supervisor.spawn(&name, config).await?;
    let backend = bench.supervisor.connect(&name)?;
    assert_eq!(backend.call::<u32>("add", (2, 3)).await?, 5);
    assert_eq!(backend.call::<String>("echo", ("größe",)).await?, "größe");
    let error = backend.call::<()>("noSuchMethod", ()).await.expect_err("it does not exist");
    assert!(error.to_string().contains("noSuchMethod"), "{error}");
    let error = backend.call::<Bytes>("echo", (Bytes(vec![1]),)).await.expect_err("kkrpc has none");
    assert!(error.to_string().contains("uses kkrpc"), "{error}");
    let stream = backend.call::<RemoteStream<u32>>("add", (1, 2)).await;
    assert!(matches!(stream, Err(Error::Answer { .. })));
    Ok(())
}
