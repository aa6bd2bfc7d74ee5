//! Programs, opens and messages: what is recorded, and what the supervisor refuses early.
#![allow(clippy::unwrap_used)]

mod common;

use std::ffi::CString;
use std::fs::{self, File};
use std::io::Write;
use std::net::UdpSocket;
use std::os::fd::{AsRawFd, FromRawFd};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::thread::JoinHandle;

use common::sandbox::{Sandbox, TemporaryDirectory};
use common::{errno_of, End};
use glovebox_seccomp::{Access, ActivityKind, FilterOptions, Verdict};

/// The errno of `execve` in a child of its own; 0 when the program ran and ended well.
fn run(program: &str) -> i32 {
    match Command::new(program).output() {
        Ok(output) => -i32::from(!output.status.success()),
        Err(error) => error.raw_os_error().unwrap_or(-2),
    }
}

/// A file for an allowlist, by its real path.
fn real(path: &str) -> PathBuf {
    fs::canonicalize(path).unwrap()
}

#[test]
fn every_program_is_recorded() {
    let outcome = Sandbox::default().run(|_| run("/bin/true"));
    assert_eq!(outcome.end, End::Code(0));
    assert!(outcome.has("exec recorded kernel /bin/true"));
}

#[test]
fn a_relative_program_is_recorded_from_the_root() {
    let outcome = Sandbox::default().run(|_| {
        std::env::set_current_dir("/usr/bin").unwrap();
        run("./true")
    });
    assert_eq!(outcome.end, End::Code(0));
    assert!(
        outcome.has("exec recorded kernel /usr/bin/./true"),
        "{:?}",
        outcome.lines()
    );
}

#[test]
fn a_question_that_no_name_server_can_hear_is_refused_and_recorded() {
    let outcome = Sandbox::default().run(|_| {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let errno = |sent: std::io::Result<usize>| sent.map_or_else(|e| e.raw_os_error(), |_| None);
        let refused = Some(libc::ECONNREFUSED);
        let mut wrong = i32::from(errno(socket.send_to(b"?", "127.0.0.1:53")) != refused);
        wrong += i32::from(errno(socket.send_to(b"?", "127.0.0.1:54")).is_some());
        wrong + i32::from(socket.connect("127.0.0.1:53").is_ok())
    });
    assert_eq!(outcome.end, End::Code(0));
    for line in [
        "send denied network.no-resolver 127.0.0.1:53",
        "connect denied network.no-resolver 127.0.0.1:53",
        "send recorded kernel 127.0.0.1:54",
    ] {
        assert!(outcome.has(line), "{:?}", outcome.lines());
    }
}

#[test]
fn a_program_outside_the_allowlist_is_refused_and_recorded() {
    let sandbox = Sandbox {
        exec_allow: Some(vec![real("/bin/true"), PathBuf::from("/not/there")]),
        ..Sandbox::default()
    };
    let outcome = sandbox.run(|own| {
        // Allowed is the file, by whatever name.
        std::os::unix::fs::symlink("/bin/true", own.join("link")).unwrap();
        let link = own.join("link");
        let wrong = [
            (run("/bin/true"), 0),
            (run(link.to_str().unwrap()), 0),
            (run("/bin/false"), libc::EACCES),
            (run("/usr/bin/../bin/false"), libc::EACCES),
            (run("/not/there"), libc::ENOENT),
        ];
        wrong
            .iter()
            .position(|(got, want)| got != want)
            .map_or(0, |at| at as i32 + 1)
    });
    assert_eq!(outcome.end, End::Code(0), "{:?}", outcome.lines());
    assert!(outcome.has("exec denied exec.allow /bin/false"));
    assert!(outcome.has("exec recorded kernel /bin/true"));
    assert!(outcome.has("exec recorded kernel /not/there"));
}

/// Renames a file to and fro for as long as it lives.
struct Renames {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    _place: TemporaryDirectory,
}

impl Renames {
    fn begin() -> Self {
        let place = TemporaryDirectory::new();
        let (one, other) = (place.0.join("one"), place.0.join("other"));
        File::create(&one).unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                fs::rename(&one, &other).unwrap();
                fs::rename(&other, &one).unwrap();
            }
        });
        Self {
            stop,
            thread: Some(thread),
            _place: place,
        }
    }
}

impl Drop for Renames {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().unwrap().join().unwrap();
    }
}

#[test]
fn renames_elsewhere_on_the_machine_hide_no_program_behind_a_parent_directory() {
    let sandbox = Sandbox {
        exec_allow: Some(vec![PathBuf::from("/usr/bin/../bin/true")]),
        ..Sandbox::default()
    };
    let _renames = Renames::begin();
    let outcome = sandbox.run(|_| {
        let path = CString::new("/usr/bin/../bin/false").unwrap();
        let none: [*const libc::c_char; 1] = [std::ptr::null()];
        let lists = none.as_ptr() as usize;
        // One that is not refused takes our place, and ends with 1.
        let is_refused = |_| {
            let call = [path.as_ptr() as usize, lists, lists, 0, 0, 0];
            errno_of(libc::SYS_execve, call) == libc::EACCES
        };
        if !(0..2000).all(is_refused) {
            return 2;
        }
        run("/bin/true")
    });
    assert_eq!(outcome.end, End::Code(0));
}

/// Makes a memory file with a program in it and executes it, by `execveat` or by its name in `/proc`.
fn execute_from_memory(flags: usize, by_name: bool) -> i32 {
    let name = CString::new("program").unwrap();
    // SAFETY: the name ends with a zero; the result is checked.
    let fd = unsafe { libc::syscall(libc::SYS_memfd_create, name.as_ptr(), flags) };
    if fd < 0 {
        return std::io::Error::last_os_error().raw_os_error().unwrap_or(-1);
    }
    // SAFETY: the descriptor was made for us.
    let mut file = unsafe { File::from_raw_fd(fd as i32) };
    file.write_all(&fs::read("/bin/true").unwrap()).unwrap();
    // SAFETY: no pointers. A mode that cannot be set is part of the attempt.
    unsafe { libc::fchmod(file.as_raw_fd(), 0o777) };
    // Open for reading only: what is open for writing is busy.
    let reopened = File::open(format!("/proc/self/fd/{fd}")).unwrap();
    drop(file);
    let (fd, empty) = (reopened.as_raw_fd(), CString::new("").unwrap());
    let path = CString::new(format!("/proc/self/fd/{fd}")).unwrap();
    let none: [*const libc::c_char; 1] = [std::ptr::null()];
    let lists = none.as_ptr() as usize;
    if by_name {
        errno_of(
            libc::SYS_execve,
            [path.as_ptr() as usize, lists, lists, 0, 0, 0],
        )
    } else {
        errno_of(
            libc::SYS_execveat,
            [
                fd as usize,
                empty.as_ptr() as usize,
                lists,
                lists,
                libc::AT_EMPTY_PATH as usize,
                0,
            ],
        )
    }
}

#[test]
fn memory_files_work_and_are_never_executed() {
    let outcome = Sandbox::default().run(|_| {
        let denied = libc::EACCES;
        let wrong = [
            (execute_from_memory(0, false), denied),
            (
                execute_from_memory(libc::MFD_ALLOW_SEALING as usize, true),
                denied,
            ),
            (execute_from_memory(libc::MFD_EXEC as usize, false), denied),
            (execute_from_memory(0x4, false), libc::EINVAL), // MFD_HUGETLB
        ];
        wrong
            .iter()
            .position(|(got, want)| got != want)
            .map_or(0, |at| at as i32 + 1)
    });
    assert_eq!(outcome.end, End::Code(0), "{:?}", outcome.lines());
}

#[test]
fn a_memory_file_outside_the_allowlist_is_a_recorded_denial() {
    let sandbox = Sandbox {
        exec_allow: Some(vec![real("/bin/true")]),
        ..Sandbox::default()
    };
    let outcome = sandbox.run(|_| execute_from_memory(0, false));
    assert_eq!(outcome.end, End::Code(libc::EACCES));
    let denied = outcome
        .activities
        .iter()
        .find(|activity| activity.verdict == Verdict::Denied)
        .unwrap();
    assert!(
        denied.path.as_ref().unwrap().starts_with("/memfd:program"),
        "{denied:?}"
    );
}

#[test]
fn close_on_exec_of_a_memory_file_is_what_was_asked_for() {
    let outcome = Sandbox::default().run(|_| {
        let name = CString::new("x").unwrap();
        let flags = |asked: u32| {
            // SAFETY: the name ends with a zero; fcntl takes no pointer.
            unsafe { libc::fcntl(libc::memfd_create(name.as_ptr(), asked), libc::F_GETFD) }
        };
        i32::from((flags(0), flags(libc::MFD_CLOEXEC)) != (0, libc::FD_CLOEXEC))
    });
    assert_eq!(outcome.end, End::Code(0));
}

#[test]
fn opens_are_recorded_when_the_filter_asks() {
    let filter = FilterOptions {
        record_opens: true,
        ..FilterOptions::default()
    };
    let outcome = Sandbox {
        filter,
        ..Sandbox::default()
    }
    .run(|own| {
        std::env::set_current_dir(own).unwrap();
        fs::write("new", "text").unwrap();
        i32::from(fs::read_to_string("new").unwrap() != "text" || File::open("/nowhere").is_ok())
    });
    assert_eq!(outcome.end, End::Code(0));
    let opens: Vec<_> = outcome
        .activities
        .iter()
        .filter(|activity| activity.kind == ActivityKind::Open)
        .collect();
    let of = |name: &str| {
        opens
            .iter()
            .filter(|open| open.path.as_ref().unwrap().ends_with(name))
            .map(|open| open.access)
            .collect::<Vec<_>>()
    };
    assert_eq!(of("/new"), [Some(Access::Write), Some(Access::Read)]);
    assert_eq!(of("/nowhere"), [Some(Access::Read)]);
    assert!(opens
        .iter()
        .all(|open| Path::new(open.path.as_ref().unwrap()).is_absolute()));
}

#[test]
fn messages_to_an_address_are_recorded_and_others_are_not() {
    let outcome = Sandbox::default().run(|_| {
        let (one, two) = (
            UdpSocket::bind("127.0.0.1:7001").unwrap(),
            UdpSocket::bind("127.0.0.1:7002").unwrap(),
        );
        one.send_to(b"addressed", "127.0.0.1:7002").unwrap();
        i32::from(two.recv(&mut [0; 16]).unwrap() != 9)
    });
    assert_eq!(outcome.end, End::Code(0));
    assert!(outcome.has("send recorded kernel 127.0.0.1:7002"));

    let outcome = Sandbox::default().run(|_| {
        let one = UdpSocket::bind("127.0.0.1:7001").unwrap();
        one.connect("127.0.0.1:7001").unwrap();
        one.send(b"connected").unwrap();
        i32::from(one.recv(&mut [0; 16]).unwrap() != 9)
    });
    assert_eq!(outcome.end, End::Code(0));
    assert_eq!(
        outcome
            .activities
            .iter()
            .filter(|activity| activity.kind == ActivityKind::Send)
            .count(),
        0
    );
}

#[test]
fn each_address_of_a_batch_is_recorded_once() {
    let outcome = Sandbox::default().run(|_| {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = |port: u16| {
            let mut bytes = [0u8; 16];
            bytes[..2].copy_from_slice(&(libc::AF_INET as u16).to_ne_bytes());
            bytes[2..4].copy_from_slice(&port.to_be_bytes());
            bytes[4..8].copy_from_slice(&[127, 0, 0, 1]);
            bytes
        };
        let addresses = [address(7003), address(7004), address(7003)];
        let mut data = *b"x";
        let mut part = libc::iovec {
            iov_base: data.as_mut_ptr().cast(),
            iov_len: 1,
        };
        let mut messages: Vec<libc::mmsghdr> = addresses
            .iter()
            .map(|address| {
                // SAFETY: an all-zero message is a valid one.
                let mut message: libc::mmsghdr = unsafe { std::mem::zeroed() };
                message.msg_hdr.msg_name = address.as_ptr().cast_mut().cast();
                message.msg_hdr.msg_namelen = 16;
                message.msg_hdr.msg_iov = &mut part;
                message.msg_hdr.msg_iovlen = 1;
                message
            })
            .collect();
        // SAFETY: three messages whose parts live until the call is over.
        let sent = unsafe { libc::sendmmsg(socket.as_raw_fd(), messages.as_mut_ptr(), 3, 0) };
        i32::from(sent != 3)
    });
    assert_eq!(outcome.end, End::Code(0));
    let sends: Vec<_> = outcome
        .lines()
        .into_iter()
        .filter(|line| line.starts_with("send"))
        .collect();
    assert_eq!(
        sends,
        [
            "send recorded kernel 127.0.0.1:7003",
            "send recorded kernel 127.0.0.1:7004"
        ]
    );
}

#[test]
fn all_of_this_holds_for_an_ordinary_user_too() {
    common::again_as_user("records");
}
