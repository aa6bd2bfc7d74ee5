//! Memory of the kernel's that is held on behalf of a program: page tables, watches, mappings. `most` is in MiB.
//! (Not record locks: the kernel counts them nowhere since it reverted the accounting of `file_lock_cache`.)

use super::memory::grow;
use crate::report::{Args, Attack, Outcome, Trace};
use crate::sys;

pub const ATTACKS: &[Attack] = &[
    ("memory-page-tables", memory_page_tables),
    ("memory-watches", memory_watches),
    ("memory-mappings", memory_mappings),
];

/// One page table of 4 KiB for each 2 MiB of addresses that are only read: the page behind is the zero page.
fn memory_page_tables(args: &Args, trace: &mut Trace) -> Outcome {
    const REACH: i64 = 2 << 20;
    grow(args, trace, "MiB of page tables", || {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        let start = sys!(
            libc::SYS_mmap,
            0,
            REACH * 256,
            libc::PROT_READ,
            flags,
            -1,
            0
        )?;
        // Small pages: a large zero page would do with fewer tables.
        let _ = sys!(libc::SYS_madvise, start, REACH * 256, libc::MADV_NOHUGEPAGE);
        for part in 0..256 {
            // SAFETY: inside the mapping that was just made.
            unsafe { std::ptr::read_volatile((start + part * REACH) as *const u8) };
        }
        Ok(0)
    })
}

/// Each pair of an epoll and a watched descriptor is an object of about 160 bytes.
fn memory_watches(args: &Args, trace: &mut Trace) -> Outcome {
    let mut watched = Vec::new();
    for _ in 0..100 {
        match sys!(libc::SYS_eventfd2, 0, libc::O_CLOEXEC) {
            Ok(fd) => watched.push(fd),
            Err(errno) => return Outcome::NotTried(errno.to_string()),
        }
    }
    let mut more = Vec::new();
    grow(args, trace, "MiB of watches", || {
        for _ in 0..(1 << 20) / 160 / watched.len() + 1 {
            let epoll = sys!(libc::SYS_epoll_create1, libc::O_CLOEXEC)?;
            more.push(epoll);
            for fd in &watched {
                let event = libc::epoll_event { events: 1, u64: 0 };
                sys!(
                    libc::SYS_epoll_ctl,
                    epoll,
                    libc::EPOLL_CTL_ADD,
                    *fd,
                    &event as *const libc::epoll_event
                )?;
            }
        }
        Ok(0)
    })
}

/// Mappings that cannot be merged: an object of about 200 bytes each, 65,530 a process.
fn memory_mappings(args: &Args, trace: &mut Trace) -> Outcome {
    super::memory::spread(args, trace, ("MiB of mappings", 8), || {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        let count = (1 << 20) / 400;
        let start = sys!(
            libc::SYS_mmap,
            0,
            count * 8192,
            libc::PROT_NONE,
            flags,
            -1,
            0
        )?;
        for part in 0..count {
            sys!(
                libc::SYS_mprotect,
                start + part * 8192,
                4096,
                libc::PROT_READ
            )?;
        }
        Ok(0)
    })
}
