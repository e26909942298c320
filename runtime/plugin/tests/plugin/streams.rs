//! Output to pages and input from pages: backlog, order, acknowledgements, reloads.

use std::time::Duration;

use serde_json::{Value, json};
use tauri::ipc::InvokeBody;
use tauri_plugin_js::JsExt;

use crate::patience::finishes;
use crate::test_app::{RUNTIME, TestApp, capability, one_window, test_app, wait_for};

fn config() -> Value {
    json!({ "backends": { "echo": { "bundled": "echo", "runtime": RUNTIME, "args": ["hello"] } } })
}

fn write(app: &TestApp, seq: u64, text: &str) {
    app.write("main", "echo", "w", seq, text).expect("written");
}

/// Asserts that the events have consecutive numbers.
fn assert_consecutive(events: &[(Option<u64>, String)]) {
    let numbers: Vec<u64> = events.iter().filter_map(|(seq, _)| *seq).collect();
    let first = numbers.first().copied().unwrap_or(0);
    let expected: Vec<u64> = (first..).take(numbers.len()).collect();
    assert_eq!(numbers, expected);
}

/// Waits until Channel `id` gets no more messages without an acknowledgement, and returns their bytes. That is
/// when the unacknowledged bytes or messages reach their maximum, or the process waits for room in its history.
/// Then waits a little longer, to see messages beyond the maximum.
fn unacked_bytes_at_limit(app: &TestApp, id: u32) -> usize {
    const MAX_UNACKED_BYTES: usize = 1024 * 1024;
    const MAX_UNACKED_BATCHES: usize = 256;
    /// The default of `limits.stdoutBufferMb`.
    const HISTORY_BYTES: usize = 4 * 1024 * 1024;
    /// The share of an event in the history, in addition to its text.
    const EVENT_BYTES: usize = 64;
    let bytes = || app.messages(id).iter().map(String::len).sum::<usize>();
    let history_bytes = || {
        let lines = app.stdout(id);
        lines.len() * EVENT_BYTES + lines.iter().map(String::len).sum::<usize>()
    };
    wait_for("the limit", || {
        let is_full = bytes() >= MAX_UNACKED_BYTES || app.messages(id).len() >= MAX_UNACKED_BATCHES;
        // The margin covers the few changes of state in the history.
        (is_full || history_bytes() + 16 * EVENT_BYTES >= HISTORY_BYTES).then_some(())
    });
    std::thread::sleep(Duration::from_millis(300));
    bytes()
}

/// Acknowledges the events on Channel `id` until `line` has arrived. Returns the number of its event.
fn ack_until(app: &TestApp, id: u32, line: &str) -> u64 {
    let mut acked = None;
    wait_for(line, || {
        let newest = app.events(id).iter().filter_map(|(seq, _)| *seq).next_back()?;
        if acked.replace(newest) != Some(newest) {
            let args = json!({ "name": "echo", "attachment": id.to_string(), "seq": newest });
            app.call("main", "ack", args).expect("acknowledged");
        }
        app.stdout(id).last().is_some_and(|last| last == line).then_some(newest)
    })
}

#[test]
fn a_late_attachment_gets_the_backlog_and_the_number_of_the_next_event() {
    let app = one_window(config(), &[]);
    app.call("main", "spawn", json!({ "name": "echo" })).expect("spawned");
    write(&app, 1, "a\n");
    app.attach("main", "echo", 1).expect("attached");
    wait_for("the echo", || app.stdout(1).contains(&"echo a".to_owned()).then_some(()));
    let attached = app.attach("main", "echo", 2).expect("attached");
    write(&app, 2, "b\n");
    wait_for("both", || (app.stdout(2) == ["hello", "echo a", "echo b"]).then_some(()));
    let events = app.events(2);
    assert_consecutive(&events);
    let next = attached["next"].as_u64().expect("a number");
    let line = events.iter().find(|(_, line)| line == "oecho b").expect("the new line");
    assert_eq!(line.0, Some(next));
}

#[test]
fn the_answer_to_attach_does_not_contain_the_invoke_key() {
    let app = one_window(config(), &[]);
    app.call("main", "ensure", json!({ "name": "echo" })).expect("started");
    let attached = app.attach("main", "echo", 1).expect("attached");
    let fields: std::collections::BTreeSet<_> =
        attached.as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!(fields, ["fresh", "next", "process"].into());
    assert!(!attached.to_string().contains(tauri::test::INVOKE_KEY), "{attached}");
}

#[test]
fn only_the_first_attachment_to_a_generation_is_fresh() {
    let capabilities = json!([
        capability("main", json!(["js:default"])),
        capability("second", json!(["js:default"]))
    ]);
    let app = test_app(config(), &capabilities, &["main", "second"]);
    app.call("main", "spawn", json!({ "name": "echo" })).expect("spawned");
    let fresh = |label: &str, id| app.attach(label, "echo", id).expect("attached")["fresh"].clone();
    assert_eq!(
        (fresh("main", 1), fresh("second", 2), fresh("main", 3)),
        (json!(true), json!(false), json!(false))
    );
    app.call("main", "restart", json!({ "name": "echo", "config": null })).expect("restarted");
    // The attached pages get the new generation too.
    wait_for("the new generation", || {
        app.messages(3).iter().any(|text| text.contains("\"gen\":2")).then_some(())
    });
    assert_eq!(fresh("second", 4), json!(false));
}

#[test]
fn a_removed_process_leaves_no_state_for_a_later_one_of_its_name() {
    let app = one_window(config(), &[]);
    for id in 1..4 {
        app.call("main", "spawn", json!({ "name": "echo" })).expect("spawned");
        let attached = app.attach("main", "echo", id).expect("attached");
        assert_eq!(attached["fresh"], true);
        let args = json!({ "name": "echo", "attachment": id.to_string() });
        app.call("main", "detach", args).expect("detached");
        app.call("main", "kill", json!({ "name": "echo" })).expect("killed");
        app.call("main", "remove", json!({ "name": "echo" })).expect("removed");
    }
}

#[test]
fn repeated_attachments_do_not_get_the_whole_backlog_each_time() {
    const MIB: usize = 1024 * 1024;
    const ATTACHES: u32 = 100;
    /// A busy machine may be so slow that the whole backlog is allowed each time; then the test tries again.
    const ATTEMPTS: u32 = 10;
    let app = one_window(config(), &[]);
    app.call("main", "spawn", json!({ "name": "echo" })).expect("spawned");
    app.attach("main", "echo", 1).expect("attached");
    write(&app, 1, "flood 150000\n");
    unacked_bytes_at_limit(&app, 1);
    let mut last = 1;
    for _ in 0..ATTEMPTS {
        let start = std::time::Instant::now();
        let ids = last + 1..=last + ATTACHES;
        last += ATTACHES;
        for id in ids.clone() {
            app.attach("main", "echo", id).expect("attached");
            std::thread::sleep(Duration::from_millis(5));
        }
        let sent: usize = ids.flat_map(|id| app.messages(id)).map(|text| text.len()).sum();
        // The pause allows about 10 MB per second. Without it, each attachment gets 1 MiB at once.
        let max = 2 * MIB + 15 * usize::try_from(start.elapsed().as_micros()).unwrap_or(0);
        assert!(sent < max, "{sent} bytes were sent, more than {max}");
        // The last attachment still gets the backlog.
        wait_for("the backlog", || (app.stdout(last).len() > 10).then_some(()));
        if max < ATTACHES as usize * MIB / 2 {
            return;
        }
    }
    panic!("the machine is too slow for this test");
}

#[test]
fn a_reloaded_page_gets_no_mark_for_dropped_events_that_it_had_handled() {
    let app = one_window(config(), &[]);
    app.call("main", "spawn", json!({ "name": "echo" })).expect("spawned");
    app.attach("main", "echo", 1).expect("attached");
    write(&app, 1, "flood 150000\n");
    let handled = ack_until(&app, 1, "line 149999");
    for (id, after, has_mark) in [(2, Some(handled), false), (3, None, true)] {
        app.attach_after("main", "echo", id, after).expect("attached again");
        let first = wait_for("the backlog", || app.events(id).into_iter().next());
        assert_eq!(first.1.starts_with('d'), has_mark, "{first:?}");
    }
}

#[test]
fn output_waits_for_a_slow_page_and_no_event_is_lost() {
    let app = one_window(config(), &[]);
    app.call("main", "spawn", json!({ "name": "echo" })).expect("spawned");
    app.attach("main", "echo", 1).expect("attached");
    let lines = 400_000;
    write(&app, 1, &format!("flood {lines}\n"));
    let unacked = unacked_bytes_at_limit(&app, 1);
    assert!(unacked < 2 * 1024 * 1024, "{unacked} bytes were sent without an acknowledgement");

    ack_until(&app, 1, &format!("line {}", lines - 1));
    assert_eq!(app.stdout(1).len(), lines + 1);
    let events = app.events(1);
    assert_consecutive(&events);
    assert!(!events.iter().any(|(_, line)| line.starts_with('d')), "events were dropped");
}

#[test]
fn a_reloaded_page_gets_the_events_that_it_had_not_handled() {
    let app = one_window(config(), &[]);
    app.call("main", "spawn", json!({ "name": "echo" })).expect("spawned");
    app.attach("main", "echo", 1).expect("attached");
    // More than fits in the history. The page handles only the first part.
    write(&app, 1, "flood 150000\n");
    let handled = wait_for("a part", || app.events(1).iter().filter_map(|(seq, _)| *seq).nth(100));
    app.attach("main", "echo", 2).expect("attached again");
    ack_until(&app, 2, "line 149999");
    let seen = |id, until: &dyn Fn(u64) -> bool| -> Vec<String> {
        let events = app.events(id).into_iter();
        events.filter(|(seq, _)| seq.is_some_and(until)).map(|(_, line)| line).collect()
    };
    let mut lines = seen(1, &|seq| seq <= handled);
    lines.extend(seen(2, &|seq| seq > handled));
    let lines: Vec<&String> = lines.iter().filter(|line| line.starts_with("oline")).collect();
    assert_eq!(lines.len(), 150_000);
    assert!(lines.iter().enumerate().all(|(n, line)| **line == format!("oline {n}")));
}

#[test]
fn acknowledgements_of_an_earlier_attachment_are_ignored() {
    let app = one_window(config(), &[]);
    app.call("main", "spawn", json!({ "name": "echo" })).expect("spawned");
    app.attach("main", "echo", 1).expect("attached");
    app.attach("main", "echo", 2).expect("attached again");
    write(&app, 1, "flood 150000\n");
    let before = unacked_bytes_at_limit(&app, 2);
    assert!(app.stdout(2).len() < 150_000, "all lines were sent");
    let args = json!({ "name": "echo", "attachment": "1", "seq": 1_000_000 });
    app.call("main", "ack", args).expect("ignored");
    assert_eq!(unacked_bytes_at_limit(&app, 2), before);
}

#[test]
fn a_resent_request_is_written_once_and_in_order() {
    let app = one_window(config(), &[]);
    app.call("main", "spawn", json!({ "name": "echo" })).expect("spawned");
    app.attach("main", "echo", 1).expect("attached");
    for seq in 1..=500 {
        write(&app, seq, &format!("{seq}\n"));
        if seq % 7 == 0 {
            write(&app, seq, &format!("{seq}\n"));
        }
    }
    wait_for("the last echo", || app.stdout(1).contains(&"echo 500".to_owned()).then_some(()));
    let expected: Vec<String> =
        std::iter::once("hello".to_owned()).chain((1..=500).map(|n| format!("echo {n}"))).collect();
    assert_eq!(app.stdout(1), expected);
}

#[test]
fn input_for_an_earlier_generation_is_refused() {
    let app = one_window(config(), &[]);
    app.call("main", "spawn", json!({ "name": "echo" })).expect("spawned");
    app.call("main", "restart", json!({ "name": "echo" })).expect("restarted");
    app.attach("main", "echo", 1).expect("attached");
    let write = |seq: &str, generation: Option<&str>, text: &str| {
        let mut headers = vec![("js-name", "echo"), ("js-writer", "w"), ("js-seq", seq)];
        headers.extend(generation.map(|generation| ("js-generation", generation)));
        app.request("main", "write", InvokeBody::Raw(text.into()), &headers)
    };
    let old = |command, mut args: Value| {
        args["name"] = "echo".into();
        args["generation"] = 1.into();
        app.call("main", command, args)
    };
    let refusals = [
        write("1", Some("1"), "old\n"),
        old("write_stdin", json!({ "data": "old\n" })),
        old("drain", json!({})),
        old("close_stdin", json!({})),
    ];
    for refusal in refusals {
        let error = refusal.expect_err("refused");
        assert_eq!((&error["kind"], &error["generation"]), (&json!("exited"), &json!(1)));
    }
    write("2", Some("2"), "new\n").expect("written");
    write("3", None, "newer\n").expect("written");
    let echoes = ["echo new".to_owned(), "echo newer".to_owned()];
    wait_for("the echoes", || app.stdout(1).ends_with(&echoes).then_some(()));
    assert!(!app.stdout(1).contains(&"echo old".to_owned()));
}

#[test]
fn the_exit_is_the_last_event_of_its_generation_and_removal_ends_the_stream() {
    let app = one_window(config(), &[]);
    app.call("main", "spawn", json!({ "name": "echo" })).expect("spawned");
    app.attach("main", "echo", 1).expect("attached");
    write(&app, 1, "flood 100\nexit\n");
    let events = wait_for("the exit", || {
        let events = app.events(1);
        events.last().is_some_and(|(_, line)| line.starts_with('x')).then_some(events)
    });
    assert_eq!(events.iter().filter(|(_, line)| line.starts_with("oline")).count(), 100);
    let exit: Value = serde_json::from_str(&events[events.len() - 1].1[1..]).expect("JSON");
    assert_eq!(exit, json!({ "reason": { "kind": "completed" }, "code": 3 }));
    app.call("main", "remove", json!({ "name": "echo" })).expect("removed");
    wait_for("the end", || app.events(1).last().is_some_and(|(_, line)| line == "r").then_some(()));
}

#[test]
fn killing_a_process_does_not_wait_for_a_slow_page() {
    let app = one_window(config(), &[]);
    app.call("main", "spawn", json!({ "name": "echo" })).expect("spawned");
    app.attach("main", "echo", 1).expect("attached");
    write(&app, 1, "flood 1000000\n");
    wait_for("the flood", || (app.messages(1).len() > 5).then_some(()));
    // The page acknowledges nothing.
    let supervisor = app.tauri.js().supervisor().clone();
    let killed = async move { finishes(supervisor.kill("echo")).await };
    let killed = tauri::async_runtime::block_on(killed).expect("the kill does not wait");
    killed.expect("killed");
    let status = app.call("main", "get_status", json!({ "name": "echo" })).expect("listed");
    assert_eq!(status["state"]["reason"]["kind"], "killed", "{status}");
}

#[test]
fn a_watch_sends_a_snapshot_then_changes_and_usage_until_it_ends() {
    let app = one_window(config(), &[]);
    app.call("main", "watch", json!({ "channel": "__CHANNEL__:5", "usageMs": 250 }))
        .expect("watches");
    wait_for("the snapshot", || {
        (app.messages(5) == [r#"{"kind":"snapshot","processes":[]}"#]).then_some(())
    });
    app.call("main", "spawn", json!({ "name": "echo" })).expect("spawned");
    let has_message = |part: &str| app.messages(5).iter().any(|text| text.contains(part));
    wait_for("the process", || has_message(r#""state":{"state":"running"}"#).then_some(()));
    wait_for("its usage", || has_message(r#""kind":"usage""#).then_some(()));
    app.call("main", "kill", json!({ "name": "echo" })).expect("killed");
    app.call("main", "remove", json!({ "name": "echo" })).expect("removed");
    wait_for("its removal", || has_message(r#"{"kind":"removed","name":"echo"}"#).then_some(()));
    app.call("main", "unwatch", json!({ "channel": 5 })).expect("ended");
    // A message with usage may still arrive.
    let is_of_process = |text: &&String| text.contains(r#""kind":"process""#);
    let count = || app.messages(5).iter().filter(is_of_process).count();
    let before = count();
    app.call("main", "spawn", json!({ "name": "echo" })).expect("spawned");
    std::thread::sleep(Duration::from_millis(400));
    assert_eq!(count(), before);
}
