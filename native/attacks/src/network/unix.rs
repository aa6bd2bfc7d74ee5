//! Unix sockets of the host: by path in a directory that is shared, and abstract.

use super::inet::{connect, socket};
use super::Address;
use crate::files::split;
use crate::report::{first, got, Args, Attack, Outcome, Trace};
use crate::sys;
use crate::sys::{c, Res};

pub const ATTACKS: &[Attack] = &[
    ("unix-stream", unix_stream),
    ("unix-seqpacket", unix_seqpacket),
    ("unix-datagram", unix_datagram),
    ("unix-spellings", unix_spellings),
    ("unix-long-path", unix_long_path),
    ("unix-descriptor", unix_descriptor),
    ("unix-take-descriptor", unix_take_descriptor),
    ("unix-bind", unix_bind),
    ("unix-socketpair-datagram", unix_socketpair_datagram),
];

fn try_connect(trace: &mut Trace, what: &str, kind: i32, path: &str) -> Outcome {
    let Ok(fd) = socket(trace, "socket", libc::AF_UNIX, kind, 0) else {
        return Outcome::Nothing;
    };
    match trace.call(what, connect(fd, &Address::unix(path))) {
        Ok(_) => {
            let _ = trace.call("write", sys::write_all(fd, b"!"));
            Outcome::Effect(format!("{what}: connected"))
        }
        Err(_) => Outcome::Nothing,
    }
}

fn unix_stream(args: &Args, trace: &mut Trace) -> Outcome {
    try_connect(trace, "connect", libc::SOCK_STREAM, args.get("socket"))
}

fn unix_seqpacket(args: &Args, trace: &mut Trace) -> Outcome {
    try_connect(trace, "connect", libc::SOCK_SEQPACKET, args.get("socket"))
}

/// Each way of sending that carries an address, and a connected socket.
fn unix_datagram(args: &Args, trace: &mut Trace) -> Outcome {
    let to = Address::unix(args.get("socket"));
    let connected = try_connect(trace, "connect", libc::SOCK_DGRAM, args.get("socket"));
    let mut outcomes = vec![connected];
    // SOCK_RAW on a Unix socket is a datagram socket under another name.
    for (word, kind) in [("datagram", libc::SOCK_DGRAM), ("raw", libc::SOCK_RAW)] {
        let Ok(fd) = socket(trace, word, libc::AF_UNIX, kind, 0) else {
            continue;
        };
        let byte = [b'!'];
        outcomes.push(trace.must_fail(
            "sendto",
            sys!(
                libc::SYS_sendto,
                fd,
                byte.as_ptr(),
                1,
                0,
                to.pointer(),
                to.length()
            ),
        ));
        outcomes.push(trace.must_fail("sendmsg", sendmsg(fd, &to)));
    }
    first(outcomes)
}

fn sendmsg(fd: i32, to: &Address) -> Res {
    let mut byte = [b'!'];
    let mut piece = libc::iovec {
        iov_base: byte.as_mut_ptr().cast(),
        iov_len: 1,
    };
    // SAFETY: all zeros is a valid empty msghdr.
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    header.msg_name = to.pointer() as *mut libc::c_void;
    header.msg_namelen = to.length() as u32;
    header.msg_iov = &mut piece;
    header.msg_iovlen = 1;
    sys!(libc::SYS_sendmsg, fd, &header as *const libc::msghdr, 0)
}

/// A pair of datagram sockets is connected, yet still sends to addresses.
fn unix_socketpair_datagram(args: &Args, trace: &mut Trace) -> Outcome {
    let to = Address::unix(args.get("socket"));
    let mut outcomes = Vec::new();
    for (word, kind) in [
        ("datagram pair", libc::SOCK_DGRAM),
        ("raw pair", libc::SOCK_RAW),
    ] {
        let mut pair = [0i32; 2];
        let made = sys!(
            libc::SYS_socketpair,
            libc::AF_UNIX,
            kind,
            0,
            pair.as_mut_ptr()
        );
        if trace.call(word, made).is_err() {
            continue;
        }
        let byte = [b'!'];
        outcomes.push(trace.must_fail(
            "sendto",
            sys!(
                libc::SYS_sendto,
                pair[0],
                byte.as_ptr(),
                1,
                0,
                to.pointer(),
                to.length()
            ),
        ));
        outcomes.push(trace.must_fail("sendmsg", sendmsg(pair[0], &to)));
        outcomes.push(trace.must_fail("connect", connect(pair[0], &to)));
    }
    first(outcomes)
}

/// The same socket under other names: relative, through links of our own, moved, linked, through /proc.
fn unix_spellings(args: &Args, trace: &mut Trace) -> Outcome {
    let path = args.get("socket");
    let (directory, name) = split(path);
    let stream = libc::SOCK_STREAM;
    let mut outcomes = Vec::new();
    let own_link = format!("/tmp/glovebox-link-{}", std::process::id());
    let (from, to) = (c(path), c(&own_link));
    if trace
        .call(
            "symlink in /tmp",
            sys!(crate::older::SYS_symlink, from.as_ptr(), to.as_ptr()),
        )
        .is_ok()
    {
        outcomes.push(try_connect(trace, "by link", stream, &own_link));
        let _ = sys!(crate::older::SYS_unlink, to.as_ptr());
    }
    let other = format!("{directory}/moved");
    let to = c(&other);
    if trace
        .call(
            "link",
            sys!(crate::older::SYS_link, from.as_ptr(), to.as_ptr()),
        )
        .is_ok()
    {
        outcomes.push(try_connect(trace, "by hard link", stream, &other));
        let _ = sys!(crate::older::SYS_unlink, to.as_ptr());
    }
    if trace
        .call(
            "rename",
            sys!(crate::older::SYS_rename, from.as_ptr(), to.as_ptr()),
        )
        .is_ok()
    {
        outcomes.push(try_connect(trace, "renamed", stream, &other));
        let _ = sys!(crate::older::SYS_rename, to.as_ptr(), from.as_ptr());
    }
    outcomes.push(try_connect(
        trace,
        "by /proc/self/root",
        stream,
        &format!("/proc/self/root{path}"),
    ));
    outcomes.push(try_connect(
        trace,
        "dotted",
        stream,
        &format!("/tmp/..{path}"),
    ));
    let at = c(directory);
    if trace
        .call("chdir", sys!(libc::SYS_chdir, at.as_ptr()))
        .is_ok()
    {
        outcomes.push(try_connect(trace, "relative", stream, name));
        outcomes.push(try_connect(
            trace,
            "relative dotted",
            stream,
            &format!("./{name}"),
        ));
        outcomes.push(try_connect(
            trace,
            "by /proc/self/cwd",
            stream,
            &format!("/proc/self/cwd/{name}"),
        ));
    }
    first(outcomes)
}

/// An address whose path fills all 108 bytes and so has no end, and one with bytes after its end.
fn unix_long_path(args: &Args, trace: &mut Trace) -> Outcome {
    let path = args.get("socket");
    let (directory, name) = split(path);
    let at = c(directory);
    if let Err(errno) = sys!(libc::SYS_chdir, at.as_ptr()) {
        return Outcome::NotTried(format!("chdir: {errno}"));
    }
    let mut full = "./".repeat((108 - name.len()) / 2);
    if (108 - name.len()) % 2 == 1 {
        full = format!(".{}", &full.replacen("./", "//", 1)[..]);
    }
    let full = format!("{full}{name}");
    let mut outcomes = vec![try_connect(trace, "108 bytes", libc::SOCK_STREAM, &full)];
    let mut trailing = Address::unix(name);
    trailing.bytes.extend(b"/tmp/own.sock\0");
    if let Ok(fd) = socket(trace, "socket", libc::AF_UNIX, libc::SOCK_STREAM, 0) {
        outcomes.push(trace.must_fail("bytes after the end", connect(fd, &trailing)));
    }
    first(outcomes)
}

/// Through a descriptor of the socket's file, and through one of its directory.
fn unix_descriptor(args: &Args, trace: &mut Trace) -> Outcome {
    let path = args.get("socket");
    let (directory, name) = split(path);
    let mut outcomes = Vec::new();
    if let Ok(fd) = trace.call("open O_PATH", sys::open(path, libc::O_PATH)) {
        outcomes.push(try_connect(
            trace,
            "by descriptor",
            libc::SOCK_STREAM,
            &format!("/proc/self/fd/{fd}"),
        ));
        outcomes.push(try_connect(
            trace,
            "by /dev/fd",
            libc::SOCK_STREAM,
            &format!("/dev/fd/{fd}"),
        ));
    }
    if let Ok(fd) = trace.call(
        "open directory",
        sys::open(directory, libc::O_PATH | libc::O_DIRECTORY),
    ) {
        outcomes.push(try_connect(
            trace,
            "by directory",
            libc::SOCK_STREAM,
            &format!("/proc/self/fd/{fd}/{name}"),
        ));
    }
    first(outcomes)
}

/// The witness sends an open secret over its stream socket to whoever connects.
fn unix_take_descriptor(args: &Args, trace: &mut Trace) -> Outcome {
    let Ok(fd) = socket(trace, "socket", libc::AF_UNIX, libc::SOCK_STREAM, 0) else {
        return Outcome::Nothing;
    };
    if trace
        .call("connect", connect(fd, &Address::unix(args.get("socket"))))
        .is_err()
    {
        return Outcome::Nothing;
    }
    let mut byte = [0u8; 1];
    let mut control = [0u64; 8];
    let mut piece = libc::iovec {
        iov_base: byte.as_mut_ptr().cast(),
        iov_len: 1,
    };
    // SAFETY: all zeros is a valid empty msghdr.
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    header.msg_iov = &mut piece;
    header.msg_iovlen = 1;
    header.msg_control = control.as_mut_ptr().cast();
    header.msg_controllen = 64;
    if trace
        .call(
            "recvmsg",
            sys!(libc::SYS_recvmsg, fd, &mut header as *mut libc::msghdr, 0),
        )
        .is_err()
    {
        return Outcome::Effect("connected".into());
    }
    // cmsghdr is a length, a level and a type: 16 bytes; then comes the descriptor.
    let taken = control[2] as u32 as i32;
    let mut secret = vec![0u8; 256];
    match trace.call(
        "pread",
        sys!(libc::SYS_pread64, taken, secret.as_mut_ptr(), 256, 0),
    ) {
        Ok(count) => got("read through it", &secret[..count as usize]),
        Err(_) => Outcome::Effect("took a descriptor".into()),
    }
}

/// A socket of ours in a directory that the host uses too: whoever connects to it there would talk to us.
fn unix_bind(args: &Args, trace: &mut Trace) -> Outcome {
    let path = format!("{}/ours.sock", args.get("ws"));
    let address = Address::unix(&path);
    let Ok(fd) = socket(trace, "socket", libc::AF_UNIX, libc::SOCK_STREAM, 0) else {
        return Outcome::Nothing;
    };
    let bound = sys!(libc::SYS_bind, fd, address.pointer(), address.length());
    let outcome = trace.must_fail("bind", bound);
    let word = c(&path);
    let _ = sys!(crate::older::SYS_unlink, word.as_ptr());
    let made = sys!(
        libc::SYS_mknodat,
        -100,
        word.as_ptr(),
        libc::S_IFSOCK | 0o600,
        0
    );
    let node = trace.must_fail("mknod socket", made);
    let _ = sys!(crate::older::SYS_unlink, word.as_ptr());
    first([outcome, node])
}
