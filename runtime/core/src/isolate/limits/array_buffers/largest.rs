//! No buffer is larger than all of a process may be together.
//!
//! V8 does not ask an allocator for the memory of a buffer that can be resized: it reserves addresses, and the script
//! may then fill gigabytes in one call, which nothing interrupts. But V8 asks each time, in every realm, how large
//! a buffer may be (`ArrayBuffer::Allocator::MaxAllocationSize`). The `v8` crate does not pass that question on to
//! an allocator that is written in Rust, so the answer is put into the allocator's table of virtual functions. A
//! test shows that V8 finds it there.

use std::ptr;
use std::sync::OnceLock;

use deno_runtime::deno_core::v8;

use super::ArrayBuffers;

/// The virtual functions of `v8::ArrayBuffer::Allocator` in the order of `v8-array-buffer.h`: its destructor, of which
/// there are two but with Microsoft's compiler, then `Allocate`, `AllocateUninitialized`, `Free`, this one, and
/// `GetPageAllocator`.
const MAX_ALLOCATION_SIZE: usize = if cfg!(target_env = "msvc") { 4 } else { 5 };
const FUNCTIONS: usize = MAX_ALLOCATION_SIZE + 2;

/// What the compiler keeps before the functions: type information, and where there are two destructors the offset of
/// the object.
const BEFORE: usize = if cfg!(target_env = "msvc") { 1 } else { 2 };

type Word = usize;
type Table = [Word; BEFORE + FUNCTIONS];

/// An allocator as `RustAllocator` of the `v8` crate lays it out.
#[repr(C)]
struct Object {
    functions: *const Word,
    buffers: *const ArrayBuffers,
}

/// Answers V8's question for an allocator of [`super::Buffers::allocator`].
pub(super) fn limit(allocator: &mut v8::Allocator) {
    static TABLE: OnceLock<Table> = OnceLock::new();
    let object = ptr::from_mut(allocator).cast::<Object>();
    let table = TABLE.get_or_init(|| {
        // SAFETY: an object with virtual functions begins with the address of the first of them, which is preceded
        // by the words named above. The version of the `v8` crate is fixed.
        let mut table = unsafe { (*object).functions.sub(BEFORE).cast::<Table>().read() };
        let answer: unsafe extern "C" fn(*const Object) -> usize = max_allocation_size;
        table[BEFORE + MAX_ALLOCATION_SIZE] = answer as usize;
        table
    });
    // SAFETY: nobody else has the allocator yet. The table is static, and has the functions that were there.
    unsafe { (*object).functions = table.as_ptr().add(BEFORE) };
}

unsafe extern "C" fn max_allocation_size(this: *const Object) -> usize {
    // SAFETY: V8 asks an allocator that is alive, and so are its buffers.
    unsafe { (*(*this).buffers).limit }
}
