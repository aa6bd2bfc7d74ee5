//! A path that policy denies inside a directory that it gives. `target` is the denied path, `ws` the directory.

use super::links::{split, try_read};
use crate::report::{first, Args, Attack, Outcome, Trace};
use crate::sys;
use crate::sys::{c, close, Res};

pub const ATTACKS: &[Attack] = &[
    ("deny-spellings", deny_spellings),
    ("deny-descriptors", deny_descriptors),
    ("deny-links", deny_links),
    ("deny-rename", deny_rename),
    ("deny-uncover", deny_uncover),
    ("deny-replaced", deny_replaced),
];

fn deny_spellings(args: &Args, trace: &mut Trace) -> Outcome {
    let target = args.get("target");
    let (directory, name) = split(target);
    first(
        [
            target.to_owned(),
            format!("{directory}/./{name}"),
            format!("{directory}//{name}"),
            format!("{directory}/../{}/{name}", split(directory).1),
            format!("{directory}/{}", name.to_uppercase()),
            format!("/proc/self/root{target}"),
            format!("{target}/."),
            format!("{target}/"),
            format!("/dev/../{target}"),
        ]
        .map(|path| try_read(trace, "read", &path)),
    )
}

fn deny_descriptors(args: &Args, trace: &mut Trace) -> Outcome {
    let target = args.get("target");
    let (directory, name) = split(target);
    let mut outcomes = Vec::new();
    if let Ok(parent) = trace.call(
        "open parent",
        sys::open(directory, libc::O_PATH | libc::O_DIRECTORY),
    ) {
        outcomes.push(read(
            trace,
            "openat",
            sys::openat(parent, name, libc::O_RDONLY, 0),
        ));
        outcomes.push(try_read(
            trace,
            "read",
            &format!("/proc/self/fd/{parent}/{name}"),
        ));
        let _ = sys!(libc::SYS_fchdir, parent);
        outcomes.push(try_read(trace, "read", name));
        outcomes.push(try_read(trace, "read", &format!("/proc/self/cwd/{name}")));
        close(parent);
    }
    if let Ok(fd) = trace.call("open O_PATH", sys::open(target, libc::O_PATH)) {
        outcomes.push(try_read(trace, "reopen", &format!("/proc/self/fd/{fd}")));
    }
    first(outcomes)
}

fn read(trace: &mut Trace, what: &str, opened: Res<i32>) -> Outcome {
    match trace
        .call(what, opened)
        .and_then(|fd| sys::read_some(fd, 4096))
    {
        Ok(bytes) if !bytes.is_empty() => crate::report::got("read", &bytes),
        _ => Outcome::Nothing,
    }
}

fn deny_links(args: &Args, trace: &mut Trace) -> Outcome {
    let (target, ws) = (args.get("target"), args.get("ws"));
    let mut outcomes = Vec::new();
    for (word, number) in [
        ("symlink", crate::older::SYS_symlink),
        ("link", crate::older::SYS_link),
    ] {
        let name = format!("{ws}/deny-{word}");
        let (from, to) = (c(target), c(&name));
        let _ = trace.call(word, sys!(number, from.as_ptr(), to.as_ptr()));
        outcomes.push(try_read(trace, "read", &name));
        let _ = sys!(crate::older::SYS_unlink, to.as_ptr());
    }
    first(outcomes)
}

/// Moves the denied object, and the directory around it, and looks again. What moved is moved back.
fn deny_rename(args: &Args, trace: &mut Trace) -> Outcome {
    let target = args.get("target");
    let (directory, name) = split(target);
    let moved = format!("{target}-moved");
    let (a, b) = (c(target), c(&moved));
    let mut outcomes = Vec::new();
    if trace
        .call(
            "rename",
            sys!(crate::older::SYS_rename, a.as_ptr(), b.as_ptr()),
        )
        .is_ok()
    {
        outcomes.push(try_read(trace, "read", &moved));
        let _ = sys!(crate::older::SYS_rename, b.as_ptr(), a.as_ptr());
    }
    let other = format!("{directory}-moved");
    let (a, b) = (c(directory), c(&other));
    if trace
        .call(
            "rename the directory",
            sys!(crate::older::SYS_rename, a.as_ptr(), b.as_ptr()),
        )
        .is_ok()
    {
        outcomes.push(try_read(trace, "read", &format!("{other}/{name}")));
        // A new directory of the old name must not bring it back either.
        let _ = sys!(crate::older::SYS_mkdir, a.as_ptr(), 0o700);
        outcomes.push(try_read(trace, "read", target));
        let _ = sys!(crate::older::SYS_rmdir, a.as_ptr());
        let _ = sys!(crate::older::SYS_rename, b.as_ptr(), a.as_ptr());
    }
    first(outcomes)
}

/// Removes the cover itself.
fn deny_uncover(args: &Args, trace: &mut Trace) -> Outcome {
    let target = args.get("target");
    let path = c(target);
    let own = format!("{}/cover", args.get("ws"));
    let made = sys::make_file(&own, b"cover", 0o600);
    let over = c(&own);
    let outcomes = [
        trace.must_fail(
            "umount",
            sys!(libc::SYS_umount2, path.as_ptr(), libc::MNT_DETACH),
        ),
        trace.must_fail("chmod", sys!(crate::older::SYS_chmod, path.as_ptr(), 0o777)),
        trace.must_fail("unlink", sys!(crate::older::SYS_unlink, path.as_ptr())),
        trace.must_fail("rmdir", sys!(crate::older::SYS_rmdir, path.as_ptr())),
        match made {
            Ok(_) => trace.must_fail(
                "rename over",
                sys!(crate::older::SYS_rename, over.as_ptr(), path.as_ptr()),
            ),
            Err(errno) => Outcome::NotTried(errno.to_string()),
        },
        try_read(trace, "read", target),
    ];
    let _ = sys!(crate::older::SYS_unlink, over.as_ptr());
    first(outcomes)
}

/// Reads the denied file again and again while somebody outside replaces it, as an editor does that saves by
/// renaming: the mask goes with what it covered. The suite replaces it when it sees `ws`/ready.
fn deny_replaced(args: &Args, trace: &mut Trace) -> Outcome {
    let target = args.get("target");
    if let Err(errno) = sys::make_file(&format!("{}/ready", args.get("ws")), b"", 0o600) {
        return Outcome::NotTried(format!("ready: {errno}"));
    }
    let deadline = sys::monotonic_ms() + 5000;
    while sys::monotonic_ms() < deadline {
        match sys::read_file(target) {
            Ok(bytes) if !bytes.is_empty() => {
                let _ = trace.call("read", Ok(()));
                return crate::report::got("read", &bytes);
            }
            _ => std::thread::yield_now(),
        }
    }
    Outcome::NotTried("nobody replaced the file".into())
}
