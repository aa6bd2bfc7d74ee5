//! Memory and disk beyond the limit, by every door: `most` is in MiB (or a number of files), above the
//! limit of the sandbox. Being killed on the way is what should happen.

use super::bombs::reached;
use crate::report::{Args, Attack, Outcome, Trace};
use crate::sys;
use crate::sys::{c, Res};

pub const ATTACKS: &[Attack] = &[
    ("memory-anonymous", memory_anonymous),
    ("memory-children", memory_children),
    ("memory-sockets-children", memory_sockets_children),
    ("memory-shared", memory_shared),
    ("memory-segments", memory_segments),
    ("memory-memfd", memory_memfd),
    ("memory-files", memory_files),
    ("memory-pipes", memory_pipes),
    ("memory-sockets", memory_sockets),
    ("memory-secret", memory_secret),
    ("memory-locked", memory_locked),
    ("disk-fill", disk_fill),
    ("disk-sparse", disk_sparse),
    ("inode-fill", inode_fill),
];

const MIB: i64 = 1 << 20;

/// Goes on by one MiB until `step` fails or `most` is reached. The pages stay until the process ends.
pub fn grow(args: &Args, trace: &mut Trace, what: &str, mut step: impl FnMut() -> Res) -> Outcome {
    let most = args.number("most");
    let mut made = 0;
    let mut refused = None;
    while made < most {
        if let Err(errno) = step() {
            refused = Some(errno);
            break;
        }
        made += 1;
    }
    hold(args, made, most);
    reached(trace, what, made, most, refused)
}

/// A limit that is kept by looking from time to time must end us soon after: having it for a moment is not
/// enough. Where there is no limit, in a control run, there is nothing to wait for (`hold=0`).
fn hold(args: &Args, made: i64, most: i64) {
    let whole = if args.has("hold") {
        args.number("hold")
    } else {
        500
    };
    if made >= most {
        let _ = sys!(crate::older::SYS_poll, 0, 0, whole);
    }
}

fn map_and_touch(flags: i32, fd: i64, offset: i64) -> Res {
    let address = sys!(
        libc::SYS_mmap,
        0,
        MIB,
        libc::PROT_READ | libc::PROT_WRITE,
        flags,
        fd,
        offset
    )?;
    for page in 0..256 {
        // SAFETY: inside the mapping of one MiB that was just made; a refusal to back it kills us by a signal.
        unsafe { std::ptr::write_volatile((address + page * 4096) as *mut u8, page as u8 | 1) };
    }
    Ok(address)
}

fn memory_anonymous(args: &Args, trace: &mut Trace) -> Outcome {
    grow(args, trace, "MiB anonymous", || {
        map_and_touch(libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1, 0)
    })
}

/// Spread over children, each below any limit per process.
fn memory_children(args: &Args, trace: &mut Trace) -> Outcome {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    spread(args, trace, ("MiB in children", 16), || {
        map_and_touch(flags, -1, 0)
    })
}

fn memory_sockets_children(args: &Args, trace: &mut Trace) -> Outcome {
    let block = vec![0x5au8; 64 * 1024];
    spread(args, trace, ("MiB in children's sockets", 16), || {
        park_in_sockets(&block)
    })
}

/// Children that take so many MiB each, by `step` of one, and keep them.
pub fn spread(
    args: &Args,
    trace: &mut Trace,
    (what, each): (&str, i64),
    step: impl Fn() -> Res,
) -> Outcome {
    let most = args.number("most");
    let mut children = Vec::new();
    let mut made = 0;
    let mut refused = None;
    while made < most && refused.is_none() {
        match filled_child(each, &step) {
            Ok(pid) => {
                children.push(pid);
                made += each;
            }
            Err(errno) => refused = Some(errno),
        }
    }
    hold(args, made, most);
    // Those that were killed meanwhile do not hold theirs any more.
    let left = children.iter().filter(|pid| is_alive(**pid)).count() as i64;
    let outcome = reached(trace, what, left * each, most, refused);
    for pid in children {
        let _ = sys!(libc::SYS_kill, pid, libc::SIGKILL);
        let _ = sys::wait_for(pid);
    }
    outcome
}

fn is_alive(pid: i32) -> bool {
    // WNOWAIT: a dead child stays to be waited for.
    let flags = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
    // SAFETY: all zeros is a valid siginfo_t, and the kernel fills it.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    let pointer = &mut info as *mut libc::siginfo_t;
    let asked = sys!(libc::SYS_waitid, libc::P_PID, pid, pointer, flags, 0);
    asked.is_ok() && info.si_signo == 0
}

fn filled_child(each: i64, step: &impl Fn() -> Res) -> Res<i32> {
    let (reader, writer) = crate::batch::pipe()?;
    let child = sys::fork_with(|| {
        let _ = sys!(libc::SYS_prctl, libc::PR_SET_PDEATHSIG, libc::SIGKILL);
        for _ in 0..each {
            if step().is_err() {
                return 1;
            }
        }
        let _ = sys::write_all(writer, b".");
        loop {
            let _ = sys!(crate::older::SYS_pause);
        }
    });
    sys::close(writer);
    let filled = child.and_then(|pid| Ok((pid, sys::read_some(reader, 1)?)));
    sys::close(reader);
    match filled {
        Ok((pid, bytes)) if bytes == b"." => Ok(pid),
        Ok((pid, _)) => {
            let _ = sys::wait_for(pid);
            Err(sys::Errno(libc::ENOMEM))
        }
        Err(errno) => Err(errno),
    }
}

fn memory_shared(args: &Args, trace: &mut Trace) -> Outcome {
    grow(args, trace, "MiB shared", || {
        map_and_touch(libc::MAP_SHARED | libc::MAP_ANONYMOUS, -1, 0)
    })
}

/// System V segments, removed at once so that a control run leaves none.
fn memory_segments(args: &Args, trace: &mut Trace) -> Outcome {
    grow(args, trace, "MiB of segments", || {
        let id = sys!(
            libc::SYS_shmget,
            libc::IPC_PRIVATE,
            MIB,
            libc::IPC_CREAT | 0o600
        )?;
        let address = sys!(libc::SYS_shmat, id, 0, 0);
        let removed = sys!(libc::SYS_shmctl, id, libc::IPC_RMID, 0);
        let address = address?;
        removed?;
        for page in 0..256 {
            // SAFETY: inside the segment of one MiB that was just attached.
            unsafe { std::ptr::write_volatile((address + page * 4096) as *mut u8, 1) };
        }
        Ok(0)
    })
}

fn memory_memfd(args: &Args, trace: &mut Trace) -> Outcome {
    let name = c("x");
    let fd = match trace.call(
        "memfd_create",
        sys!(libc::SYS_memfd_create, name.as_ptr(), 0),
    ) {
        Ok(fd) => fd as i32,
        Err(_) => return Outcome::Nothing,
    };
    let block = vec![0x5au8; MIB as usize];
    grow(args, trace, "MiB in a memfd", || whole(fd, &block))
}

fn whole(fd: i32, block: &[u8]) -> Res {
    let mut rest = block;
    while !rest.is_empty() {
        let count = sys::write_all(fd, rest)?;
        rest = &rest[count as usize..];
    }
    Ok(0)
}

fn new_file(args: &Args, name: &str) -> Res<i32> {
    let path = format!("{}/{name}", args.get("dir"));
    let fd = sys::open_mode(&path, libc::O_RDWR | libc::O_CREAT | libc::O_TRUNC, 0o600)?;
    // Without a name a control run leaves nothing behind.
    let word = c(&path);
    sys!(crate::older::SYS_unlink, word.as_ptr())?;
    Ok(fd)
}

/// Files in a private directory, whose pages are memory: below the limit of `disk`, above that of `memory`.
fn memory_files(args: &Args, trace: &mut Trace) -> Outcome {
    let fd = match trace.call("create", new_file(args, "glovebox-memory")) {
        Ok(fd) => fd,
        Err(errno) => return Outcome::NotTried(errno.to_string()),
    };
    let block = vec![0x5au8; MIB as usize];
    grow(args, trace, "MiB in files", || whole(fd, &block))
}

/// Pages parked in pipes.
fn memory_pipes(args: &Args, trace: &mut Trace) -> Outcome {
    let block = vec![0x5au8; MIB as usize];
    grow(args, trace, "MiB in pipes", || {
        let mut left = MIB;
        while left > 0 {
            let (_, writer) = crate::batch::pipe()?;
            // As large as the host lets one be; the default of 64 KiB otherwise.
            let size = sys!(libc::SYS_fcntl, writer, libc::F_SETPIPE_SZ, MIB)
                .or_else(|_| sys!(libc::SYS_fcntl, writer, libc::F_GETPIPE_SZ))?;
            left -= sys::write_all(writer, &block[..size.min(left) as usize])?;
        }
        Ok(0)
    })
}

/// Bytes parked in sockets that nobody reads.
fn memory_sockets(args: &Args, trace: &mut Trace) -> Outcome {
    let block = vec![0x5au8; 64 * 1024];
    grow(args, trace, "MiB in sockets", || park_in_sockets(&block))
}

/// One MiB in as many pairs as it takes.
fn park_in_sockets(block: &[u8]) -> Res {
    let mut left = MIB;
    while left > 0 {
        let mut pair = [0i32; 2];
        let kind = libc::SOCK_STREAM | libc::SOCK_NONBLOCK;
        sys!(
            libc::SYS_socketpair,
            libc::AF_UNIX,
            kind,
            0,
            pair.as_mut_ptr()
        )?;
        let before = left;
        for end in pair {
            while let Ok(count) = sys::write_all(end, block) {
                left -= count;
            }
        }
        if before == left {
            return Err(sys::Errno(libc::ENOBUFS));
        }
    }
    Ok(0)
}

/// memfd_secret: locked pages that even the kernel's own map does not have.
fn memory_secret(args: &Args, trace: &mut Trace) -> Outcome {
    const MEMFD_SECRET: i64 = 447;
    let fd = match trace.call("memfd_secret", sys!(MEMFD_SECRET, 0)) {
        Ok(fd) => fd,
        Err(_) => return Outcome::Nothing,
    };
    let most = args.number("most");
    let _ = sys!(libc::SYS_ftruncate, fd, most * MIB);
    let mut at = 0;
    grow(args, trace, "MiB secret", || {
        let mapped = map_and_touch(libc::MAP_SHARED, fd, at)?;
        at += MIB;
        Ok(mapped)
    })
}

/// Locked memory cannot be swapped out or reclaimed: the limit per process must hold it.
fn memory_locked(args: &Args, trace: &mut Trace) -> Outcome {
    grow(args, trace, "MiB locked", || {
        let address = sys!(
            libc::SYS_mmap,
            0,
            MIB,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0
        )?;
        sys!(libc::SYS_mlock, address, MIB)
    })
}

/// One file after another in every private directory in turn.
fn disk_fill(args: &Args, trace: &mut Trace) -> Outcome {
    let block = vec![0x5au8; MIB as usize];
    let directories: Vec<&str> = args.get("dirs").split(':').collect();
    let mut files = Vec::new();
    for directory in directories {
        let path = format!("{directory}/glovebox-disk");
        let Ok(fd) = sys::open_mode(&path, libc::O_RDWR | libc::O_CREAT | libc::O_TRUNC, 0o600)
        else {
            continue;
        };
        let word = c(&path);
        let _ = sys!(crate::older::SYS_unlink, word.as_ptr());
        files.push(fd);
    }
    if files.is_empty() {
        return Outcome::NotTried("no directory takes a file".into());
    }
    let mut turn = 0;
    let mut failed = 0;
    grow(args, trace, "MiB on disk", || loop {
        turn += 1;
        match whole(files[turn % files.len()], &block) {
            Ok(done) => return Ok(done),
            Err(errno) => {
                failed += 1;
                if failed > files.len() {
                    return Err(errno);
                }
            }
        }
    })
}

/// Space asked for at once: fallocate must be counted like written bytes.
fn disk_sparse(args: &Args, trace: &mut Trace) -> Outcome {
    let fd = match trace.call("create", new_file(args, "glovebox-sparse")) {
        Ok(fd) => fd,
        Err(errno) => return Outcome::NotTried(errno.to_string()),
    };
    let most = args.number("most");
    match trace.call("fallocate", sys!(libc::SYS_fallocate, fd, 0, 0, most * MIB)) {
        Ok(_) => Outcome::Effect(format!("{most} MiB were given")),
        Err(_) => Outcome::Nothing,
    }
}

/// Empty files cost no space, but an inode each. Removed at the end.
fn inode_fill(args: &Args, trace: &mut Trace) -> Outcome {
    let directory = format!("{}/glovebox-inodes", args.get("dir"));
    let word = c(&directory);
    if let Err(errno) = trace.call("mkdir", sys!(crate::older::SYS_mkdir, word.as_ptr(), 0o700)) {
        return Outcome::NotTried(errno.to_string());
    }
    let most = args.number("most");
    let mut made = 0;
    let mut refused = None;
    while made < most {
        match sys::open_mode(
            &format!("{directory}/{made}"),
            libc::O_CREAT | libc::O_WRONLY,
            0o600,
        ) {
            Ok(fd) => sys::close(fd),
            Err(errno) => {
                refused = Some(errno);
                break;
            }
        }
        made += 1;
    }
    let outcome = reached(trace, "inodes", made, most, refused);
    for number in 0..made {
        let name = c(&format!("{directory}/{number}"));
        let _ = sys!(crate::older::SYS_unlink, name.as_ptr());
    }
    let _ = sys!(crate::older::SYS_rmdir, word.as_ptr());
    outcome
}
