//! Marks the application's descriptors as close-on-exec, so that started programs do not inherit them.
//!
//! Rust opens descriptors close-on-exec. Other code of the application may not, so they are marked before every
//! start.

/// Marks all descriptors of the application but 0 to 2.
#[cfg(all(target_os = "linux", feature = "embedded"))]
pub(crate) fn seal() {
    use nix::fcntl::{FcntlArg, FdFlag, fcntl};
    for number in numbers() {
        // SAFETY: `descriptor` is used only for `fcntl` below. If the number was closed meanwhile, the call fails; if
        // it was reused, setting the flag on the new descriptor is correct too.
        let descriptor = unsafe { std::os::fd::BorrowedFd::borrow_raw(number) };
        let flags = fcntl(descriptor, FcntlArg::F_GETFD).map(FdFlag::from_bits_retain);
        if let Ok(flags) = flags
            && !flags.contains(FdFlag::FD_CLOEXEC)
        {
            // Fails if it was closed meanwhile.
            let _ = fcntl(descriptor, FcntlArg::F_SETFD(flags | FdFlag::FD_CLOEXEC));
        }
    }
}

/// Marks all descriptors but 0 to 2, between fork and exec: no other thread can open one. Allocates nothing.
#[cfg(target_os = "linux")]
pub(crate) fn seal_this_child() -> std::io::Result<()> {
    use nix::libc::{
        CLOSE_RANGE_CLOEXEC, EINVAL, ENOSYS, F_SETFD, FD_CLOEXEC, SYS_close_range, fcntl, syscall,
    };
    const FIRST: std::ffi::c_uint = 3;
    // The end of the numbers that are marked one by one on systems without `close_range`.
    const END: std::ffi::c_int = 65_536;
    // SAFETY: `close_range` with `CLOSE_RANGE_CLOEXEC` only sets flags of this process's descriptors, and is
    // async-signal-safe.
    if unsafe { syscall(SYS_close_range, FIRST, std::ffi::c_uint::MAX, CLOSE_RANGE_CLOEXEC) } == 0 {
        return Ok(());
    }
    let error = std::io::Error::last_os_error();
    if !matches!(error.raw_os_error(), Some(ENOSYS | EINVAL)) {
        return Err(error);
    }
    for number in FIRST.cast_signed()..END {
        // SAFETY: `F_SETFD` only sets a flag, and fails for a number that is not open.
        unsafe { fcntl(number, F_SETFD, FD_CLOEXEC) };
    }
    Ok(())
}

/// The open descriptors but 0 to 2.
#[cfg(all(target_os = "linux", feature = "embedded"))]
pub(crate) fn numbers() -> impl Iterator<Item = i32> {
    let list = std::fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
    let numbers = list.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    numbers.filter(|number| *number > 2)
}

/// Other systems have no `/proc/self/fd`.
#[cfg(all(not(target_os = "linux"), feature = "embedded"))]
pub(crate) fn seal() {}

#[cfg(all(not(target_os = "linux"), feature = "embedded"))]
pub(crate) fn numbers() -> impl Iterator<Item = i32> {
    std::iter::empty()
}

#[cfg(all(test, target_os = "linux", feature = "embedded"))]
mod tests {
    use nix::fcntl::{FcntlArg, FdFlag, fcntl};

    use super::*;

    #[test]
    fn an_inheritable_descriptor_is_marked() {
        let (reader, _writer) = std::io::pipe().unwrap();
        fcntl(&reader, FcntlArg::F_SETFD(FdFlag::empty())).unwrap();
        seal();
        let flags = fcntl(&reader, FcntlArg::F_GETFD).map(FdFlag::from_bits_retain);
        assert_eq!(flags, Ok(FdFlag::FD_CLOEXEC));
    }
}
