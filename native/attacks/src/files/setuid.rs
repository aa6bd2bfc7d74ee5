//! Programs that run as somebody else: used, and planted for somebody outside to run.

use crate::report::{first, Args, Attack, Outcome, Trace};
use crate::sys;
use crate::sys::{c, close, Ended};

pub const ATTACKS: &[Attack] = &[
    ("setuid-run", setuid_run),
    ("setuid-plant", setuid_plant),
    ("become-root", become_root),
    ("chown-away", chown_away),
    ("capability-plant", capability_plant),
];

/// Code of `mark` when the effective user is not the real one.
pub const RAISED: i32 = 43;

/// Runs a setuid program of the suite's (`target`).
fn setuid_run(args: &Args, trace: &mut Trace) -> Outcome {
    match trace.call(
        "execve",
        sys::run_program(args.get("target"), &["x", "mark"]),
    ) {
        Ok(Ended::Code(RAISED)) => Outcome::Effect("it ran as another user".into()),
        _ => Outcome::Nothing,
    }
}

/// `struct open_how` of openat2(2).
#[repr(C)]
struct OpenHow {
    flags: u64,
    mode: u64,
    resolve: u64,
}

/// Leaves a set-id file or directory in the workspace, in every way that sets a mode. Somebody outside who
/// may run it would run our code as the workspace's owner. The suite looks at the modes from outside too.
fn setuid_plant(args: &Args, trace: &mut Trace) -> Outcome {
    let ws = args.get("ws");
    let mut planted = Vec::new();
    // The inherited umask would clear nothing of 06000, but may hide a wrong reading of the mode.
    let _ = sys!(libc::SYS_umask, 0);
    let name = |way: &str| format!("{ws}/suid-{way}");
    // A mode has 16 bits: the kernel does not look at the one above, and a filter must not be misled by it.
    for bits in [0o4755u32, 0o2755, 0o6777, 0o4755 | 1 << 20] {
        for way in [
            "open",
            "openat",
            "creat",
            "openat2",
            "mknod",
            "mknodat",
            "mkdir",
            "chmod",
            "fchmod",
            "fchmodat",
            "fchmodat2",
            "tmpfile",
        ] {
            let path = name(&format!("{way}-{bits:o}"));
            let word = c(&path);
            let create = libc::O_CREAT | libc::O_WRONLY;
            let result = match way {
                "open" => sys!(crate::older::SYS_open, word.as_ptr(), create, bits),
                "openat" => sys!(libc::SYS_openat, -100, word.as_ptr(), create, bits),
                "creat" => sys!(crate::older::SYS_creat, word.as_ptr(), bits),
                "openat2" => {
                    let how = OpenHow {
                        flags: create as u64,
                        mode: u64::from(bits),
                        resolve: 0,
                    };
                    sys!(
                        libc::SYS_openat2,
                        -100,
                        word.as_ptr(),
                        &how as *const OpenHow,
                        24
                    )
                }
                "mknod" => sys!(
                    crate::older::SYS_mknod,
                    word.as_ptr(),
                    libc::S_IFREG | bits,
                    0
                ),
                "mknodat" => sys!(
                    libc::SYS_mknodat,
                    -100,
                    word.as_ptr(),
                    libc::S_IFREG | bits,
                    0
                ),
                "mkdir" => sys!(crate::older::SYS_mkdir, word.as_ptr(), bits),
                "tmpfile" => {
                    let at = c(ws);
                    let fd = sys!(
                        libc::SYS_openat,
                        -100,
                        at.as_ptr(),
                        libc::O_TMPFILE | libc::O_WRONLY,
                        bits
                    );
                    fd.and_then(|fd| {
                        let magic = c(&format!("/proc/self/fd/{fd}"));
                        sys!(
                            libc::SYS_linkat,
                            -100,
                            magic.as_ptr(),
                            -100,
                            word.as_ptr(),
                            libc::AT_SYMLINK_FOLLOW
                        )
                    })
                }
                _ => sys::make_file(&path, b"x", 0o755).and_then(|_| match way {
                    "chmod" => sys!(crate::older::SYS_chmod, word.as_ptr(), bits),
                    "fchmodat" => sys!(libc::SYS_fchmodat, -100, word.as_ptr(), bits),
                    "fchmodat2" => sys!(452, -100, word.as_ptr(), bits, 0),
                    _ => {
                        let fd = sys::open(&path, libc::O_RDONLY)?;
                        let set = sys!(libc::SYS_fchmod, fd, bits);
                        close(fd);
                        set
                    }
                }),
            };
            let _ = trace.call(format!("{way} {bits:o}"), result);
            if let Ok(about) = std::fs::symlink_metadata(&path) {
                use std::os::unix::fs::MetadataExt;
                // A set-group directory gives a group away and no rights: only files count.
                if about.mode() & 0o6000 != 0 && about.is_file() {
                    planted.push(format!("{way} {bits:o}"));
                }
            }
            if !args.has("keep") {
                let _ = sys!(crate::older::SYS_unlink, word.as_ptr());
                let _ = sys!(crate::older::SYS_rmdir, word.as_ptr());
            }
        }
    }
    if planted.is_empty() {
        Outcome::Nothing
    } else {
        Outcome::Effect(format!("planted by {}", planted.join(", ")))
    }
}

fn become_root(_: &Args, trace: &mut Trace) -> Outcome {
    let zero = [0u32; 1];
    let outcome = first([
        trace.must_fail("setuid 0", sys!(libc::SYS_setuid, 0)),
        trace.must_fail("setgid 0", sys!(libc::SYS_setgid, 0)),
        trace.must_fail("setresuid 0", sys!(libc::SYS_setresuid, 0, 0, 0)),
        trace.must_fail("setresgid 0", sys!(libc::SYS_setresgid, 0, 0, 0)),
        trace.must_fail("setgroups 0", sys!(libc::SYS_setgroups, 1, zero.as_ptr())),
    ]);
    // setfsuid answers with the old value, not with an error: asked twice, it tells whether it was set.
    let _ = sys!(libc::SYS_setfsuid, 0);
    match trace.call("setfsuid 0", sys!(libc::SYS_setfsuid, -1)) {
        Ok(0) => Outcome::Effect("the file system user is 0".into()),
        _ => outcome,
    }
}

/// Gives a file of ours to somebody else: root, the overflow user, neighbours of our own number.
fn chown_away(args: &Args, trace: &mut Trace) -> Outcome {
    let path = format!("{}/given", args.get("ws"));
    if let Err(errno) = sys::make_file(&path, b"x", 0o600) {
        return Outcome::NotTried(format!("own file: {errno}"));
    }
    let word = c(&path);
    let own = sys!(libc::SYS_getuid).unwrap_or(0);
    let outcome = first([0, 1, own + 1, 65534, 1 << 30].map(|uid| {
        trace.must_fail(
            &format!("chown {uid}"),
            sys!(crate::older::SYS_chown, word.as_ptr(), uid, uid),
        )
    }));
    let _ = sys!(crate::older::SYS_unlink, word.as_ptr());
    outcome
}

/// Leaves a file in the workspace that would give whoever runs it outside a capability.
fn capability_plant(args: &Args, trace: &mut Trace) -> Outcome {
    let path = format!("{}/capable", args.get("ws"));
    if let Err(errno) = sys::make_file(&path, b"x", 0o755) {
        return Outcome::NotTried(format!("own file: {errno}"));
    }
    let (word, name) = (c(&path), c("security.capability"));
    // struct vfs_ns_cap_data: revision 3 with the effective bit, CAP_SYS_ADMIN permitted, root of this namespace;
    // and revision 2, which has no root.
    let three = [0x0300_0001u32, 1 << 21, 0, 0, 0, 0];
    let two = [0x0200_0001u32, 1 << 21, 0, 0, 0];
    let set = |data: *const u32, length: usize| {
        sys!(
            libc::SYS_setxattr,
            word.as_ptr(),
            name.as_ptr(),
            data,
            length,
            0
        )
    };
    let outcome = first([
        trace.must_fail("revision 3", set(three.as_ptr(), 24)),
        trace.must_fail("revision 2", set(two.as_ptr(), 20)),
    ]);
    let _ = sys!(crate::older::SYS_unlink, word.as_ptr());
    outcome
}
