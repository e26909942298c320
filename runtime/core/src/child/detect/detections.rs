//! Lists of runtimes are made one after the other, and shared by those who ask meanwhile.
//!
//! Making a list starts each runtime that has not told its version. A page may ask as often as it likes.

use parking_lot::{Mutex, MutexGuard};

use tokio::sync::Semaphore;

use crate::wire::RuntimeInfo;

#[derive(Debug)]
pub(super) struct Detections {
    /// One permit: for the list that is being made.
    turn: Semaphore,
    lists: Mutex<Lists>,
}

#[derive(Debug, Default)]
struct Lists {
    begun: u64,
    /// The last that was finished, by its number.
    last: Option<(u64, Vec<RuntimeInfo>)>,
}

impl Default for Detections {
    fn default() -> Self {
        Self { turn: Semaphore::new(1), lists: Mutex::default() }
    }
}

impl Detections {
    /// A list that was begun after the call: one that somebody else has made, or what `detect` makes.
    pub(super) async fn share(
        &self,
        detect: impl Future<Output = Vec<RuntimeInfo>>,
    ) -> Vec<RuntimeInfo> {
        let before = self.lists().begun;
        // It is never closed. An error would only mean that the list is made beside another.
        let _turn = self.turn.acquire().await;
        let number = {
            let mut lists = self.lists();
            if let Some((_, list)) = lists.last.as_ref().filter(|(number, _)| *number > before) {
                return list.clone();
            }
            lists.begun += 1;
            lists.begun
        };
        let list = detect.await;
        self.lists().last = Some((number, list.clone()));
        list
    }

    fn lists(&self) -> MutexGuard<'_, Lists> {
        self.lists.lock()
    }
}
