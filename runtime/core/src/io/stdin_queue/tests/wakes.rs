//! Waiting readers and writers wake after every change that lets them continue.

use bytes::Bytes;

use super::super::*;
use super::block_on;

#[test]
fn every_blocked_reader_is_woken_by_remaining_data_and_by_the_end() {
    const READERS: usize = 4;
    for framing in [Framing::Lines, Framing::Bytes] {
        let input = StdinQueue::new(framing, 64, 64);
        let (sender, counts) = std::sync::mpsc::channel();
        for _ in 0..READERS {
            let (input, sender) = (input.clone(), sender.clone());
            std::thread::spawn(move || {
                loop {
                    let count = input.read_blocking(&mut [0; 2]);
                    sender.send(count).expect("the test waits");
                    if count == 0 {
                        return;
                    }
                }
            });
        }
        let next = || counts.recv_timeout(std::time::Duration::from_mins(2)).expect("woken");
        block_on(input.write(Bytes::from_static(b"abcdefgh"))).expect("room");
        assert_eq!((0..4).map(|_| next()).sum::<usize>(), 8);
        input.close();
        assert_eq!((0..READERS).map(|_| next()).sum::<usize>(), 0);
    }
}

#[test]
fn a_line_that_is_too_long_wakes_readers_that_wait_for_the_next_line() {
    block_on(async {
        let input = StdinQueue::new(Framing::Lines, 64, 4);
        let write = async {
            // Both readers wait.
            tokio::task::yield_now().await;
            input.write(Bytes::from_static(b"too long\nnext\n")).await
        };
        let reads = async { tokio::join!(biased; input.read_lines(), input.read_lines()) };
        let ((first, second), written) = tokio::join!(biased; reads, write);
        assert_eq!((first, written), (Err(LineTooLong(4)), Ok(())));
        let texts = second.map(|lines| lines.into_iter().map(|line| line.text).collect());
        assert_eq!(texts, Ok::<Vec<_>, _>(vec![Bytes::from_static(b"next")]));
    });
}

#[test]
fn bytes_that_a_read_leaves_wake_the_next_reader() {
    block_on(async {
        let input = StdinQueue::new(Framing::Bytes, 64, 64);
        let (mut first, mut second, mut third) = ([0; 2], [0; 2], [0; 2]);
        let reads = async {
            tokio::join!(input.read(&mut first), input.read(&mut second), input.read(&mut third))
        };
        let write = async {
            input.write(Bytes::from_static(b"abcd")).await.unwrap();
            input.close();
        };
        let ((a, b, c), ()) = tokio::join!(reads, write);
        let mut counts = [a, b, c];
        counts.sort_unstable();
        assert_eq!(counts, [0, 2, 2]);
    });
}

#[test]
fn a_reader_with_half_a_character_is_woken_by_a_write_that_does_not_fit() {
    block_on(async {
        let input = StdinQueue::new(Framing::Lines, 4, 64);
        input.write(Bytes::from_static(b"\xE2")).await.unwrap();
        let mut buffer = [0; 16];
        let write = async {
            // The reader has found half a character and waits.
            tokio::task::yield_now().await;
            input.write(Bytes::from_static(b"\x82\xAC and more")).await
        };
        let (count, written) = tokio::join!(biased; input.read(&mut buffer), write);
        assert_eq!((written, &buffer[..count]), (Ok(()), "€ and more".as_bytes()));
    });
}

#[test]
fn breaking_the_pipe_frees_a_blocked_reader_and_a_waiting_writer() {
    let input = StdinQueue::new(Framing::Lines, 1, 64);
    let reader = std::thread::spawn({
        let input = input.clone();
        move || input.read_blocking(&mut [0; 8])
    });
    input.break_pipe();
    assert_eq!(reader.join().expect("no panic"), 0);
    assert_eq!(block_on(input.write(Bytes::from_static(b"x"))), Err(Closed));
}

#[test]
fn room_is_woken_by_a_dropped_line_a_cancelled_write_and_the_end() {
    block_on(async {
        let input = StdinQueue::new(Framing::Lines, 4, 2);
        // This read has no result, but it makes room.
        input.try_write(Bytes::from_static(b"12345")).unwrap();
        let waiting = tokio::time::timeout(std::time::Duration::ZERO, input.read_lines());
        let (room, line) = tokio::join!(biased; input.room(), waiting);
        assert_eq!((room, line.is_err()), (Ok(()), true));

        input.try_write(Bytes::from_static(b"678")).unwrap();
        let blocked = async {
            let write = input.write(Bytes::from_static(b"too much"));
            assert!(tokio::time::timeout(std::time::Duration::ZERO, write).await.is_err());
        };
        let wait = async {
            tokio::task::yield_now().await;
            input.room().await
        };
        let ((), room) = tokio::join!(biased; blocked, wait);
        assert_eq!(room, Ok(()));

        input.try_write(Bytes::from_static(b"9")).unwrap();
        let (room, ()) = tokio::join!(biased; input.room(), async { input.break_pipe() });
        assert_eq!((room, input.room().await), (Err(Closed), Err(Closed)));
    });
}
