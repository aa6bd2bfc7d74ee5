//! System calls that rustix does not have, each as one small safe function.

use std::ffi::CStr;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};

use rustix::io::{Errno, Result};
use rustix::net::{socketpair, AddressFamily, SocketFlags, SocketType};
use rustix::process::Pid;

/// The value of a raw call, or its errno.
pub fn checked(value: libc::c_long) -> Result<libc::c_long> {
    if value == -1 {
        // SAFETY: glibc's errno of this thread, read right after the call that set it.
        return Err(Errno::from_raw_os_error(unsafe {
            *libc::__errno_location()
        }));
    }
    Ok(value)
}

/// Two sockets that keep packets apart and are closed by execve(2), for two of our own processes: a peer that is gone is told by
/// an end or EPIPE (unix(7)).
pub fn packet_pair() -> Result<(OwnedFd, OwnedFd)> {
    socketpair(
        AddressFamily::UNIX,
        SocketType::SEQPACKET,
        SocketFlags::CLOEXEC,
        None,
    )
}

/// Which side of a fork this is.
pub enum Side {
    Parent { child: Pid, pidfd: OwnedFd },
    Child,
}

#[repr(C)]
#[derive(Default)]
struct CloneArgs {
    flags: u64,
    pidfd: u64,
    child_tid: u64,
    parent_tid: u64,
    exit_signal: u64,
    stack: u64,
    stack_size: u64,
    tls: u64,
    set_tid: u64,
    set_tid_size: u64,
    cgroup: u64,
}

/// `clone3(2)` as a fork into new namespaces: no shared memory, no new stack.
///
/// # Safety
/// The process must have one thread only: the child gets a copy of that one, and a lock that another
/// held would stay locked in it for ever.
pub unsafe fn fork_into(flags: u64) -> Result<Side> {
    let mut pidfd: RawFd = -1;
    let mut args = CloneArgs {
        flags: flags | libc::CLONE_PIDFD as u64,
        pidfd: std::ptr::addr_of_mut!(pidfd) as u64,
        exit_signal: libc::SIGCHLD as u64,
        ..CloneArgs::default()
    };
    // SAFETY: `args` is a clone_args of the size given; without CLONE_VM the child runs on a copy of
    // this stack. The caller promises that there is only this thread.
    let value = unsafe {
        libc::syscall(
            libc::SYS_clone3,
            std::ptr::addr_of_mut!(args),
            std::mem::size_of::<CloneArgs>(),
        )
    };
    match Pid::from_raw(checked(value)? as i32) {
        None => Ok(Side::Child),
        Some(child) => Ok(Side::Parent {
            child,
            // SAFETY: the kernel has just made this descriptor for us.
            pidfd: unsafe { OwnedFd::from_raw_fd(pidfd) },
        }),
    }
}

/// `struct mount_attr` of `mount_setattr(2)`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct MountAttr {
    pub set: u64,
    pub clear: u64,
    pub propagation: u64,
    pub userns_fd: u64,
}

/// Sets attributes of the mount behind a descriptor and of all mounts below it.
pub fn mount_setattr_recursive(mount: impl AsFd, attr: &MountAttr) -> Result<()> {
    // SAFETY: an empty C string, and a mount_attr of the size given.
    checked(unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_fd().as_raw_fd(),
            c_empty().as_ptr(),
            libc::AT_EMPTY_PATH | libc::AT_RECURSIVE,
            attr as *const MountAttr,
            std::mem::size_of::<MountAttr>(),
        )
    })
    .map(drop)
}

/// A whole file of /proc in as few calls as it takes.
pub fn read_file(path: &str) -> Result<String> {
    use rustix::fs::{open, Mode, OFlags};
    let file = open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    let mut bytes = vec![0u8; 8 << 10];
    let mut length = 0;
    loop {
        let read = rustix::io::retry_on_intr(|| rustix::io::read(&file, &mut bytes[length..]))?;
        if read == 0 {
            bytes.truncate(length);
            return String::from_utf8(bytes).map_err(|_| Errno::ILSEQ);
        }
        length += read;
        if bytes.len() - length < 4 << 10 {
            bytes.resize(bytes.len() * 2, 0);
        }
    }
}

/// All threads take memory from where the first one does. glibc would reserve 128 MiB of addresses for each other one's own
/// (mallopt(3), M_ARENA_MAX), to save waits for each other: ours have few words to say.
pub fn share_memory_among_threads() {
    // SAFETY: two numbers, and no thread yet. Where it is not taken, only time is lost.
    unsafe { libc::mallopt(libc::M_ARENA_MAX, 1) };
}

/// Writes to a file that is there, in one call.
pub fn write_file(path: &str, content: &str) -> Result<()> {
    use rustix::fs::{open, Mode, OFlags};
    let file = open(path, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?;
    rustix::io::write(&file, content.as_bytes()).map(drop)
}

/// A session keyring of its own (keyctl(2)), so that the owner's keys are not there even for a call that
/// the filter forgot. A second wall: where the user's quota of keys is used up, the filter holds alone.
pub fn leave_session_keyring() -> bool {
    const JOIN_SESSION_KEYRING: libc::c_long = 1;
    // SAFETY: a null name asks for an anonymous keyring.
    unsafe {
        libc::syscall(
            libc::SYS_keyctl,
            JOIN_SESSION_KEYRING,
            std::ptr::null::<u8>(),
        ) >= 0
    }
}

/// An empty network namespace of this process's own.
pub fn unshare_network_namespace() -> Result<()> {
    // SAFETY: shares no memory or descriptors less than before; sockets that are open stay where they are.
    unsafe { rustix::thread::unshare_unsafe(rustix::thread::UnshareFlags::NEWNET) }
}

/// A cgroup namespace whose root is the cgroup that we are in.
pub fn unshare_cgroup_namespace() -> Result<()> {
    // SAFETY: shares no memory or descriptors less than before; only names of cgroups change.
    unsafe { rustix::thread::unshare_unsafe(rustix::thread::UnshareFlags::NEWCGROUP) }
}

/// Into the network and cgroup namespaces of another process (setns(2) with a pidfd, since Linux 5.8).
pub fn follow_into_namespaces(pidfd: impl AsFd) -> Result<()> {
    use rustix::thread::ThreadNameSpaceType as Kind;
    let both = Kind::NETWORK | Kind::CONTROL_GROUP;
    rustix::thread::move_into_thread_name_spaces(pidfd.as_fd(), both)
}

/// `pivot_root(".", ".")`: the old root ends up stacked over the new one, to be detached at once.
pub fn pivot_root_here() -> Result<()> {
    // SAFETY: two constant C strings.
    checked(unsafe { libc::syscall(libc::SYS_pivot_root, DOT.as_ptr(), DOT.as_ptr()) }).map(drop)
}

/// Every descriptor from `first` on is closed by the next execve.
pub fn close_on_exec_from(first: RawFd) -> Result<()> {
    close_range(first as u32, u32::MAX, libc::CLOSE_RANGE_CLOEXEC)
}

/// Closes all descriptors from `first` on but those that are `kept`.
///
/// # Safety
/// Nothing that owns any other of them may be used afterwards.
pub unsafe fn close_from_but(first: RawFd, kept: &[RawFd]) -> Result<()> {
    let mut kept = kept.to_vec();
    kept.sort_unstable();
    let mut next = first;
    for descriptor in kept {
        if descriptor > next {
            close_range(next as u32, descriptor as u32 - 1, 0)?;
        }
        next = next.max(descriptor + 1);
    }
    close_range(next as u32, u32::MAX, 0)
}

/// Puts /dev/null in the place of our standard streams: from now on they are the program's alone,
/// and end for their readers when it closes them.
pub fn let_go_of_stdio() -> Result<()> {
    let flags = rustix::fs::OFlags::RDWR | rustix::fs::OFlags::CLOEXEC;
    let null = rustix::fs::open("/dev/null", flags, rustix::fs::Mode::empty())?;
    rustix::stdio::dup2_stdin(&null)?;
    rustix::stdio::dup2_stdout(&null)?;
    rustix::stdio::dup2_stderr(&null)
}

fn close_range(first: u32, last: u32, flags: libc::c_uint) -> Result<()> {
    // SAFETY: closes by number; who may call this is the business of the functions above.
    checked(unsafe { libc::syscall(libc::SYS_close_range, first, last, flags) }).map(drop)
}

/// A descriptor that becomes readable when one of the signals, which are blocked from now on, arrives.
pub fn signal_descriptor(signals: &[i32]) -> Result<OwnedFd> {
    // SAFETY: an all-zero sigset_t is valid storage, and sigemptyset makes it a set.
    let mut set: libc::sigset_t = unsafe { std::mem::zeroed() };
    // SAFETY: `set` is ours; sigprocmask and signalfd only read it.
    unsafe {
        libc::sigemptyset(&mut set);
        for signal in signals {
            libc::sigaddset(&mut set, *signal);
        }
        checked(i64::from(libc::sigprocmask(
            libc::SIG_BLOCK,
            &set,
            std::ptr::null_mut(),
        )))?;
        let fd = libc::signalfd(-1, &set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK);
        checked(i64::from(fd))?;
        Ok(OwnedFd::from_raw_fd(fd))
    }
}

/// The next signal of a [`signal_descriptor`], if there is one.
pub fn next_signal(descriptor: impl AsFd) -> Option<i32> {
    let mut info = [0u8; std::mem::size_of::<libc::signalfd_siginfo>()];
    match rustix::io::read(descriptor, &mut info[..]) {
        Ok(length) if length == info.len() => {
            // ssi_signo is the first field, 32 bits.
            Some(u32::from_ne_bytes([info[0], info[1], info[2], info[3]]) as i32)
        }
        _ => None,
    }
}

/// Ignores signals, until [`reset_signals`] in a child.
pub fn ignore_signals(signals: &[i32]) -> Result<()> {
    for signal in signals {
        // SAFETY: SIG_IGN is no function of ours.
        if unsafe { libc::signal(*signal, libc::SIG_IGN) } == libc::SIG_ERR {
            return checked(-1).map(drop);
        }
    }
    Ok(())
}

/// No odd memory layout that our owner was given (personality(2)); it would be inherited.
pub fn reset_personality() {
    // SAFETY: takes a number. It cannot fail for 0, which is plain Linux.
    unsafe { libc::personality(0) };
}

/// All signals back to their default action and none blocked: what a program expects at its start.
/// Ignored signals would survive `execve(2)`; Rust's runtime ignores SIGPIPE, `nohup` ignores SIGHUP.
pub fn reset_signals() -> Result<()> {
    // The kernel's own structure: SIG_DFL, no flags, no restorer, an empty mask.
    const DEFAULT_ACTION: [u64; 4] = [0; 4];
    for signal in 1..=64 {
        if signal == libc::SIGKILL || signal == libc::SIGSTOP {
            continue; // Cannot be set.
        }
        // Not by way of glibc, which keeps 32 and 33 to itself.
        // SAFETY: the kernel reads a sigaction, whose mask has 8 bytes.
        checked(unsafe {
            libc::syscall(
                libc::SYS_rt_sigaction,
                signal,
                DEFAULT_ACTION.as_ptr(),
                std::ptr::null_mut::<u64>(),
                8,
            )
        })?;
    }
    // SAFETY: an all-zero sigset_t is valid storage, and sigemptyset makes it a set.
    let mut set: libc::sigset_t = unsafe { std::mem::zeroed() };
    // SAFETY: `set` is ours and only read by sigprocmask.
    checked(unsafe {
        libc::sigemptyset(&mut set);
        i64::from(libc::sigprocmask(
            libc::SIG_SETMASK,
            &set,
            std::ptr::null_mut(),
        ))
    })
    .map(drop)
}

/// Ends this process at once, without the destructors and buffers of the process it was forked from.
pub fn exit_now(code: i32) -> ! {
    // SAFETY: does not return and touches no memory.
    unsafe { libc::_exit(code) }
}

/// Sends a signal to the process behind a pidfd, by number, real-time ones included.
pub fn pidfd_signal(pidfd: impl AsFd, signal: i32) -> Result<()> {
    // SAFETY: no siginfo is passed.
    checked(unsafe {
        libc::syscall(
            libc::SYS_pidfd_send_signal,
            pidfd.as_fd().as_raw_fd(),
            signal,
            std::ptr::null::<libc::siginfo_t>(),
            0,
        )
    })
    .map(drop)
}

/// `execve(2)`; returns only what went wrong. The arrays end with a null pointer.
pub fn execve(path: &CStr, argv: &PointerList, env: &PointerList) -> Errno {
    // SAFETY: both lists are null-terminated and borrow C strings that outlive this call.
    let value = unsafe { libc::execve(path.as_ptr(), argv.as_ptr(), env.as_ptr()) };
    match checked(i64::from(value)) {
        Err(errno) => errno,
        Ok(_) => Errno::INVAL,
    }
}

/// C strings as the null-terminated array that `execve(2)` takes.
pub struct PointerList {
    pointers: Vec<*const libc::c_char>,
    /// What the pointers point into.
    _strings: Vec<std::ffi::CString>,
}

impl PointerList {
    pub fn new(strings: Vec<std::ffi::CString>) -> PointerList {
        let mut pointers: Vec<_> = strings.iter().map(|string| string.as_ptr()).collect();
        pointers.push(std::ptr::null());
        PointerList {
            pointers,
            _strings: strings,
        }
    }

    fn as_ptr(&self) -> *const *const libc::c_char {
        self.pointers.as_ptr()
    }
}

/// A constant with its NUL.
pub const fn c_str(bytes: &[u8]) -> &CStr {
    match CStr::from_bytes_with_nul(bytes) {
        Ok(text) => text,
        Err(_) => panic!("has its NUL at the end"),
    }
}

const DOT: &CStr = match CStr::from_bytes_with_nul(b".\0") {
    Ok(dot) => dot,
    Err(_) => panic!("has its NUL"),
};

fn c_empty() -> &'static CStr {
    const EMPTY: &CStr = match CStr::from_bytes_with_nul(b"\0") {
        Ok(empty) => empty,
        Err(_) => panic!("has its NUL"),
    };
    EMPTY
}

/// What a process and the children that it waited for used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    pub cpu_ms: u64,
    pub max_resident_bytes: u64,
}

/// Reaps a child of ours that has ended; its status of wait(2), and what it used.
pub fn reap(child: Pid) -> Result<(i32, Usage)> {
    let mut status = 0;
    // SAFETY: an all-zero rusage is valid storage.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    rustix::io::retry_on_intr(|| {
        // SAFETY: both pointers are to storage of ours.
        checked(i64::from(unsafe {
            libc::wait4(child.as_raw_nonzero().get(), &mut status, 0, &mut usage)
        }))
    })?;
    let ms = |time: libc::timeval| time.tv_sec as u64 * 1000 + time.tv_usec as u64 / 1000;
    Ok((
        status,
        Usage {
            cpu_ms: ms(usage.ru_utime) + ms(usage.ru_stime),
            max_resident_bytes: usage.ru_maxrss as u64 * 1024,
        },
    ))
}
