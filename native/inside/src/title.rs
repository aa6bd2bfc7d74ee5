//! The command line of pid 1, which everything inside can read in `/proc/1/cmdline`, and the owner's environment.

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

/// Overwrites the environment, which is the owner's and may have keys in it. Pid 1 and what is forked from it keep a copy of
/// the launcher's memory, which nobody inside may read; what is not there cannot be read by mistake either.
pub fn forget_environment() {
    extern "C" {
        static environ: *const *mut c_char;
    }
    // SAFETY: a list of C strings that ends with a null pointer (environ(7)), writable, of this process with one thread.
    // They become empty strings; nothing here looks for a variable after this.
    unsafe {
        let mut next = environ;
        while !next.is_null() && !(*next).is_null() {
            let length = std::ffi::CStr::from_ptr(*next).to_bytes().len();
            std::ptr::write_bytes(*next, 0, length);
            next = next.add(1);
        }
    }
}
