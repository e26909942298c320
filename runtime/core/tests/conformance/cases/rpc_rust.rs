//! Rust as an endpoint: calls to backends, and functions that backends call.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use js_runtime::rpc::{AbortSignal, Bytes, Callback, Error, Function, Remote, Thrown};
use libtest_mimic::Failed;
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::support::{Bench, Case, Outcome, cases, poll_once};

pub(crate) const CASES: &[Case] = cases![
    rust_calls_functions_of_a_backend,
    rust_reads_and_sets_properties_of_a_backend,
    an_error_of_a_backend_keeps_its_fields_and_cause,
    arguments_that_cannot_be_sent_fail_the_call_alone,
    callbacks_of_rust_run_before_the_answer,
    values_that_rust_cannot_decode_fail_what_waits_for_them,
    rust_reads_streams_of_a_backend,
    dropping_a_stream_ends_it_in_the_backend,
    dropping_a_call_aborts_its_signal,
    binary_and_rich_values_reach_rust,
    a_call_without_an_answer_times_out,
    a_thousand_calls_of_rust_are_under_way_at_once,
    a_connection_of_rust_survives_a_restart,
    calls_to_a_removed_process_fail,
    calls_under_way_fail_when_the_supervisor_shuts_down,
];

pub(super) async fn connect(bench: &Bench) -> Result<(String, Remote), Failed> {
    let name = Bench::name();
    bench.supervisor.spawn(&name, bench.rpc_backend()).await?;
    let remote = bench.supervisor.connect(&name)?;
    Ok((name, remote))
}

async fn rust_calls_functions_of_a_backend(bench: &Bench) -> Outcome {
    let (_, backend) = connect(bench).await?;
    assert_eq!(backend.call::<u32>("add", (2, 3)).await?, 5);
    assert_eq!(backend.call::<i64>("nested.mul", (2, 3)).await?, 6);
    backend.call::<()>("nothing", ()).await?;
    assert_eq!(backend.call::<Option<i64>>("nothing", ()).await?, None);
    let data = json!({ "$": "function", "id": "x", "list": [null, 1.5, "größe \n"] });
    assert_eq!(backend.call::<Value>("echo", (&data,)).await?, data);
    let long = "😀".repeat(300_000);
    assert!(backend.call::<String>("echo", (&long,)).await? == long);
    Ok(())
}

async fn rust_reads_and_sets_properties_of_a_backend(bench: &Bench) -> Outcome {
    let (_, backend) = connect(bench).await?;
    assert_eq!(backend.get::<String>("version").await?, "1.0");
    backend.set("version", "2.0").await?;
    assert_eq!(backend.get::<String>("version").await?, "2.0");
    Ok(())
}

async fn an_error_of_a_backend_keeps_its_fields_and_cause(bench: &Bench) -> Outcome {
    let (_, backend) = connect(bench).await?;
    let error = backend.call::<()>("fail", ("on purpose",)).await.expect_err("it throws");
    let Error::Thrown(thrown) = error else { return Err(format!("{error:?}").into()) };
    let Thrown { name, message, stack, cause, fields, .. } = *thrown;
    assert_eq!((&*name, &*message), ("TypeError", "on purpose"));
    assert!(stack.is_some_and(|stack| stack.contains("fail")));
    assert_eq!(cause.expect("it has a cause").to_string(), "Error: the cause");
    assert_eq!(Value::Object(fields), json!({ "code": "E_NO", "at": { "line": 1 } }));

    let error = backend.call::<()>("noSuchMethod", ()).await.expect_err("it does not exist");
    assert!(error.to_string().contains("noSuchMethod"), "{error}");
    let error = backend.call::<String>("add", (1, 2)).await.expect_err("it is a number");
    assert!(matches!(error, Error::Answer { .. }), "{error:?}");
    Ok(())
}

async fn arguments_that_cannot_be_sent_fail_the_call_alone(bench: &Bench) -> Outcome {
    let (_, backend) = connect(bench).await?;
    let error = backend.call::<f64>("add", 2).await.expect_err("it is no tuple");
    assert!(error.to_string().contains("give them as a tuple"), "{error}");
    let map = BTreeMap::from([((1, 2), 3)]);
    let error = backend.call::<f64>("add", (map,)).await.expect_err("its keys are no texts");
    assert!(matches!(error, Error::Arguments { .. }), "{error:?}");
    assert_eq!(backend.call::<u32>("add", (2, 3)).await?, 5);
    Ok(())
}

async fn callbacks_of_rust_run_before_the_answer(bench: &Bench) -> Outcome {
    let (_, backend) = connect(bench).await?;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sink = seen.clone();
    let on_tick = Callback::with_args(move |tick: (u32, u32)| sink.lock().push(tick));
    assert_eq!(backend.call::<u32>("count", (500, &on_tick)).await?, 500);
    assert_eq!(*seen.lock(), (1..=500).map(|tick| (tick, 500)).collect::<Vec<_>>());

    let panics = Callback::new(|_: u32| panic!("a callback panics on purpose"));
    assert_eq!(backend.call::<u32>("count", (1, panics)).await?, 1);
    let (sender, called) = oneshot::channel();
    let sender = Mutex::new(Some(sender));
    let nested = Callback::new(move |text: String| {
        let sender = sender.lock().take().expect("it is called once");
        sender.send(text).expect("the test waits");
    });
    backend.call::<()>("nestedCallback", (json_with(&nested),)).await?;
    assert_eq!(called.await?, "called");
    Ok(())
}

/// An argument with a callback inside.
fn json_with<T>(callback: &Callback<T>) -> BTreeMap<&'static str, Vec<&Callback<T>>> {
    BTreeMap::from([("handlers", vec![callback])])
}

async fn values_that_rust_cannot_decode_fail_what_waits_for_them(bench: &Bench) -> Outcome {
    let (_, backend) = connect(bench).await?;
    let error = backend.call::<String>("half", ()).await.expect_err("it is half a character");
    assert!(matches!(error, Error::Answer { .. }), "{error:?}");
    let mut rows = backend.stream::<String>("halfRows", ()).await?;
    let error = rows.next().await.expect("it fails").expect_err("it is half a character");
    assert!(matches!(error, Error::Answer { .. }), "{error:?}");
    assert!(rows.next().await.is_none());
    Ok(())
}

async fn rust_reads_streams_of_a_backend(bench: &Bench) -> Outcome {
    let (_, backend) = connect(bench).await?;
    let mut rows = backend.stream::<u32>("rows", (2000,)).await?;
    for expected in 0..2000 {
        assert_eq!(rows.next().await.expect("it has 2000 rows")?, expected);
    }
    assert!(rows.next().await.is_none());

    let mut large = backend.stream::<String>("rows", (20, 400_000)).await?;
    let mut count = 0;
    while let Some(row) = large.next().await {
        assert_eq!(row?.len(), 400_000);
        count += 1;
    }
    assert_eq!(count, 20);

    let mut failing = backend.stream::<u32>("failing", ()).await?;
    assert_eq!(failing.next().await.expect("it has a row")?, 1);
    let error = failing.next().await.expect("it fails").expect_err("it fails");
    assert_eq!(error.to_string(), "RangeError: row 2");
    assert!(failing.next().await.is_none());

    let error = backend.stream::<u32>("add", (1, 2)).await.err().expect("it is no stream");
    assert!(matches!(error, Error::Answer { .. }), "{error:?}");
    Ok(())
}

#[derive(Deserialize)]
struct State {
    ended: u32,
    aborted: String,
}

/// Waits until the state of the fixture is as expected.
async fn until(backend: &Remote, is_expected: impl Fn(&State) -> bool) -> Outcome {
    loop {
        if is_expected(&backend.call("state", ()).await?) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn dropping_a_stream_ends_it_in_the_backend(bench: &Bench) -> Outcome {
    let (_, backend) = connect(bench).await?;
    let mut rows = backend.stream::<u32>("rows", (u32::MAX,)).await?;
    assert_eq!(rows.next().await.expect("it has rows")?, 0);
    drop(rows);
    until(&backend, |state| state.ended == 1).await?;
    // A stream that arrives after its caller has given up disturbs nothing.
    let mut late = backend.stream::<u32>("lateRows", ()).into_future();
    assert!(poll_once(&mut late).is_pending());
    assert_eq!(backend.call::<u32>("add", (1, 1)).await?, 2);
    drop(late);
    backend.call::<()>("open", ()).await?;
    assert_eq!(backend.call::<u32>("add", (1, 1)).await?, 2);
    Ok(())
}

async fn dropping_a_call_aborts_its_signal(bench: &Bench) -> Outcome {
    let (_, backend) = connect(bench).await?;
    let mut call = backend.call::<String>("wait", (AbortSignal::new(),)).into_future();
    assert!(poll_once(&mut call).is_pending());
    assert_eq!(backend.call::<u32>("add", (1, 1)).await?, 2);
    assert!(poll_once(&mut call).is_pending());
    drop(call);
    until(&backend, |state| state.aborted == "AbortError").await?;

    let signal = AbortSignal::new();
    let mut call = backend.call::<String>("wait", (signal.clone(),)).into_future();
    assert!(poll_once(&mut call).is_pending());
    signal.abort();
    assert_eq!(call.await?, "AbortError");
    assert_eq!(backend.call::<String>("wait", (signal,)).await?, "AbortError");
    Ok(())
}

async fn binary_and_rich_values_reach_rust(bench: &Bench) -> Outcome {
    #[derive(Debug, Deserialize, PartialEq)]
    struct Rich {
        date: String,
        map: BTreeMap<String, u8>,
        big: u64,
        nan: f64,
        missing: Option<u8>,
        bytes: Bytes,
    }
    let (_, backend) = connect(bench).await?;
    let bytes: Vec<u8> = (0..=255).collect();
    let reversed = backend.call::<Bytes>("reversed", (Bytes(bytes.clone()),)).await?;
    assert_eq!(reversed.0, bytes.into_iter().rev().collect::<Vec<_>>());
    let rich = backend.call::<Rich>("rich", ()).await?;
    assert!(rich.nan.is_nan());
    let expected = Rich {
        date: "1970-01-01T00:00:00.000Z".to_owned(),
        map: BTreeMap::from([("a".to_owned(), 1)]),
        big: 12,
        nan: 0.0,
        missing: None,
        bytes: Bytes(vec![1, 2]),
    };
    assert_eq!(Rich { nan: 0.0, ..rich }, expected);

    let adder = backend.call::<Function>("adder", (40,)).await?;
    let (sender, sum) = oneshot::channel();
    let sender = Mutex::new(Some(sender));
    let report = Callback::new(move |sum: u32| {
        let sender = sender.lock().take().expect("it is called once");
        sender.send(sum).expect("the test waits");
    });
    adder.call((2, report)).await?;
    assert_eq!(sum.await?, 42);
    Ok(())
}

async fn a_call_without_an_answer_times_out(bench: &Bench) -> Outcome {
    let (name, backend) = connect(bench).await?;
    let call = backend.call::<()>("never", ()).timeout(Duration::from_millis(20));
    let error = call.await.expect_err("it is never answered");
    let message = format!("process '{name}' did not answer 'never' within 20 ms");
    assert_eq!(error.to_string(), message);
    let hasty = backend.clone().with_timeout(Duration::from_millis(20));
    let error = hasty.call::<()>("never", ()).await.expect_err("it is never answered");
    assert!(matches!(error, Error::Timeout { .. }), "{error:?}");
    assert_eq!(backend.call::<u32>("add", (2, 3)).await?, 5);
    Ok(())
}

async fn a_thousand_calls_of_rust_are_under_way_at_once(bench: &Bench) -> Outcome {
    let (_, backend) = connect(bench).await?;
    let never = backend.call::<()>("never", ()).into_future();
    let calls = (0..1000).map(|n| backend.call::<u32>("add", (n, n)).into_future());
    let calls = futures_util::future::join_all(calls);
    let answers = match futures_util::future::select(never, calls).await {
        futures_util::future::Either::Right((answers, _)) => answers,
        futures_util::future::Either::Left(_) => return Err("`never` was answered".into()),
    };
    for (n, answer) in (0..).zip(answers) {
        assert_eq!(answer?, 2 * n);
    }
    Ok(())
}

async fn a_connection_of_rust_survives_a_restart(bench: &Bench) -> Outcome {
    let (name, backend) = connect(bench).await?;
    backend.set("version", "changed").await?;
    let mut rows = backend.stream::<u32>("rows", (u32::MAX,)).await?;
    let mut never = backend.call::<()>("never", ()).into_future();
    assert!(poll_once(&mut never).is_pending());
    bench.supervisor.restart(&name, None).await?;
    let error = never.await.expect_err("its generation is over");
    let Error::Exited { generation, .. } = &error else { return Err(format!("{error:?}").into()) };
    assert_eq!(*generation, 1);
    assert!(error.to_string().contains("was killed"), "{error}");
    let error = loop {
        match rows.next().await.expect("the stream fails") {
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert!(matches!(error, Error::Exited { generation: 1, .. }), "{error:?}");
    assert_eq!(backend.get::<String>("version").await?, "1.0");

    bench.supervisor.kill(&name).await?;
    let error = backend.call::<f64>("add", (1, 1)).await.expect_err("it does not run");
    let is_over = matches!(error, Error::NotRunning { .. } | Error::Exited { .. });
    assert!(is_over, "{error:?}");
    bench.supervisor.restart(&name, None).await?;
    assert_eq!(backend.call::<u32>("add", (1, 1)).await?, 2);
    Ok(())
}

async fn calls_to_a_removed_process_fail(bench: &Bench) -> Outcome {
    let (name, backend) = connect(bench).await?;
    assert!(bench.supervisor.connect("no such process").is_err());
    bench.supervisor.kill(&name).await?;
    bench.supervisor.remove(&name)?;
    let error = backend.call::<f64>("add", (1, 1)).await.expect_err("it was removed");
    assert_eq!(error.kind(), "notRunning");
    Ok(())
}

async fn calls_under_way_fail_when_the_supervisor_shuts_down(bench: &Bench) -> Outcome {
    let (_, backend) = connect(bench).await?;
    let mut never = backend.call::<()>("never", ()).into_future();
    assert!(poll_once(&mut never).is_pending());
    bench.supervisor.shutdown().await;
    let error = never.await.expect_err("the process has ended");
    assert!(error.to_string().contains("ended with the app"), "{error}");
    assert!(backend.call::<()>("nothing", ()).await.is_err());
    Ok(())
}
