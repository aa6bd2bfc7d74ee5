//! The command line of pid 1, which everything inside can read in `/proc/1/cmdline`.

use std::ffi::c_char;

extern "C" {
    /// glibc's copy of the pointer to the first argument (program_invocation_name(3)).
    static program_invocation_name: *const c_char;
}

/// Overwrites the arguments, which tell where on the host we are installed. The kernel shows the very
/// bytes that it laid out at our execve, one argument after the other (proc(5)).
pub fn hide() {
    let length: usize = std::env::args_os().map(|argument| argument.len() + 1).sum();
    // SAFETY: set by the C runtime before main, and never changed by us.
    let first = unsafe { program_invocation_name }.cast_mut();
    if first.is_null() || length == 0 {
        return;
    }
    // SAFETY: the arguments lie one after the other on the stack, writable, with this length in all;
    // the standard library gives out copies, so nobody holds a reference into them, and this process
    // has one thread.
    unsafe { std::ptr::write_bytes(first, 0, length) };
}
