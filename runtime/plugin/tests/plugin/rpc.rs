//! Calls between Rust and backends, and the choice of who answers a request of a backend.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use serde_json::{Value, json};
use tauri::async_runtime::block_on;
use tauri_plugin_js::{JsExt, SpawnConfig};

use crate::test_app::{RUNTIME, TestApp, capability, test_app};

fn app() -> TestApp {
    let backend = json!({ "bundled": "asker", "runtime": RUNTIME });
    let config = json!({ "backends": { "asker": backend, "second": backend } });
    let permissions = json!(["js:default"]);
    let windows = ["main", "other"];
    let capabilities = windows.map(|label| capability(label, permissions.clone()));
    test_app(config, &json!(capabilities), &windows)
}

fn poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

fn claim(app: &TestApp, label: &str, request: &str, offers: bool) -> Value {
    let args = json!({
        "name": "asker", "generation": 1, "request": request, "connection": label, "offers": offers,
    });
    app.call(label, "claim", args).expect("the claim is answered")
}

#[test]
fn rust_starts_and_calls_a_declared_backend_that_calls_exposed_functions() {
    let app = app();
    let js = app.tauri.js();
    block_on(async {
        let asker = js.connect("asker").await.expect("it starts");
        let greeting: String = asker.call("ask", ("greet",)).await.expect("Rust answers");
        assert_eq!(greeting, "Hello you");
        let again = js.connect("asker").await.expect("it runs");
        let refused: String = again.call("ask", ("refuse",)).await.expect("Rust answers");
        assert_eq!(refused, "not you");
        assert_eq!(js.get_status("asker").expect("it is listed").generation, 1);
        assert!(js.connect("no such process").await.is_err());
    });
}

#[test]
fn a_request_is_answered_by_rust_or_by_one_window() {
    let app = app();
    block_on(async {
        let asker = app.tauri.js().connect("asker").await.expect("it starts");
        let greeting: String = asker.call("ask", ("greet",)).await.expect("Rust answers");
        assert_eq!(greeting, "Hello you");
        for label in ["main", "other"] {
            assert_eq!(claim(&app, label, "fixture.1", true), "taken", "Rust has answered it");
        }
        let mut unanswered = asker.call::<Value>("ask", ("title",)).into_future();
        assert!(poll_once(&mut unanswered).is_pending());
        // Rust would have answered it before these.
        for _ in 0..2 {
            let _: String = asker.call("ask", ("greet",)).await.expect("Rust answers");
        }
        assert!(poll_once(&mut unanswered).is_pending());
        assert_eq!(claim(&app, "main", "fixture.2", true), "granted");
        assert_eq!(claim(&app, "other", "fixture.2", true), "taken");
    });
}

#[test]
fn only_declared_backends_call_exposed_functions() {
    let app = app();
    let js = app.tauri.js();
    block_on(async {
        let config = SpawnConfig::script(RUNTIME.parse().expect("a runtime"), "asker");
        js.spawn("undeclared", config).await.expect("it starts");
        let undeclared = js.connect("undeclared").await.expect("it runs");
        let mut unanswered = undeclared.call::<Value>("ask", ("greet",)).into_future();
        assert!(poll_once(&mut unanswered).is_pending());
        // Rust would have answered the request before the second of these.
        for _ in 0..2 {
            undeclared.call::<()>("nothing", ()).await.expect("the fixture answers");
        }
        assert!(poll_once(&mut unanswered).is_pending());
        let second = js.connect("second").await.expect("it starts");
        let greeting: String = second.call("ask", ("greet",)).await.expect("Rust answers");
        assert_eq!(greeting, "Hello you");
    });
}
