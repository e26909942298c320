//! Programs inherit the descriptors that their start names, and none of the application's.
//!
//! What Rust opens is closed when a program is started. Other code of the application may have opened something
//! that is not, so that is seen to before every start.

/// Sees that no descriptor of the application is inherited by a program that is started now, but for those that
/// its start names.
#[cfg(all(target_os = "linux", feature = "embedded"))]
pub(crate) fn seal() {
    use nix::fcntl::{FcntlArg, FdFlag, fcntl};
    for number in numbers() {
        // SAFETY: the flag of a descriptor that has been closed meanwhile is set in vain, and of another one
        // that has its number now it may be set as well.
        let descriptor = unsafe { std::os::fd::BorrowedFd::borrow_raw(number) };
        let flags = fcntl(descriptor, FcntlArg::F_GETFD).map(FdFlag::from_bits_retain);
        if let Ok(flags) = flags
            && !flags.contains(FdFlag::FD_CLOEXEC)
        {
            // Fails for one that has been closed meanwhile.
            let _ = fcntl(descriptor, FcntlArg::F_SETFD(flags | FdFlag::FD_CLOEXEC));
        }
    }
}

/// The same between fork and exec, where nothing else can open one meanwhile. Allocates nothing.
#[cfg(target_os = "linux")]
pub(crate) fn seal_this_child() -> std::io::Result<()> {
    use nix::libc::{
        CLOSE_RANGE_CLOEXEC, EINVAL, ENOSYS, F_SETFD, FD_CLOEXEC, SYS_close_range, fcntl, syscall,
    };
    const FIRST: std::ffi::c_uint = 3;
    // What a system without the call may be asked for one by one.
    const FEW: std::ffi::c_int = 65_536;
    // SAFETY: sets a flag of descriptors of this process, which is about to load a program.
    if unsafe { syscall(SYS_close_range, FIRST, std::ffi::c_uint::MAX, CLOSE_RANGE_CLOEXEC) } == 0 {
        return Ok(());
    }
    let error = std::io::Error::last_os_error();
    if !matches!(error.raw_os_error(), Some(ENOSYS | EINVAL)) {
        return Err(error);
    }
    for number in FIRST.cast_signed()..FEW {
        // SAFETY: as above; fails for a number that is not open.
        unsafe { fcntl(number, F_SETFD, FD_CLOEXEC) };
    }
    Ok(())
}

/// All but the standard streams.
#[cfg(all(target_os = "linux", feature = "embedded"))]
pub(crate) fn numbers() -> impl Iterator<Item = i32> {
    let list = std::fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
    let numbers = list.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    numbers.filter(|number| *number > 2)
}

/// Elsewhere there is no such list.
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
    fn a_descriptor_that_would_be_inherited_is_not() {
        let (reader, _writer) = std::io::pipe().unwrap();
        fcntl(&reader, FcntlArg::F_SETFD(FdFlag::empty())).unwrap();
        seal();
        let flags = fcntl(&reader, FcntlArg::F_GETFD).map(FdFlag::from_bits_retain);
        assert_eq!(flags, Ok(FdFlag::FD_CLOEXEC));
    }
}
