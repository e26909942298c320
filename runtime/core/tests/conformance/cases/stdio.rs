//! Standard streams: bytes and lines pass unchanged in both directions.

use js_runtime::{Event, Framing, SpawnConfig, Stream};

use crate::support::{Bench, Case, Outcome, cases};

pub(crate) const CASES: &[Case] = cases![
    echoes_a_line,
    concurrent_writes_do_not_tear_lines,
    ten_thousand_lines_are_echoed_in_order,
    lines_from_one_byte_to_32_mib_are_echoed,
    empty_lines_and_carriage_returns_are_preserved,
    a_character_written_byte_by_byte_arrives_whole,
    no_chunk_on_stdin_ends_inside_a_character,
    a_character_written_in_two_parts_arrives_whole,
    invalid_utf8_passes_in_both_directions,
    nul_bytes_pass_in_both_directions,
    a_last_line_needs_no_terminator,
    console_and_frames_share_stdout_line_by_line,
    web_streams_echo_bytes,
    synchronous_reads_and_writes_echo_bytes,
    stderr_is_separate_from_stdout,
    byte_mode_passes_bytes_unchanged,
    partial_lines_are_reported_before_their_end,
];

async fn echoes_a_line(bench: &Bench) -> Outcome {
    let mut run = bench.start(bench.fixture("echo-lines.mjs", &[])).await?;
    run.write("hello, größe 😀\n").await?;
    assert_eq!(run.text().await?, "hello, größe 😀");
    run.kill().await
}

async fn concurrent_writes_do_not_tear_lines(bench: &Bench) -> Outcome {
    const WRITERS: usize = 50;
    let mut run = bench.start(bench.fixture("echo-lines.mjs", &[])).await?;
    let sent: Vec<String> = (0..WRITERS).map(|n| format!("{n}-").repeat(500)).collect();
    let writes = sent.iter().map(|line| run.write(format!("{line}\n")));
    for written in futures_util::future::join_all(writes).await {
        written?;
    }
    let mut seen = Vec::new();
    for _ in 0..WRITERS {
        seen.push(run.text().await?);
    }
    assert!(seen == sent, "lines are torn or out of order");
    run.kill().await
}

async fn ten_thousand_lines_are_echoed_in_order(bench: &Bench) -> Outcome {
    const LINES: usize = 10_000;
    let mut run = bench.start(bench.fixture("echo-lines.mjs", &[])).await?;
    for n in 0..LINES {
        run.write(format!("line {n}\n")).await?;
    }
    for n in 0..LINES {
        assert_eq!(run.text().await?, format!("line {n}"));
    }
    run.kill().await
}

async fn lines_from_one_byte_to_32_mib_are_echoed(bench: &Bench) -> Outcome {
    const KIB: usize = 1024;
    const SIZES: [usize; 9] =
        [1, 4095, 4096, 4097, 64 * KIB - 1, 64 * KIB, 64 * KIB + 1, 1024 * KIB, 32 * 1024 * KIB];
    let mut run = bench.start(bench.fixture("echo-lines.mjs", &[])).await?;
    for size in SIZES {
        let mut line: Vec<u8> = (b'a'..=b'z').cycle().take(size).collect();
        line.push(b'\n');
        run.write(&line).await?;
        let back = run.line().await?;
        assert_eq!(back.len(), size);
        assert!(back == line[..size], "the line of {size} bytes came back changed");
    }
    run.kill().await
}

async fn empty_lines_and_carriage_returns_are_preserved(bench: &Bench) -> Outcome {
    let ended = bench.run(bench.fixture("echo-lines.mjs", &[]), b"a\r\n\n\rb\n\n").await?;
    assert_eq!(ended.lines(), ["a", "", "\rb", ""]);
    Ok(())
}

async fn a_character_written_byte_by_byte_arrives_whole(bench: &Bench) -> Outcome {
    let mut run = bench.start(bench.fixture("decode-chunks.mjs", &[])).await?;
    for byte in "é€😀\n".bytes() {
        run.write([byte]).await?;
    }
    assert_eq!(run.text().await?, "é€😀");
    run.kill().await
}

async fn no_chunk_on_stdin_ends_inside_a_character(bench: &Bench) -> Outcome {
    // An odd length puts characters on all chunk boundaries.
    let text = "aé€😀-".repeat(100_000);
    let mut run = bench.start(bench.fixture("decode-chunks.mjs", &[])).await?;
    run.write(format!("{text}\n")).await?;
    let seen = run.text().await?;
    assert_eq!(seen.matches('\u{FFFD}').count(), 0);
    assert!(seen == text, "the text came back changed");
    run.kill().await
}

async fn a_character_written_in_two_parts_arrives_whole(bench: &Bench) -> Outcome {
    let ended = bench.run(bench.fixture("split-utf8.mjs", &[]), b"").await?;
    assert_eq!(ended.lines(), ["😀 end"]);
    Ok(())
}

async fn invalid_utf8_passes_in_both_directions(bench: &Bench) -> Outcome {
    let ended = bench.run(bench.fixture("invalid-utf8.mjs", &[]), b"").await?;
    assert_eq!(ended.stdout, [&b"before"[..], b"\xff\xfeA", b"after"]);
    assert_eq!(ended.lines(), ["before", "\u{FFFD}\u{FFFD}A", "after"]);

    let line: &[u8] = b"\xf0\x9f \xff\xfe \xc3(\xe2\x82";
    let ended = bench.run(bench.fixture("echo-lines.mjs", &[]), line).await?;
    assert_eq!(ended.stdout, [line]);
    Ok(())
}

async fn nul_bytes_pass_in_both_directions(bench: &Bench) -> Outcome {
    let ended = bench.run(bench.fixture("nul-bytes.mjs", &[]), b"").await?;
    assert_eq!(ended.stdout, [&b"before"[..], b"a\0b\0", b"after"]);

    let ended = bench.run(bench.fixture("echo-lines.mjs", &[]), b"\0a\0\n\0\n").await?;
    assert_eq!(ended.stdout, [&b"\0a\0"[..], b"\0"]);
    Ok(())
}

async fn a_last_line_needs_no_terminator(bench: &Bench) -> Outcome {
    let ended = bench.run(bench.fixture("no-newline.mjs", &[]), b"").await?;
    assert_eq!(ended.lines(), ["first", "last"]);

    let ended = bench.run(bench.fixture("echo-lines.mjs", &[]), b"first\nlast").await?;
    assert_eq!(ended.lines(), ["first", "last"]);
    Ok(())
}

async fn console_and_frames_share_stdout_line_by_line(bench: &Bench) -> Outcome {
    let ended = bench.run(bench.fixture("console-and-frames.mjs", &[]), b"").await?;
    let expected =
        [r#"{"frame":1}"#, "a log line 1 true", r#"{"frame":2}"#, "an info line", r#"{"frame":3}"#];
    assert_eq!(ended.lines(), expected);
    assert_eq!(ended.log(), "a warning\nan error");
    Ok(())
}

async fn web_streams_echo_bytes(bench: &Bench) -> Outcome {
    echoes_bytes(bench, bench.fixture("echo-deno.mjs", &[])).await
}

async fn synchronous_reads_and_writes_echo_bytes(bench: &Bench) -> Outcome {
    echoes_bytes(bench, bench.fixture("read-sync.mjs", &[])).await
}

async fn byte_mode_passes_bytes_unchanged(bench: &Bench) -> Outcome {
    let config = bench.fixture("echo-bytes.mjs", &[]);
    echoes_bytes(bench, SpawnConfig { framing: Framing::Bytes, ..config.clone() }).await?;

    // Without a line end, only byte mode can answer before stdin ends.
    let mut run = bench.start(SpawnConfig { framing: Framing::Bytes, ..config }).await?;
    run.write("no line\r").await?;
    assert_eq!(run.line().await?, "no line\r");
    run.kill().await
}

/// Sends bytes of all values in lines of all lengths and expects the same bytes.
async fn echoes_bytes(bench: &Bench, config: SpawnConfig) -> Outcome {
    let framing = config.framing;
    let mut sent = noise(3 * 1024 * 1024);
    if framing == Framing::Lines {
        // Line mode strips a carriage return before the line end.
        sent.retain(|&byte| byte != b'\r');
        sent.push(b'x');
    }
    let ended = bench.run(config, &sent).await?;
    let separator: &[u8] = if framing == Framing::Lines { b"\n" } else { b"" };
    let seen = ended.stdout.join(separator);
    assert_eq!(seen.len(), sent.len(), "{}", ended.log());
    assert!(seen == sent, "the bytes came back changed");
    assert_eq!(ended.code, Some(0));
    Ok(())
}

/// Pseudo-random bytes, the same in each run.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let next = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    });
    next.take(len).collect()
}

async fn stderr_is_separate_from_stdout(bench: &Bench) -> Outcome {
    const PAIRS: usize = 500;
    let ended = bench.run(bench.fixture("both-streams.mjs", &["500"]), b"").await?;
    let numbered = |prefix| (0..PAIRS).map(|n| format!("{prefix} {n}")).collect::<Vec<_>>();
    assert_eq!(ended.lines(), numbered("out"));
    assert_eq!(ended.log(), numbered("err").join("\n"));
    Ok(())
}

/// Covers prompts and progress while the script waits or blocks its thread. A frame is not reported in parts.
async fn partial_lines_are_reported_before_their_end(bench: &Bench) -> Outcome {
    for mode in ["async", "sync"] {
        let mut run = bench.start(bench.fixture("partial.mjs", &[mode])).await?;
        let (mut prompt, mut progress) = (Vec::new(), Vec::new());
        while prompt.is_empty() || progress.len() < 2 {
            match run.next().await?.event {
                Event::Partial { stream: Stream::Stdout, data } => prompt.push(data),
                Event::Partial { stream: Stream::Stderr, data } => progress.push(data),
                Event::State(_) => {}
                other => return Err(format!("{mode}: {other:?} before its input").into()),
            }
        }
        assert_eq!(
            (prompt, progress),
            (vec!["Name? ".into()], vec!["10%\r".into(), "50%\r".into()])
        );
        run.write("Ann\n").await?;
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        loop {
            match run.next().await?.event {
                Event::Stdout(line) => stdout.push(line),
                Event::Stderr(line) => stderr.push(line),
                Event::State(_) => {}
                Event::Exit { .. } => break,
                other => return Err(format!("{mode}: {other:?}").into()),
            }
        }
        assert_eq!(stdout, ["Ann", r#"{"id":1}"#], "{mode}");
        assert_eq!(stderr, ["100%"], "{mode}");
    }
    Ok(())
}
