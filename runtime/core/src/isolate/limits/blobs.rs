//! Slices of blobs that refer directly to the unsliced part.
//!
//! In Deno a slice of a slice references the outer slice. Dropping a long chain recurses, so a script could overflow
//! the native stack.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use async_trait::async_trait;
use deno_error::JsErrorBox;
use deno_runtime::deno_core::{FromV8, OpState, op2};
use deno_runtime::deno_web::{BlobPart, BlobStoreTrait};
use parking_lot::{Mutex, MutexGuard};

type Part = Arc<dyn BlobPart + Send + Sync>;

/// The slices of one process by address. A `BlobPart` itself does not reveal that it is a slice.
#[derive(Debug, Default)]
pub(crate) struct BlobSlices(Mutex<HashMap<usize, Range>>);

/// The start of a slice in its part.
#[derive(Debug, Clone)]
struct Range {
    /// Never a slice itself.
    whole: Weak<dyn BlobPart + Send + Sync>,
    start: usize,
}

#[derive(Debug)]
struct Slice {
    whole: Part,
    start: usize,
    length: usize,
    registry: Weak<BlobSlices>,
}

#[async_trait]
impl BlobPart for Slice {
    async fn read<'a>(&'a self) -> &'a [u8] {
        &self.whole.read().await[self.start..self.start + self.length]
    }

    fn size(&self) -> usize {
        self.length
    }
}

impl Drop for Slice {
    fn drop(&mut self) {
        if let Some(slices) = self.registry.upgrade() {
            slices.lock().remove(&std::ptr::from_ref(self).addr());
        }
    }
}

impl BlobSlices {
    /// Returns `None` if the range exceeds the part.
    fn slice(self: &Arc<Self>, part: Part, start: usize, length: usize) -> Option<Part> {
        let end = start.checked_add(length)?;
        if end > part.size() {
            return None;
        }
        let known = self.lock().get(&address(&part)).cloned();
        // `part` is a slice of `whole` and keeps it alive.
        let of_whole = known.and_then(|range| Some((range.whole.upgrade()?, range.start)));
        let (whole, before) = of_whole.unwrap_or((part, 0));
        let start = before + start;
        let range = Range { whole: Arc::downgrade(&whole), start };
        let slice: Part = Arc::new(Slice { whole, start, length, registry: Arc::downgrade(self) });
        self.lock().insert(address(&slice), range);
        Some(slice)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<usize, Range>> {
        self.0.lock()
    }
}

fn address(part: &Part) -> usize {
    Arc::as_ptr(part).addr()
}

#[derive(Clone, Copy, FromV8)]
struct SliceOptions {
    start: usize,
    len: usize,
}

/// Replaces Deno's op of the same purpose. `id` and the result are keys of Deno's store.
#[op2]
#[string]
pub(crate) fn op_host_blob_slice_part(
    state: &mut OpState,
    #[string] id: &str,
    #[scoped] options: SliceOptions,
) -> Result<String, JsErrorBox> {
    let store = state.borrow::<Arc<dyn BlobStoreTrait>>();
    let part = id.parse().ok().and_then(|id| store.get_part(&id));
    let part = part.ok_or_else(|| JsErrorBox::type_error("Blob part not found"))?;
    let SliceOptions { start, len } = options;
    let slice = state.borrow::<Arc<BlobSlices>>().slice(part, start, len).ok_or_else(|| {
        JsErrorBox::type_error("start + len can not be larger than blob part size")
    })?;
    Ok(store.insert_part(slice).to_string())
}

#[cfg(test)]
mod tests {
    use deno_runtime::deno_web::InMemoryBlobPart;
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn a_slice_of_a_slice_refers_to_the_whole_part() {
        let slices = Arc::<BlobSlices>::default();
        let whole: Part = Arc::new(InMemoryBlobPart::from(b"0123456789".to_vec()));
        let mut last = whole.clone();
        for length in (5..10).rev() {
            let slice = slices.slice(last, 1, length).expect("the range fits");
            last = slice;
        }
        assert_eq!(last.read().now_or_never(), Some(&b"56789"[..]));
        assert_eq!(slices.lock().len(), 1, "the slice references another slice");
        assert!(slices.slice(last.clone(), 3, 3).is_none());
        assert!(slices.slice(last.clone(), usize::MAX, 2).is_none());
        drop(last);
        assert!(slices.lock().is_empty());
        assert_eq!(Arc::strong_count(&whole), 1);
    }
}
