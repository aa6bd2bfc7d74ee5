//! Names that lead out of the workspace. `target` is a file outside, `ws` a directory that may be written.

use crate::report::{first, got, Args, Attack, Outcome, Trace};
use crate::sys;
use crate::sys::{c, close, Res};

pub const ATTACKS: &[Attack] = &[
    ("read-path", read_path),
    ("write-path", write_path),
    ("list-path", list_path),
    ("symlink-out", symlink_out),
    ("symlink-directory", symlink_directory),
    ("hard-link-out", hard_link_out),
    ("rename-in", rename_in),
    ("rename-exchange", rename_exchange),
    ("dot-dot", dot_dot),
    ("deep-dot-dot", deep_dot_dot),
    ("overlong-path", overlong_path),
    ("moved-directory", moved_directory),
];

/// Reads a path and says what it got.
pub fn try_read(trace: &mut Trace, what: &str, path: &str) -> Outcome {
    match trace.call(format!("{what} {path}"), sys::read_file(path)) {
        Ok(bytes) if !bytes.is_empty() => got("read", &bytes),
        _ => Outcome::Nothing,
    }
}

fn read_path(args: &Args, trace: &mut Trace) -> Outcome {
    try_read(trace, "read", args.get("target"))
}

/// Appends one byte to a victim file of the suite's own.
fn write_path(args: &Args, trace: &mut Trace) -> Outcome {
    match trace.call(
        "open for writing",
        sys::open(args.get("target"), libc::O_WRONLY | libc::O_APPEND),
    ) {
        Ok(fd) => match trace.call("write", sys::write_all(fd, b"!")) {
            Ok(_) => Outcome::Effect("wrote".into()),
            Err(_) => Outcome::Effect("opened for writing".into()),
        },
        Err(_) => Outcome::Nothing,
    }
}

fn list_path(args: &Args, trace: &mut Trace) -> Outcome {
    let fd = match trace.call(
        "open directory",
        sys::open(args.get("target"), libc::O_RDONLY | libc::O_DIRECTORY),
    ) {
        Ok(fd) => fd,
        Err(_) => return Outcome::Nothing,
    };
    let mut buffer = vec![0u8; 4096];
    match trace.call(
        "getdents64",
        sys!(libc::SYS_getdents64, fd, buffer.as_mut_ptr(), buffer.len()),
    ) {
        Ok(count) if count > 0 => got("listed", &buffer[..count as usize]),
        _ => Outcome::Nothing,
    }
}

fn through_link(args: &Args, trace: &mut Trace, goal: &str, tail: &str) -> Outcome {
    let link = format!("{}/link-{}", args.get("ws"), std::process::id());
    let (from, to) = (c(goal), c(&link));
    if let Err(errno) = trace.call(
        "symlink",
        sys!(crate::older::SYS_symlink, from.as_ptr(), to.as_ptr()),
    ) {
        return Outcome::NotTried(format!("symlink: {errno}"));
    }
    let path = format!("{link}{tail}");
    let read = try_read(trace, "read", &path);
    let write = match trace.call(
        "open for writing",
        sys::open(&path, libc::O_WRONLY | libc::O_APPEND),
    ) {
        Ok(_) => Outcome::Effect("opened for writing".into()),
        Err(_) => Outcome::Nothing,
    };
    // Leaves the workspace as it was; what counts has been seen.
    let _ = sys!(crate::older::SYS_unlink, to.as_ptr());
    first([read, write])
}

fn symlink_out(args: &Args, trace: &mut Trace) -> Outcome {
    let target = args.get("target").to_owned();
    first([
        through_link(args, trace, &target, ""),
        through_link(args, trace, &format!("/proc/self/root{target}"), ""),
        through_link(args, trace, &format!("/proc/1/root{target}"), ""),
    ])
}

fn symlink_directory(args: &Args, trace: &mut Trace) -> Outcome {
    let (directory, name) = split(args.get("target"));
    first([
        through_link(args, trace, directory, &format!("/{name}")),
        through_link(args, trace, "..", &format!("/{name}")),
    ])
}

fn hard_link_out(args: &Args, trace: &mut Trace) -> Outcome {
    let target = args.get("target");
    let link = format!("{}/hard", args.get("ws"));
    let (from, to, empty) = (c(target), c(&link), c(""));
    let plain = trace.call(
        "link",
        sys!(crate::older::SYS_link, from.as_ptr(), to.as_ptr()),
    );
    let by_fd = trace
        .call("open O_PATH", sys::open(target, libc::O_PATH))
        .and_then(|fd| {
            let own = c(&format!("/proc/self/fd/{fd}"));
            let follow = libc::AT_SYMLINK_FOLLOW;
            let magic = trace.call(
                "linkat /proc/self/fd",
                sys!(
                    libc::SYS_linkat,
                    -100,
                    own.as_ptr(),
                    -100,
                    to.as_ptr(),
                    follow
                ),
            );
            let flag = libc::AT_EMPTY_PATH;
            magic.or_else(|_| {
                trace.call(
                    "linkat",
                    sys!(
                        libc::SYS_linkat,
                        fd,
                        empty.as_ptr(),
                        -100,
                        to.as_ptr(),
                        flag
                    ),
                )
            })
        });
    if plain.is_err() && by_fd.is_err() {
        return Outcome::Nothing;
    }
    let read = sys::read_file(&link);
    let _ = sys!(crate::older::SYS_unlink, to.as_ptr());
    got("linked", &read.unwrap_or_default())
}

/// Takes the file in and puts it back.
fn rename_in(args: &Args, trace: &mut Trace) -> Outcome {
    let (from, to) = (
        c(args.get("target")),
        c(&format!("{}/taken", args.get("ws"))),
    );
    match trace.call(
        "rename",
        sys!(crate::older::SYS_rename, from.as_ptr(), to.as_ptr()),
    ) {
        Ok(_) => match trace.call(
            "rename back",
            sys!(crate::older::SYS_rename, to.as_ptr(), from.as_ptr()),
        ) {
            Ok(_) => Outcome::Effect("renamed in and back".into()),
            Err(errno) => Outcome::Effect(format!("renamed in, and not back: {errno}")),
        },
        Err(_) => Outcome::Nothing,
    }
}

/// Exchanges the file with one of ours, twice.
fn rename_exchange(args: &Args, trace: &mut Trace) -> Outcome {
    let own = format!("{}/own", args.get("ws"));
    if let Err(errno) = sys::make_file(&own, b"mine", 0o600) {
        return Outcome::NotTried(format!("no file of our own: {errno}"));
    }
    let (a, b) = (c(args.get("target")), c(&own));
    let swap = || {
        sys!(
            libc::SYS_renameat2,
            -100,
            a.as_ptr(),
            -100,
            b.as_ptr(),
            libc::RENAME_EXCHANGE
        )
    };
    let outcome = match trace.call("renameat2 EXCHANGE", swap()) {
        Ok(_) => match trace.call("back", swap()) {
            Ok(_) => Outcome::Effect("exchanged, and back".into()),
            Err(errno) => Outcome::Effect(format!("exchanged, and not back: {errno}")),
        },
        Err(_) => Outcome::Nothing,
    };
    let _ = sys!(crate::older::SYS_unlink, b.as_ptr());
    outcome
}

fn dot_dot(args: &Args, trace: &mut Trace) -> Outcome {
    let (ws, target) = (args.get("ws"), args.get("target"));
    let up = "/..".repeat(40);
    let (_, name) = split(target);
    let by_path = try_read(trace, "read", &format!("{ws}{up}{target}"));
    let beside = try_read(trace, "read", &format!("{ws}/../{name}"));
    let by_fd = match sys::open(ws, libc::O_PATH | libc::O_DIRECTORY) {
        Ok(fd) => {
            let opened = trace.call(
                "openat ..",
                sys::openat(fd, &format!("../{name}"), libc::O_RDONLY, 0),
            );
            read_opened(opened)
        }
        Err(errno) => Outcome::NotTried(format!("workspace: {errno}")),
    };
    first([by_path, beside, by_fd])
}

fn read_opened(opened: Res<i32>) -> Outcome {
    match opened.and_then(|fd| sys::read_some(fd, 4096)) {
        Ok(bytes) => got("read", &bytes),
        Err(_) => Outcome::Nothing,
    }
}

/// Climbs from a directory that lies deeper than PATH_MAX.
fn deep_dot_dot(args: &Args, trace: &mut Trace) -> Outcome {
    let name = c(&"d".repeat(200));
    let ws = c(args.get("ws"));
    if let Err(errno) = sys!(libc::SYS_chdir, ws.as_ptr()) {
        return Outcome::NotTried(format!("workspace: {errno}"));
    }
    for _ in 0..30 {
        let made = sys!(crate::older::SYS_mkdir, name.as_ptr(), 0o700)
            .and_then(|_| sys!(libc::SYS_chdir, name.as_ptr()));
        if let Err(errno) = trace.call("mkdir, chdir", made) {
            return Outcome::NotTried(format!("depth: {errno}"));
        }
    }
    let mut outcome = Outcome::Nothing;
    for height in [20usize, 30, 31, 32, 60, 300] {
        let path = format!("{}{}", "../".repeat(height), &args.get("target")[1..]);
        let beside = format!("{}{}", "../".repeat(height), split(args.get("target")).1);
        outcome = first([
            outcome,
            try_read(trace, "read", &path),
            try_read(trace, "read", &beside),
        ]);
    }
    // Nobody else could remove what is deeper than a path can say.
    let up = c("..");
    for _ in 0..30 {
        let left = sys!(libc::SYS_chdir, up.as_ptr());
        let gone = left.and_then(|_| sys!(crate::older::SYS_rmdir, name.as_ptr()));
        if let Err(errno) = gone {
            return Outcome::NotTried(format!("cleaning up: {errno}"));
        }
    }
    outcome
}

/// Longer than PATH_MAX in one word, and in pieces through descriptors.
fn overlong_path(args: &Args, trace: &mut Trace) -> Outcome {
    let target = args.get("target");
    let long = format!("{}{target}", "/proc/self/root".repeat(400));
    let dotted = format!("{}{target}", "/.".repeat(2044));
    let mut outcome = first([
        try_read(trace, "overlong", &long),
        try_read(trace, "dotted", &dotted),
    ]);
    let mut directory = match sys::open("/", libc::O_PATH | libc::O_DIRECTORY) {
        Ok(fd) => fd,
        Err(errno) => return Outcome::NotTried(format!("/: {errno}")),
    };
    for _ in 0..3 {
        let piece = "../".repeat(1300);
        match trace.call(
            "openat ../ x 1300",
            sys::openat(directory, &piece, libc::O_PATH | libc::O_DIRECTORY, 0),
        ) {
            Ok(fd) => {
                close(directory);
                directory = fd;
            }
            Err(_) => break,
        }
    }
    let opened = trace.call(
        "openat",
        sys::openat(directory, &target[1..], libc::O_RDONLY, 0),
    );
    outcome = first([outcome, read_opened(opened)]);
    outcome
}

/// Sits in a directory of the workspace while somebody outside moves that directory out, then climbs.
/// The suite moves `sub` beside the workspace when it sees the file `sub/ready`.
fn moved_directory(args: &Args, trace: &mut Trace) -> Outcome {
    let sub = format!("{}/sub", args.get("ws"));
    let path = c(&sub);
    let entered = sys!(crate::older::SYS_mkdir, path.as_ptr(), 0o700)
        .and_then(|_| sys!(libc::SYS_chdir, path.as_ptr()));
    if let Err(errno) = entered {
        return Outcome::NotTried(format!("sub: {errno}"));
    }
    let here = match sys::open(".", libc::O_PATH | libc::O_DIRECTORY) {
        Ok(fd) => fd,
        Err(errno) => return Outcome::NotTried(format!("open .: {errno}")),
    };
    if let Err(errno) = sys::make_file("ready", b"", 0o600) {
        return Outcome::NotTried(format!("ready: {errno}"));
    }
    let deadline = sys::monotonic_ms() + 5000;
    while sys::open(&sub, libc::O_PATH).map(close).is_ok() {
        if sys::monotonic_ms() > deadline {
            return Outcome::NotTried("nobody moved the directory".into());
        }
        std::thread::yield_now();
    }
    let (_, name) = split(args.get("target"));
    let mut outcome = Outcome::Nothing;
    for height in 1..4 {
        let beside = format!("{}{name}", "../".repeat(height));
        let whole = format!("{}{}", "../".repeat(height + 10), &args.get("target")[1..]);
        outcome = first([
            outcome,
            try_read(trace, "read", &beside),
            read_opened(trace.call("openat", sys::openat(here, &beside, libc::O_RDONLY, 0))),
            try_read(trace, "read", &whole),
        ]);
    }
    outcome
}

/// Directory and name of an absolute path.
pub fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}
