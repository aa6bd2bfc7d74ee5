//! Shared objects of the host: System V and POSIX memory, queues, semaphores.

use crate::report::{first, got, Args, Attack, Outcome, Trace};
use crate::sys;
use crate::sys::c;

pub const ATTACKS: &[Attack] = &[
    ("shared-memory", shared_memory),
    ("message-queue", message_queue),
    ("semaphore", semaphore),
    ("posix-queue", posix_queue),
];

fn shared_memory(args: &Args, trace: &mut Trace) -> Outcome {
    let found = sys!(libc::SYS_shmget, args.number("key"), 0, 0);
    let Ok(id) = trace.call("shmget", found) else {
        let by_id = sys!(libc::SYS_shmat, args.number("id"), 0, libc::SHM_RDONLY);
        return trace.must_fail("shmat by number", by_id);
    };
    match trace.call("shmat", sys!(libc::SYS_shmat, id, 0, libc::SHM_RDONLY)) {
        // SAFETY: the segment is attached and is at least 64 bytes long.
        Ok(address) => got("read", unsafe {
            std::slice::from_raw_parts(address as *const u8, 64)
        }),
        Err(_) => Outcome::Effect("found the segment".into()),
    }
}

fn message_queue(args: &Args, trace: &mut Trace) -> Outcome {
    trace.must_fail("msgget", sys!(libc::SYS_msgget, args.number("key"), 0))
}

fn semaphore(args: &Args, trace: &mut Trace) -> Outcome {
    trace.must_fail("semget", sys!(libc::SYS_semget, args.number("key"), 0, 0))
}

fn posix_queue(args: &Args, trace: &mut Trace) -> Outcome {
    let name = c(args.get("name"));
    let opened = trace.must_fail(
        "mq_open",
        sys!(libc::SYS_mq_open, name.as_ptr(), libc::O_RDWR, 0, 0),
    );
    let path = format!("/dev/shm/{}", args.get("name"));
    first([
        opened,
        trace.must_fail("open /dev/shm", sys::open(&path, libc::O_RDWR)),
    ])
}
