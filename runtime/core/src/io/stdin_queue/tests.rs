//! Tests of the stdin queue.

mod wakes;

use bytes::Bytes;

use super::*;

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime")
        .block_on(future)
}

#[test]
fn a_character_is_never_split_between_two_reads() {
    block_on(async {
        let input = StdinQueue::new(Framing::Lines, 1024, 64);
        let text = "aé€😀z".repeat(10);
        for byte in text.bytes() {
            input.write(Bytes::copy_from_slice(&[byte])).await.unwrap();
        }
        input.close();
        let mut seen = String::new();
        let mut buffer = [0; 7];
        loop {
            let count = input.read(&mut buffer).await;
            if count == 0 {
                break;
            }
            seen.push_str(std::str::from_utf8(&buffer[..count]).expect("whole characters"));
        }
        assert_eq!(seen, text);
    });
}

#[test]
fn the_first_half_of_a_character_waits_for_the_second_even_behind_a_full_queue() {
    block_on(async {
        let input = StdinQueue::new(Framing::Lines, 1, 64);
        input.write(Bytes::from_static(b"\xE2")).await.unwrap();
        let second = input.write(Bytes::from_static(b"\x82\xAC"));
        let mut buffer = [0; 8];
        let (written, count) = tokio::join!(second, input.read(&mut buffer));
        assert_eq!((written, &buffer[..count]), (Ok(()), "€".as_bytes()));
    });
}

#[test]
fn a_stream_that_ends_inside_a_character_is_read_completely() {
    block_on(async {
        let input = StdinQueue::new(Framing::Lines, 16, 64);
        input.write(Bytes::from_static(b"a\xE2\x82")).await.unwrap();
        input.close();
        let mut buffer = [0; 8];
        let count = input.read(&mut buffer).await;
        assert_eq!(&buffer[..count], b"a\xE2\x82");
        assert_eq!(input.read(&mut buffer).await, 0);
    });
}

#[test]
fn bytes_framing_holds_nothing_back() {
    block_on(async {
        let input = StdinQueue::new(Framing::Bytes, 16, 64);
        input.write(Bytes::from_static(b"a\xE2")).await.unwrap();
        let mut buffer = [0; 8];
        assert_eq!(input.read(&mut buffer).await, 2);
    });
}

#[test]
fn writes_wait_for_room_and_keep_their_order() {
    block_on(async {
        let input = StdinQueue::new(Framing::Lines, 4, 64);
        let writes = async {
            let (a, b, c) = tokio::join!(
                input.write(Bytes::from_static(b"aaaa")),
                input.write(Bytes::from_static(b"bb")),
                input.write(Bytes::from_static(b"cccccccc")),
            );
            input.close();
            (a, b, c)
        };
        let reads = async {
            let mut all = Vec::new();
            let mut buffer = [0; 3];
            loop {
                match input.read(&mut buffer).await {
                    0 => break all,
                    count => all.extend_from_slice(&buffer[..count]),
                }
            }
        };
        let (written, read) = tokio::join!(writes, reads);
        assert_eq!(written, (Ok(()), Ok(()), Ok(())));
        assert_eq!(read, b"aaaabbcccccccc");
    });
}

#[test]
fn a_read_that_cannot_hold_everything_ends_with_a_line() {
    block_on(async {
        let input = StdinQueue::new(Framing::Lines, 1024, 64);
        input.write(Bytes::from_static(b"one\ntwo\nthree\n12345678\n")).await.unwrap();
        input.close();
        let mut buffer = [0; 8];
        let mut reads = Vec::new();
        loop {
            match input.read(&mut buffer).await {
                0 => break,
                count => reads.push(String::from_utf8_lossy(&buffer[..count]).into_owned()),
            }
        }
        // The last line is as long as the buffer; its terminator is not read alone.
        assert_eq!(reads, ["one\ntwo\n", "three\n", "1234567", "8\n"]);
    });
}

#[test]
fn lines_are_read_whole_however_they_were_written() {
    block_on(async {
        let writes = ["on", "e\r\n\ntwo\n", "123456789\n", "12345678\n", "last"];
        let lines = lines_of(&writes).await;
        assert_eq!(lines, ["one", "", "two", "over 8", "12345678", "last"]);
    });
}

#[test]
fn a_line_over_the_limit_is_dropped_however_it_was_written() {
    block_on(async {
        let bytes = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "0", "1", "\n", "next\n"];
        assert_eq!(lines_of(&bytes).await, ["over 8", "next"]);
        assert_eq!(lines_of(&["123456789", "\n", "next"]).await, ["over 8", "next"]);
        assert_eq!(lines_of(&["123456789"]).await, ["over 8"]);
        assert_eq!(lines_of(&["12345678", "\n"]).await, ["12345678"]);
    });
}

#[test]
fn a_carriage_return_at_the_end_is_part_of_the_last_line() {
    block_on(async {
        assert_eq!(lines_of(&["a\r\n", "b\r"]).await, ["a", "b\r"]);
        assert_eq!(lines_of(&["a\r\n", "\r"]).await, ["a", "\r"]);
    });
}

/// Writes `writes` and reads lines of at most 8 bytes.
async fn lines_of(writes: &[&'static str]) -> Vec<String> {
    let input = StdinQueue::new(Framing::Lines, 4, 8);
    let all_writes = async {
        for write in writes {
            input.write(Bytes::from_static(write.as_bytes())).await.unwrap();
        }
        input.close();
    };
    let reads = async {
        let mut lines = Vec::new();
        loop {
            match input.read_lines().await {
                Ok(read) if read.is_empty() => break lines,
                Ok(read) => {
                    lines.extend(
                        read.iter().map(|line| String::from_utf8_lossy(&line.text).into_owned()),
                    );
                }
                Err(LineTooLong(limit)) => lines.push(format!("over {limit}")),
            }
        }
    };
    tokio::join!(all_writes, reads).1
}

/// A queue with a direct write of at most `most` bytes, and the bytes that it has written.
fn with_direct_write(most: usize) -> (StdinQueue, Arc<Mutex<Vec<u8>>>) {
    let input = StdinQueue::new(Framing::Bytes, 64, 64);
    let taken = Arc::new(Mutex::new(Vec::new()));
    let receives = taken.clone();
    input.set_direct_write(Box::new(move |data| {
        let fits = data.len() <= most;
        if fits {
            receives.lock().extend_from_slice(data);
        }
        fits
    }));
    (input, taken)
}

#[test]
fn a_write_bypasses_the_queue_only_if_it_is_empty_and_its_reader_waits() {
    block_on(async {
        let (input, taken) = with_direct_write(4);
        let mut buffer = [0; 16];
        let write = |text: &'static str| input.write(Bytes::from_static(text.as_bytes()));
        // No read was attempted yet.
        write("a").await.unwrap();
        assert_eq!(input.read(&mut buffer).await, 1);
        // The reader does not wait.
        write("b").await.unwrap();
        assert_eq!(input.read(&mut buffer).await, 1);
        let waits = tokio::time::timeout(std::time::Duration::ZERO, input.read(&mut buffer));
        assert!(waits.await.is_err());
        write("cd").await.unwrap();
        assert_eq!(input.try_write(Bytes::from_static(b"e")), Ok(0));
        // Too long, not ASCII, and behind queued bytes: all three are queued.
        for text in ["-long", "é", "f"] {
            write(text).await.unwrap();
        }
        let count = input.read(&mut buffer).await;
        assert_eq!(std::str::from_utf8(&buffer[..count]), Ok("-longéf"));
        assert_eq!(*taken.lock(), b"cde");
    });
}

#[test]
fn no_write_bypasses_a_closed_queue() {
    block_on(async {
        let (input, taken) = with_direct_write(4);
        let mut buffer = [0; 16];
        let waits = tokio::time::timeout(std::time::Duration::ZERO, input.read(&mut buffer));
        assert!(waits.await.is_err());
        input.close();
        assert_eq!(input.write(Bytes::from_static(b"a")).await, Err(Closed));
        assert_eq!(input.try_write(Bytes::from_static(b"a")), Err(Refused::Closed));
        assert!(taken.lock().is_empty());
    });
}

#[test]
fn a_read_returns_the_unfinished_line_of_a_line_reader() {
    block_on(async {
        let input = StdinQueue::new(Framing::Lines, 64, 64);
        input.write(Bytes::from_static(b"begin")).await.unwrap();
        let waiting = tokio::time::timeout(std::time::Duration::ZERO, input.read_lines());
        assert!(waiting.await.is_err());
        let mut buffer = [0; 8];
        let count = input.read(&mut buffer).await;
        assert_eq!(&buffer[..count], b"begin");
    });
}

#[test]
fn a_cancelled_write_leaves_no_bytes() {
    block_on(async {
        let input = StdinQueue::new(Framing::Lines, 4, 64);
        input.write(Bytes::from_static(b"full")).await.unwrap();
        let write = input.write(Bytes::from_static(b"given up"));
        assert!(tokio::time::timeout(std::time::Duration::ZERO, write).await.is_err());
        assert_eq!(input.queued(), 4);
    });
}

#[test]
fn try_write_queues_all_bytes_or_none() {
    block_on(async {
        let input = StdinQueue::new(Framing::Lines, 8, 64);
        let text = |text: &'static str| Bytes::from_static(text.as_bytes());
        assert_eq!(input.try_write(text("1234567")), Ok(7));
        // The last write may exceed the capacity by any size.
        assert_eq!(input.try_write(text("89abcdef")), Ok(15));
        assert_eq!(input.try_write(text("x")), Err(Refused::Full(8)));
        assert_eq!(input.try_write(text("")), Ok(15));

        let mut buffer = [0; 7];
        let read = async {
            assert_eq!(input.read(&mut buffer).await, 7);
            assert_eq!(input.try_write(text("x")), Err(Refused::Full(8)));
            assert_eq!(input.read(&mut buffer[..1]).await, 1);
        };
        let (room, ()) = tokio::join!(biased; input.room(), read);
        assert_eq!((room, input.try_write(text("ghi"))), (Ok(()), Ok(10)));
        input.close();
        assert_eq!(input.try_write(text("x")), Err(Refused::Closed));
    });
}

#[test]
fn try_write_does_not_overtake_a_waiting_write() {
    block_on(async {
        let input = StdinQueue::new(Framing::Bytes, 4, 64);
        input.write(Bytes::from_static(b"ab")).await.unwrap();
        let mut waiting = std::pin::pin!(input.write(Bytes::from_static(b"cdef")));
        assert!(tokio::time::timeout(std::time::Duration::ZERO, &mut waiting).await.is_err());
        assert_eq!(input.try_write(Bytes::from_static(b"g")), Err(Refused::Full(4)));
        let mut buffer = [0; 8];
        assert_eq!(input.read(&mut buffer).await, 2);
        waiting.await.unwrap();
        assert_eq!(input.try_write(Bytes::from_static(b"g")), Err(Refused::Full(4)));
        assert_eq!(input.read(&mut buffer).await, 4);
        assert_eq!(input.try_write(Bytes::from_static(b"g")), Ok(1));
    });
}

#[test]
fn half_a_character_leaves_room_for_the_other_half() {
    block_on(async {
        let input = StdinQueue::new(Framing::Lines, 1, 64);
        assert_eq!(input.try_write(Bytes::from_static(b"\xF0\x9F\x98")), Ok(3));
        assert_eq!(input.room().await, Ok(()));
        assert_eq!(input.try_write(Bytes::from_static(b"\x80")), Ok(4));
        let mut buffer = [0; 8];
        assert_eq!(input.read(&mut buffer).await, 4);
    });
}
