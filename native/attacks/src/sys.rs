//! Raw system calls. The C library's wrappers would hide which call was made and fall back to
//! others; an attack has to name the call that it makes.

use std::ffi::CString;
use std::fmt;
use std::os::raw::c_long;

/// The number of an error as the kernel gave it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Errno(pub i32);

pub type Res<T = i64> = Result<T, Errno>;

/// Makes one system call with up to six arguments, each a number or a pointer to memory that lives
/// for the whole call.
#[macro_export]
macro_rules! sys {
    ($number:expr $(, $argument:expr)* $(,)?) => {
        $crate::sys::raw($number as i64, &[$($argument as i64),*])
    };
}

/// What `sys!` expands to. This program exists to hand the kernel hostile arguments, so a pointer
/// may be wild on purpose: the kernel answers EFAULT. One that it may write through must be live.
pub fn raw(number: i64, arguments: &[i64]) -> Res {
    let mut all: [c_long; 6] = [0; 6];
    all[..arguments.len()].copy_from_slice(arguments);
    #[cfg(not(target_arch = "x86_64"))]
    if let Some(made) = crate::older::make(number as c_long, all) {
        return made;
    }
    // SAFETY: the callers pass numbers, wild addresses that the kernel refuses, or pointers to
    // memory of theirs that outlives the call; see above.
    let answer = unsafe {
        libc::syscall(
            number as c_long,
            all[0],
            all[1],
            all[2],
            all[3],
            all[4],
            all[5],
        )
    };
    if answer == -1 {
        Err(last_errno())
    } else {
        Ok(answer)
    }
}

pub fn last_errno() -> Errno {
    Errno(std::io::Error::last_os_error().raw_os_error().unwrap_or(0))
}

/// A path (or any word) for the kernel. A NUL in it would be a bug of the caller's.
pub fn c(text: &str) -> CString {
    CString::new(text).expect("no NUL in a path")
}

pub fn open(path: &str, flags: i32) -> Res<i32> {
    open_mode(path, flags, 0)
}

pub fn open_mode(path: &str, flags: i32, mode: u32) -> Res<i32> {
    openat(libc::AT_FDCWD, path, flags, mode)
}

pub fn openat(directory: i32, path: &str, flags: i32, mode: u32) -> Res<i32> {
    let path = c(path);
    sys!(
        libc::SYS_openat,
        directory,
        path.as_ptr(),
        flags | libc::O_CLOEXEC,
        mode
    )
    .map(|fd| fd as i32)
}

pub fn close(fd: i32) {
    // The result tells an attack nothing: the descriptor is gone either way.
    let _ = sys!(libc::SYS_close, fd);
}

/// At most `limit` bytes, from one read.
pub fn read_some(fd: i32, limit: usize) -> Res<Vec<u8>> {
    let mut buffer = vec![0u8; limit];
    let count = sys!(libc::SYS_read, fd, buffer.as_mut_ptr(), limit)?;
    buffer.truncate(count as usize);
    Ok(buffer)
}

pub fn write_all(fd: i32, bytes: &[u8]) -> Res {
    sys!(libc::SYS_write, fd, bytes.as_ptr(), bytes.len())
}

/// Opens and reads the beginning of a file.
pub fn read_file(path: &str) -> Res<Vec<u8>> {
    let fd = open(path, libc::O_RDONLY | libc::O_NONBLOCK)?;
    let bytes = read_some(fd, 4096);
    close(fd);
    bytes
}

/// Creates a file of our own with these bytes.
pub fn make_file(path: &str, bytes: &[u8], mode: u32) -> Res {
    let fd = open_mode(path, libc::O_WRONLY | libc::O_CREAT | libc::O_TRUNC, mode)?;
    let written = write_all(fd, bytes);
    close(fd);
    written
}

/// Starts a child; `body` runs in it and its result is the exit code. The child is a copy of a
/// program that has one thread at this moment, so that ordinary code may run in it.
pub fn fork_with(body: impl FnOnce() -> i32) -> Res<i32> {
    // SAFETY: attacks fork before they start threads of their own, and the child leaves by _exit.
    match unsafe { libc::fork() } {
        -1 => Err(last_errno()),
        0 => {
            let code = body();
            // SAFETY: ends the child without running the parent's destructors.
            unsafe { libc::_exit(code) }
        }
        pid => Ok(pid),
    }
}

/// How a child ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ended {
    Code(i32),
    Signal(i32, bool),
}

pub fn wait_for(pid: i32) -> Res<Ended> {
    let mut status = 0i32;
    loop {
        match sys!(
            libc::SYS_wait4,
            pid,
            &mut status as *mut i32,
            libc::__WALL,
            0
        ) {
            Err(Errno(libc::EINTR)) => continue,
            Err(errno) => return Err(errno),
            Ok(_) if libc::WIFSIGNALED(status) => {
                return Ok(Ended::Signal(
                    libc::WTERMSIG(status),
                    libc::WCOREDUMP(status),
                ))
            }
            Ok(_) if libc::WIFEXITED(status) => return Ok(Ended::Code(libc::WEXITSTATUS(status))),
            Ok(_) => continue,
        }
    }
}

/// Runs a program to its end with this environment, and tells how it ended. 127: it could not be started.
pub fn run_program(path: &str, argv: &[&str]) -> Res<Ended> {
    let path = c(path);
    exec_in_child(argv, |argv, envp| {
        sys!(libc::SYS_execve, path.as_ptr(), argv, envp)
    })
}

/// The same through `execveat`.
pub fn run_descriptor(directory: i32, path: &str, argv: &[&str], flags: i32) -> Res<Ended> {
    let path = c(path);
    exec_in_child(argv, |argv, envp| {
        sys!(
            libc::SYS_execveat,
            directory,
            path.as_ptr(),
            argv,
            envp,
            flags
        )
    })
}

/// The child tells the errno of a failed exec by its exit code, 100 + errno, which none of our programs uses.
fn exec_in_child(
    argv: &[&str],
    exec: impl FnOnce(*const *const i8, *const *const i8) -> Res,
) -> Res<Ended> {
    let words: Vec<CString> = argv.iter().map(|word| c(word)).collect();
    let mut pointers: Vec<*const i8> = words.iter().map(|word| word.as_ptr().cast()).collect();
    pointers.push(std::ptr::null());
    let environment: [*const i8; 1] = [std::ptr::null()];
    let pid = fork_with(|| match exec(pointers.as_ptr(), environment.as_ptr()) {
        Err(Errno(number)) => 100 + number.min(150),
        Ok(_) => 99,
    })?;
    match wait_for(pid)? {
        Ended::Code(code) if code > 100 => Err(Errno(code - 100)),
        ended => Ok(ended),
    }
}

/// Processes that this one can see, by number.
pub fn visible_pids() -> Vec<i32> {
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect()
}

pub fn monotonic_ms() -> i64 {
    let mut now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    match sys!(
        libc::SYS_clock_gettime,
        libc::CLOCK_MONOTONIC,
        &mut now as *mut libc::timespec
    ) {
        Ok(_) => now.tv_sec * 1000 + now.tv_nsec / 1_000_000,
        Err(_) => 0,
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.0 {
            libc::EPERM => "EPERM",
            libc::ENOENT => "ENOENT",
            libc::ESRCH => "ESRCH",
            libc::EINTR => "EINTR",
            libc::EIO => "EIO",
            libc::ENXIO => "ENXIO",
            libc::E2BIG => "E2BIG",
            libc::ENOEXEC => "ENOEXEC",
            libc::EBADF => "EBADF",
            libc::ECHILD => "ECHILD",
            libc::EAGAIN => "EAGAIN",
            libc::ENOMEM => "ENOMEM",
            libc::EACCES => "EACCES",
            libc::EFAULT => "EFAULT",
            libc::ENOTBLK => "ENOTBLK",
            libc::EBUSY => "EBUSY",
            libc::EEXIST => "EEXIST",
            libc::EXDEV => "EXDEV",
            libc::ENODEV => "ENODEV",
            libc::ENOTDIR => "ENOTDIR",
            libc::EISDIR => "EISDIR",
            libc::EINVAL => "EINVAL",
            libc::ENFILE => "ENFILE",
            libc::EMFILE => "EMFILE",
            libc::ENOTTY => "ENOTTY",
            libc::ETXTBSY => "ETXTBSY",
            libc::ENOSPC => "ENOSPC",
            libc::ESPIPE => "ESPIPE",
            libc::EROFS => "EROFS",
            libc::EMLINK => "EMLINK",
            libc::EPIPE => "EPIPE",
            libc::ENAMETOOLONG => "ENAMETOOLONG",
            libc::ENOSYS => "ENOSYS",
            libc::ENOTEMPTY => "ENOTEMPTY",
            libc::ELOOP => "ELOOP",
            libc::ENODATA => "ENODATA",
            libc::EPROTO => "EPROTO",
            libc::EOVERFLOW => "EOVERFLOW",
            libc::ENOTSOCK => "ENOTSOCK",
            libc::EPROTOTYPE => "EPROTOTYPE",
            libc::ENOPROTOOPT => "ENOPROTOOPT",
            libc::EPROTONOSUPPORT => "EPROTONOSUPPORT",
            libc::ESOCKTNOSUPPORT => "ESOCKTNOSUPPORT",
            libc::EOPNOTSUPP => "EOPNOTSUPP",
            libc::EAFNOSUPPORT => "EAFNOSUPPORT",
            libc::EADDRINUSE => "EADDRINUSE",
            libc::EADDRNOTAVAIL => "EADDRNOTAVAIL",
            libc::ENETDOWN => "ENETDOWN",
            libc::ENETUNREACH => "ENETUNREACH",
            libc::ECONNABORTED => "ECONNABORTED",
            libc::ECONNRESET => "ECONNRESET",
            libc::ENOBUFS => "ENOBUFS",
            libc::EISCONN => "EISCONN",
            libc::ENOTCONN => "ENOTCONN",
            libc::ETIMEDOUT => "ETIMEDOUT",
            libc::ECONNREFUSED => "ECONNREFUSED",
            libc::EHOSTUNREACH => "EHOSTUNREACH",
            libc::EALREADY => "EALREADY",
            libc::EINPROGRESS => "EINPROGRESS",
            libc::ESTALE => "ESTALE",
            libc::EDQUOT => "EDQUOT",
            libc::ENOKEY => "ENOKEY",
            other => return write!(f, "errno {other}"),
        };
        f.write_str(name)
    }
}

impl fmt::Debug for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
