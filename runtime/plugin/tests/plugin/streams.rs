//! Output to pages and input from them: backlog, order, credit, and pages that come back.

use std::time::Duration;

use serde_json::{Value, json};
use tauri::ipc::InvokeBody;
use tauri_plugin_js::JsExt;

use crate::patience::finishes;
use crate::support::{Bench, RUNTIME, bench, capability, simple, wait_for};

fn config() -> Value {
    json!({ "backends": { "echo": { "bundled": "echo", "runtime": RUNTIME, "args": ["hello"] } } })
}

fn write(bench: &Bench, seq: u64, text: &str) {
    bench.write("main", "echo", "w", seq, text).expect("written");
}

/// What a page that handles all it gets has seen: numbers in a row, each once.
fn assert_in_a_row(events: &[(Option<u64>, String)]) {
    let numbers: Vec<u64> = events.iter().filter_map(|(seq, _)| *seq).collect();
    let first = numbers.first().copied().unwrap_or(0);
    let expected: Vec<u64> = (first..).take(numbers.len()).collect();
    assert_eq!(numbers, expected);
}

/// The bytes that came over Channel `id` while nothing of them was acknowledged, once that is as much as a page
/// gets: its window is full in bytes or in messages, or the process waits for room in its history. Should more
/// be sent than that, it is seen as a rule.
fn settled(bench: &Bench, id: u32) -> usize {
    const WINDOW_BYTES: usize = 1024 * 1024;
    const WINDOW_BATCHES: usize = 256;
    /// The default of `limits.stdoutBufferMb`, and what an event takes of it on top of its text.
    const HISTORY_BYTES: usize = 4 * 1024 * 1024;
    const EVENT_BYTES: usize = 64;
    let bytes = || bench.messages(id).iter().map(String::len).sum::<usize>();
    let held = || {
        let lines = bench.stdout(id);
        lines.len() * EVENT_BYTES + lines.iter().map(String::len).sum::<usize>()
    };
    wait_for("as much as a page gets", || {
        let is_window_full = bytes() >= WINDOW_BYTES || bench.messages(id).len() >= WINDOW_BATCHES;
        // Changes of state are held too, and are few.
        (is_window_full || held() + 16 * EVENT_BYTES >= HISTORY_BYTES).then_some(())
    });
    std::thread::sleep(Duration::from_millis(300));
    bytes()
}

/// Handles what comes over Channel `id` until that line has come, as a page does; the last event.
fn read_to(bench: &Bench, id: u32, line: &str) -> u64 {
    let mut handled = None;
    wait_for(line, || {
        let newest = bench.events(id).iter().filter_map(|(seq, _)| *seq).next_back()?;
        if handled.replace(newest) != Some(newest) {
            let args = json!({ "name": "echo", "attachment": id.to_string(), "seq": newest });
            bench.call("main", "ack", args).expect("acknowledged");
        }
        bench.stdout(id).last().is_some_and(|last| last == line).then_some(newest)
    })
}

#[test]
fn a_page_that_attaches_late_gets_the_backlog_and_is_told_where_it_ends() {
    let bench = simple(config(), &[]);
    bench.call("main", "spawn", json!({ "name": "echo" })).expect("spawned");
    write(&bench, 1, "a\n");
    bench.attach("main", "echo", 1).expect("attached");
    wait_for("the echo", || bench.stdout(1).contains(&"echo a".to_owned()).then_some(()));
    let attached = bench.attach("main", "echo", 2).expect("attached");
    write(&bench, 2, "b\n");
    wait_for("both", || (bench.stdout(2) == ["hello", "echo a", "echo b"]).then_some(()));
    let events = bench.events(2);
    assert_in_a_row(&events);
    let next = attached["next"].as_u64().expect("a number");
    let line = events.iter().find(|(_, line)| line == "oecho b").expect("the new line");
    assert_eq!(line.0, Some(next));
}

#[test]
fn the_answer_to_attach_does_not_hold_the_invoke_key() {
    let bench = simple(config(), &[]);
    bench.call("main", "ensure", json!({ "name": "echo" })).expect("started");
    let attached = bench.attach("main", "echo", 1).expect("attached");
    let fields: std::collections::BTreeSet<_> =
        attached.as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!(fields, ["fresh", "next", "process"].into());
    assert!(!attached.to_string().contains(tauri::test::INVOKE_KEY), "{attached}");
}

#[test]
fn only_the_first_page_of_a_generation_is_told_that_it_is_fresh() {
    let capabilities = json!([
        capability("main", json!(["js:default"])),
        capability("second", json!(["js:default"]))
    ]);
    let bench = bench(config(), &capabilities, &["main", "second"]);
    bench.call("main", "spawn", json!({ "name": "echo" })).expect("spawned");
    let fresh =
        |label: &str, id| bench.attach(label, "echo", id).expect("attached")["fresh"].clone();
    assert_eq!(
        (fresh("main", 1), fresh("second", 2), fresh("main", 3)),
        (json!(true), json!(false), json!(false))
    );
    bench.call("main", "restart", json!({ "name": "echo", "config": null })).expect("restarted");
    // The pages that are attached get the new generation too.
    wait_for("the new generation", || {
        bench.messages(3).iter().any(|text| text.contains("\"gen\":2")).then_some(())
    });
    assert_eq!(fresh("second", 4), json!(false));
}

#[test]
fn a_process_that_was_forgotten_leaves_nothing_to_a_later_one_of_its_name() {
    let bench = simple(config(), &[]);
    for id in 1..4 {
        bench.call("main", "spawn", json!({ "name": "echo" })).expect("spawned");
        let attached = bench.attach("main", "echo", id).expect("attached");
        assert_eq!(attached["fresh"], true);
        let args = json!({ "name": "echo", "attachment": id.to_string() });
        bench.call("main", "detach", args).expect("detached");
        bench.call("main", "kill", json!({ "name": "echo" })).expect("killed");
        bench.call("main", "remove", json!({ "name": "echo" })).expect("removed");
    }
}

#[test]
fn a_page_that_attaches_without_end_is_not_sent_everything_each_time() {
    const MIB: usize = 1024 * 1024;
    const ATTACHES: u32 = 100;
    /// A busy machine takes so long now and then that everything may be sent each time, but not always.
    const ATTEMPTS: u32 = 10;
    let bench = simple(config(), &[]);
    bench.call("main", "spawn", json!({ "name": "echo" })).expect("spawned");
    bench.attach("main", "echo", 1).expect("attached");
    write(&bench, 1, "flood 150000\n");
    settled(&bench, 1);
    let mut last = 1;
    for _ in 0..ATTEMPTS {
        let start = std::time::Instant::now();
        let ids = last + 1..=last + ATTACHES;
        last += ATTACHES;
        for id in ids.clone() {
            bench.attach("main", "echo", id).expect("attached");
            std::thread::sleep(Duration::from_millis(5));
        }
        let sent: usize = ids.flat_map(|id| bench.messages(id)).map(|text| text.len()).sum();
        // Some 10 MB in a second, however often it attaches; each time it could be a mebibyte at once.
        let most = 2 * MIB + 15 * usize::try_from(start.elapsed().as_micros()).unwrap_or(0);
        assert!(sent < most, "{sent} bytes were sent, of {most} at most");
        // And the last one still gets what there is.
        wait_for("the backlog", || (bench.stdout(last).len() > 10).then_some(()));
        if most < ATTACHES as usize * MIB / 2 {
            return;
        }
    }
    panic!("the machine is too slow to tell");
}

#[test]
fn a_page_that_comes_back_is_not_told_that_it_missed_what_it_had_handled() {
    let bench = simple(config(), &[]);
    bench.call("main", "spawn", json!({ "name": "echo" })).expect("spawned");
    bench.attach("main", "echo", 1).expect("attached");
    write(&bench, 1, "flood 150000\n");
    let handled = read_to(&bench, 1, "line 149999");
    for (id, after, is_told) in [(2, Some(handled), false), (3, None, true)] {
        bench.attach_after("main", "echo", id, after).expect("attached again");
        let first = wait_for("the backlog", || bench.events(id).into_iter().next());
        assert_eq!(first.1.starts_with('d'), is_told, "{first:?}");
    }
}

#[test]
fn output_waits_for_a_page_that_does_not_keep_up_and_nothing_is_lost() {
    let bench = simple(config(), &[]);
    bench.call("main", "spawn", json!({ "name": "echo" })).expect("spawned");
    bench.attach("main", "echo", 1).expect("attached");
    let lines = 400_000;
    write(&bench, 1, &format!("flood {lines}\n"));
    let unhandled = settled(&bench, 1);
    assert!(unhandled < 2 * 1024 * 1024, "{unhandled} bytes were sent to a page that is busy");

    read_to(&bench, 1, &format!("line {}", lines - 1));
    assert_eq!(bench.stdout(1).len(), lines + 1);
    let events = bench.events(1);
    assert_in_a_row(&events);
    assert!(!events.iter().any(|(_, line)| line.starts_with('d')), "something was dropped");
}

#[test]
fn a_page_that_comes_back_gets_what_it_had_not_handled() {
    let bench = simple(config(), &[]);
    bench.call("main", "spawn", json!({ "name": "echo" })).expect("spawned");
    bench.attach("main", "echo", 1).expect("attached");
    // More than the history holds, of which the page handles the first part only.
    write(&bench, 1, "flood 150000\n");
    let handled =
        wait_for("a part", || bench.events(1).iter().filter_map(|(seq, _)| *seq).nth(100));
    bench.attach("main", "echo", 2).expect("attached again");
    read_to(&bench, 2, "line 149999");
    let seen = |id, until: &dyn Fn(u64) -> bool| -> Vec<String> {
        let events = bench.events(id).into_iter();
        events.filter(|(seq, _)| seq.is_some_and(until)).map(|(_, line)| line).collect()
    };
    let mut lines = seen(1, &|seq| seq <= handled);
    lines.extend(seen(2, &|seq| seq > handled));
    let lines: Vec<&String> = lines.iter().filter(|line| line.starts_with("oline")).collect();
    assert_eq!(lines.len(), 150_000);
    assert!(lines.iter().enumerate().all(|(n, line)| **line == format!("oline {n}")));
}

#[test]
fn acknowledgements_of_a_former_page_count_for_nothing() {
    let bench = simple(config(), &[]);
    bench.call("main", "spawn", json!({ "name": "echo" })).expect("spawned");
    bench.attach("main", "echo", 1).expect("attached");
    bench.attach("main", "echo", 2).expect("attached again");
    write(&bench, 1, "flood 150000\n");
    let before = settled(&bench, 2);
    assert!(bench.stdout(2).len() < 150_000, "nothing is left to be sent");
    let args = json!({ "name": "echo", "attachment": "1", "seq": 1_000_000 });
    bench.call("main", "ack", args).expect("ignored");
    assert_eq!(settled(&bench, 2), before);
}

#[test]
fn a_request_that_is_resent_is_written_once_and_order_is_kept() {
    let bench = simple(config(), &[]);
    bench.call("main", "spawn", json!({ "name": "echo" })).expect("spawned");
    bench.attach("main", "echo", 1).expect("attached");
    for seq in 1..=500 {
        write(&bench, seq, &format!("{seq}\n"));
        if seq % 7 == 0 {
            write(&bench, seq, &format!("{seq}\n"));
        }
    }
    wait_for("the last echo", || bench.stdout(1).contains(&"echo 500".to_owned()).then_some(()));
    let expected: Vec<String> =
        std::iter::once("hello".to_owned()).chain((1..=500).map(|n| format!("echo {n}"))).collect();
    assert_eq!(bench.stdout(1), expected);
}

#[test]
fn input_for_a_generation_that_is_over_is_refused() {
    let bench = simple(config(), &[]);
    bench.call("main", "spawn", json!({ "name": "echo" })).expect("spawned");
    bench.call("main", "restart", json!({ "name": "echo" })).expect("restarted");
    bench.attach("main", "echo", 1).expect("attached");
    let write = |seq: &str, generation: Option<&str>, text: &str| {
        let mut headers = vec![("js-name", "echo"), ("js-writer", "w"), ("js-seq", seq)];
        headers.extend(generation.map(|generation| ("js-generation", generation)));
        bench.request("main", "write", InvokeBody::Raw(text.into()), &headers)
    };
    let old = |command, mut args: Value| {
        args["name"] = "echo".into();
        args["generation"] = 1.into();
        bench.call("main", command, args)
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
    wait_for("the echoes", || bench.stdout(1).ends_with(&echoes).then_some(()));
    assert!(!bench.stdout(1).contains(&"echo old".to_owned()));
}

#[test]
fn the_exit_is_the_last_event_of_its_generation_and_removal_ends_the_stream() {
    let bench = simple(config(), &[]);
    bench.call("main", "spawn", json!({ "name": "echo" })).expect("spawned");
    bench.attach("main", "echo", 1).expect("attached");
    write(&bench, 1, "flood 100\nexit\n");
    let events = wait_for("the exit", || {
        let events = bench.events(1);
        events.last().is_some_and(|(_, line)| line.starts_with('x')).then_some(events)
    });
    assert_eq!(events.iter().filter(|(_, line)| line.starts_with("oline")).count(), 100);
    let exit: Value = serde_json::from_str(&events[events.len() - 1].1[1..]).expect("JSON");
    assert_eq!(exit, json!({ "reason": { "kind": "completed" }, "code": 3 }));
    bench.call("main", "remove", json!({ "name": "echo" })).expect("removed");
    wait_for("the end", || {
        bench.events(1).last().is_some_and(|(_, line)| line == "r").then_some(())
    });
}

#[test]
fn killing_a_process_does_not_wait_for_a_page_that_does_not_keep_up() {
    let bench = simple(config(), &[]);
    bench.call("main", "spawn", json!({ "name": "echo" })).expect("spawned");
    bench.attach("main", "echo", 1).expect("attached");
    write(&bench, 1, "flood 1000000\n");
    wait_for("the flood", || (bench.messages(1).len() > 5).then_some(()));
    // The page never acknowledges anything.
    let supervisor = bench.app.js().supervisor().clone();
    let killed = async move { finishes(supervisor.kill("echo")).await };
    let killed = tauri::async_runtime::block_on(killed).expect("the page is not waited for");
    killed.expect("it runs");
    let status = bench.call("main", "get_status", json!({ "name": "echo" })).expect("listed");
    assert_eq!(status["state"]["reason"]["kind"], "killed", "{status}");
}

#[test]
fn watchers_get_a_snapshot_then_changes_and_usage_until_they_end() {
    let bench = simple(config(), &[]);
    bench
        .call("main", "watch", json!({ "channel": "__CHANNEL__:5", "usageMs": 250 }))
        .expect("watches");
    wait_for("the snapshot", || {
        (bench.messages(5) == [r#"{"kind":"snapshot","processes":[]}"#]).then_some(())
    });
    bench.call("main", "spawn", json!({ "name": "echo" })).expect("spawned");
    let said = |part: &str| bench.messages(5).iter().any(|text| text.contains(part));
    wait_for("the process", || said(r#""state":{"state":"running"}"#).then_some(()));
    wait_for("its usage", || said(r#""kind":"usage""#).then_some(()));
    bench.call("main", "kill", json!({ "name": "echo" })).expect("killed");
    bench.call("main", "remove", json!({ "name": "echo" })).expect("removed");
    wait_for("its removal", || said(r#"{"kind":"removed","name":"echo"}"#).then_some(()));
    bench.call("main", "unwatch", json!({ "channel": 5 })).expect("ended");
    // Its usage may be on the way.
    let is_of_process = |text: &&String| text.contains(r#""kind":"process""#);
    let count = || bench.messages(5).iter().filter(is_of_process).count();
    let before = count();
    bench.call("main", "spawn", json!({ "name": "echo" })).expect("spawned");
    std::thread::sleep(Duration::from_millis(400));
    assert_eq!(count(), before);
}
