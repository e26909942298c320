//! The checks. Each runs in thousands of schedules.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Wake, Waker};

use bytes::Bytes;
use shuttle::future::block_on;
use shuttle::thread;

use super::event_loop_waker::EventLoopWaker;
use super::io::stdin_queue::StdinQueue;
use crate::wire::Framing;

/// The number of schedules per check and scheduler.
const SCHEDULES: usize = 2_000;

pub(crate) fn run() {
    let checks: [(&str, fn()); 5] = [
        ("the end of stdin ends every read", the_end_of_stdin_ends_every_read),
        ("a broken pipe frees readers and writers", a_broken_pipe_frees_readers_and_writers),
        ("all written bytes are read, by any readers", all_written_bytes_are_read),
        ("a read wakes a writer that waits for room", a_read_wakes_a_writer_that_waits_for_room),
        ("a wake-up of an event loop is never lost", a_wake_up_of_an_event_loop_is_never_lost),
    ];
    for (name, check) in checks {
        shuttle::check_random(check, SCHEDULES);
        shuttle::check_pct(check, SCHEDULES, 3);
        println!("{name}: {} schedules", 2 * SCHEDULES);
    }
}

fn input(capacity: usize) -> StdinQueue {
    StdinQueue::new(Framing::Bytes, capacity, 64)
}

/// Reads to the end on a thread that returns the number of bytes.
fn reads(input: &StdinQueue, blocks: bool) -> thread::JoinHandle<usize> {
    let input = input.clone();
    thread::spawn(move || {
        let (mut sum, mut buffer) = (0, [0; 2]);
        loop {
            let count = if blocks {
                input.read_blocking(&mut buffer)
            } else {
                block_on(input.read(&mut buffer))
            };
            if count == 0 {
                return sum;
            }
            sum += count;
        }
    })
}

fn the_end_of_stdin_ends_every_read() {
    for kinds in [[true, true, true], [false, false, false], [true, false, true]] {
        let input = input(8);
        let readers = kinds.map(|blocks| reads(&input, blocks));
        input.close();
        for reader in readers {
            assert_eq!(reader.join().expect("no panic"), 0);
        }
    }
}

fn a_broken_pipe_frees_readers_and_writers() {
    let input = input(1);
    let readers = [true, false].map(|blocks| reads(&input, blocks));
    let writers = [(); 2].map(|()| {
        let input = input.clone();
        thread::spawn(move || drop(block_on(input.write(Bytes::from_static(b"abc")))))
    });
    let waiter = {
        let input = input.clone();
        thread::spawn(move || drop(block_on(input.room())))
    };
    input.break_pipe();
    for reader in readers {
        reader.join().expect("no panic");
    }
    for thread in writers.into_iter().chain([waiter]) {
        thread.join().expect("no panic");
    }
}

fn all_written_bytes_are_read() {
    let input = input(2);
    let readers = [true, false, true].map(|blocks| reads(&input, blocks));
    let writer = {
        let input = input.clone();
        thread::spawn(move || {
            for text in ["a", "bcd", "ef"] {
                block_on(input.write(Bytes::from_static(text.as_bytes()))).expect("room");
            }
            input.close();
        })
    };
    writer.join().expect("no panic");
    let read: usize = readers.into_iter().map(|reader| reader.join().expect("no panic")).sum();
    assert_eq!(read, 6);
}

fn a_read_wakes_a_writer_that_waits_for_room() {
    let input = input(1);
    input.try_write(Bytes::from_static(b"ab")).expect("it is empty");
    let waiter = {
        let input = input.clone();
        thread::spawn(move || {
            while input.try_write(Bytes::from_static(b"c")).is_err() {
                block_on(input.room()).expect("it is open");
            }
            input.close();
        })
    };
    assert_eq!(reads(&input, false).join().expect("no panic"), 3);
    waiter.join().expect("no panic");
}

/// Counts wake-ups of an executor.
#[derive(Default)]
struct Executor(AtomicUsize);

impl Wake for Executor {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn a_wake_up_of_an_event_loop_is_never_lost() {
    let executor = Arc::new(Executor::default());
    let mut event_loop = EventLoopWaker::default();
    event_loop.start_iteration(&Waker::from(executor.clone()));
    let waker = event_loop.waker();
    let waking_thread = thread::spawn(move || waker.wake_by_ref());
    let runs_again = event_loop.poll_again();
    waking_thread.join().expect("no panic");
    let woken = executor.0.load(Ordering::SeqCst);
    assert!(runs_again || woken > 0, "the wake-up is lost");
}
