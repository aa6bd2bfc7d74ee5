//! Services of the kernel that no program behind a wall needs, and settings that would weaken it.

use super::privileged::unless;
use crate::report::{first, Args, Attack, Outcome, Trace};
use crate::sys;
use crate::sys::{c, Errno};

pub const ATTACKS: &[Attack] = &[
    ("bpf", bpf),
    ("perf", perf),
    ("keyring", keyring),
    ("userfault", userfault),
    ("new-listener", new_listener),
    ("capabilities", capabilities),
    ("process-options", process_options),
    ("personality", personality),
    ("segments", segments),
    ("secret-memory", secret_memory),
    ("mount-information", mount_information),
    ("huge-pages", huge_pages),
];

/// A map, a socket filter that returns 0, and what others have loaded.
fn bpf(_: &Args, trace: &mut Trace) -> Outcome {
    let map = [2u32, 4, 4, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let program: [u64; 2] = [0xb7, 0x95];
    let licence = c("MIT");
    let load: [u64; 16] = [
        1 | 2 << 32,
        program.as_ptr() as u64,
        licence.as_ptr() as u64,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
    ];
    let next = [0u32; 16];
    first([
        trace.must_fail("map", sys!(libc::SYS_bpf, 0, map.as_ptr(), 64)),
        trace.must_fail("program", sys!(libc::SYS_bpf, 5, load.as_ptr(), 72)),
        unless(
            trace,
            "next program",
            sys!(libc::SYS_bpf, 11, next.as_ptr(), 64),
            &[libc::ENOENT],
        ),
    ])
}

/// Counts our own instructions in user space: the least that can be asked for.
fn perf(_: &Args, trace: &mut Trace) -> Outcome {
    // type 1 (software), size 64, config 0; flags: disabled, exclude_kernel, exclude_hv.
    let mut attributes = [0u64; 16];
    attributes[0] = 1 | 64 << 32;
    attributes[5] = 1 | 1 << 5 | 1 << 6;
    trace.must_fail(
        "perf_event_open",
        sys!(libc::SYS_perf_event_open, attributes.as_ptr(), 0, -1, -1, 0),
    )
}

/// Keys of the session that started us: `name` is one that the suite put there. Keyrings are in no namespace of ours.
fn keyring(args: &Args, trace: &mut Trace) -> Outcome {
    const SESSION: i64 = -3;
    let (kind, name, own) = (c("user"), c(args.get("name")), c("glovebox-own"));
    let mut outcomes = Vec::new();
    for (word, ring) in [
        ("thread", -1i64),
        ("process", -2),
        ("session", SESSION),
        ("user", -4),
        ("user session", -5),
    ] {
        let found = sys!(libc::SYS_keyctl, 10, ring, kind.as_ptr(), name.as_ptr(), 0);
        if let Ok(key) = trace.call(format!("search {word}"), found) {
            let mut buffer = [0u8; 128];
            let read = trace.call(
                "read",
                sys!(libc::SYS_keyctl, 11, key, buffer.as_mut_ptr(), 128),
            );
            outcomes.push(crate::report::got(
                "found a key",
                &buffer[..read.unwrap_or(0) as usize],
            ));
        }
    }
    if let Ok(key) = trace.call(
        "request_key",
        sys!(libc::SYS_request_key, kind.as_ptr(), name.as_ptr(), 0, 0),
    ) {
        outcomes.push(Outcome::Effect(format!("was given key {key}")));
    }
    let added = sys!(
        libc::SYS_add_key,
        kind.as_ptr(),
        own.as_ptr(),
        own.as_ptr(),
        4,
        -2
    );
    outcomes.push(trace.must_fail("add_key", added));
    first(outcomes)
}

/// Page faults handled at leisure: the favourite tool for winning races in the kernel.
fn userfault(_: &Args, trace: &mut Trace) -> Outcome {
    const USER_MODE_ONLY: i64 = 1;
    first([
        trace.must_fail("userfaultfd", sys!(libc::SYS_userfaultfd, libc::O_CLOEXEC)),
        trace.must_fail(
            "userfaultfd of user mode",
            sys!(libc::SYS_userfaultfd, USER_MODE_ONLY),
        ),
        trace.must_fail(
            "open /dev/userfaultfd",
            sys::open("/dev/userfaultfd", libc::O_RDWR),
        ),
    ])
}

/// A filter of our own that takes calls away from the supervisor: the newest filter with a listener would be asked first.
fn new_listener(_: &Args, trace: &mut Trace) -> Outcome {
    const NEW_LISTENER: i64 = 8;
    let _ = sys!(libc::SYS_prctl, libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    // A filter that allows everything: that a listener is given at all is the effect. In a child, which keeps it.
    let made = sys::fork_with(|| {
        let allow = [0x0006u64 | 0x7fff_0000 << 32];
        let program = [1u64, allow.as_ptr() as u64];
        match sys!(libc::SYS_seccomp, 1, NEW_LISTENER, program.as_ptr()) {
            Ok(_) => 0,
            Err(errno) => errno.0,
        }
    })
    .and_then(sys::wait_for)
    .and_then(|ended| match ended {
        sys::Ended::Code(0) => Ok(0),
        sys::Ended::Code(errno) => Err(Errno(errno)),
        sys::Ended::Signal(..) => Err(Errno(libc::EPERM)),
    });
    trace.must_fail("seccomp NEW_LISTENER", made)
}

fn secret_memory(_: &Args, trace: &mut Trace) -> Outcome {
    trace.must_fail("memfd_secret", sys!(447, 0))
}

/// Mounts of any namespace whose number one knows, and their settings.
fn mount_information(_: &Args, trace: &mut Trace) -> Outcome {
    let mut list = [0u64; 64];
    // struct mnt_id_req: size 24, no descriptor, LSMT_ROOT, no last.
    let request = [24u64, u64::MAX, 0];
    first([
        trace.must_fail(
            "listmount",
            sys!(458, request.as_ptr(), list.as_mut_ptr(), 64, 0),
        ),
        trace.must_fail(
            "listns",
            sys!(470, request.as_ptr(), list.as_mut_ptr(), 64, 0),
        ),
    ])
}

/// Every capability, raised in every set.
fn capabilities(_: &Args, trace: &mut Trace) -> Outcome {
    let header = [0x2008_0522u32, 0];
    let mut outcomes = Vec::new();
    for number in 0..41u32 {
        let mut sets = [0u32; 6];
        let at = (number / 32) as usize * 3;
        sets[at] = 1 << (number % 32);
        sets[at + 1] = sets[at];
        outcomes.push(trace.must_fail(
            &format!("capset {number}"),
            sys!(libc::SYS_capset, header.as_ptr(), sets.as_ptr()),
        ));
    }
    for number in [0, 12, 21] {
        outcomes.push(trace.must_fail(
            "ambient",
            sys!(
                libc::SYS_prctl,
                libc::PR_CAP_AMBIENT,
                libc::PR_CAP_AMBIENT_RAISE,
                number,
                0,
                0
            ),
        ));
        let kept = sys!(libc::SYS_prctl, libc::PR_CAPBSET_READ, number, 0, 0, 0);
        if trace.call("bounding set", kept) == Ok(1) {
            outcomes.push(Outcome::Effect(format!(
                "capability {number} is in the bounding set"
            )));
        }
    }
    first(outcomes)
}

fn process_options(_: &Args, trace: &mut Trace) -> Outcome {
    const PR_SET_MM: i64 = 35;
    const PR_SET_IO_FLUSHER: i64 = 57;
    first([
        trace.must_fail(
            "no_new_privs off",
            sys!(libc::SYS_prctl, libc::PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0),
        ),
        trace.must_fail(
            "secure bits",
            sys!(libc::SYS_prctl, libc::PR_SET_SECUREBITS, 0x2f, 0, 0, 0),
        ),
        trace.must_fail(
            "PR_SET_MM exe",
            sys!(libc::SYS_prctl, PR_SET_MM, 13, -1, 0, 0),
        ),
        trace.must_fail(
            "io flusher",
            sys!(libc::SYS_prctl, PR_SET_IO_FLUSHER, 1, 0, 0, 0),
        ),
        trace.must_fail(
            "seccomp off",
            sys!(libc::SYS_prctl, libc::PR_SET_SECCOMP, 0, 0, 0, 0),
        ),
    ])
}

/// Personalities that turn protections off: readable is executable, the zero page mapped, another limit of 3 GiB.
fn personality(_: &Args, trace: &mut Trace) -> Outcome {
    const READ_IMPLIES_EXEC: i64 = 0x0040_0000;
    const MMAP_PAGE_ZERO: i64 = 0x0010_0000;
    const PER_SVR4: i64 = 0x0001 | 0x0400_0000;
    first(
        [
            ("READ_IMPLIES_EXEC", READ_IMPLIES_EXEC),
            ("MMAP_PAGE_ZERO", MMAP_PAGE_ZERO),
            ("SVR4", PER_SVR4),
        ]
        .map(|(word, value)| {
            let set = sys!(libc::SYS_personality, value);
            let outcome = trace.must_fail(word, set);
            let _ = sys!(libc::SYS_personality, 0);
            outcome
        }),
    )
}

#[cfg(target_arch = "x86_64")]
fn segments(_: &Args, trace: &mut Trace) -> Outcome {
    // struct user_desc: entry 0, base 0, limit 0xfffff, 32-bit segment in pages.
    let entry = [0u32, 0, 0xf_ffff, 0x51];
    trace.must_fail(
        "modify_ldt",
        sys!(libc::SYS_modify_ldt, 1, entry.as_ptr(), 16),
    )
}

#[cfg(not(target_arch = "x86_64"))]
fn segments(_: &Args, _: &mut Trace) -> Outcome {
    Outcome::NotTried("only x86 has segments".into())
}

/// Huge pages come from a pool of the host's that no memory limit counts. ENOMEM: the pool was asked, and is empty.
fn huge_pages(_: &Args, trace: &mut Trace) -> Outcome {
    const MFD_HUGETLB: i64 = 4;
    const SHM_HUGETLB: i64 = 0o4000;
    let (name, size) = (c("x"), 2i64 << 20);
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_HUGETLB;
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    let mapped = sys!(libc::SYS_mmap, 0, size, protection, flags, -1, 0);
    let key = libc::IPC_PRIVATE;
    let segment = sys!(
        libc::SYS_shmget,
        key,
        size,
        SHM_HUGETLB | i64::from(libc::IPC_CREAT) | 0o600
    );
    if let Ok(id) = segment {
        let _ = sys!(libc::SYS_shmctl, id, libc::IPC_RMID, 0);
    }
    first([
        unless(trace, "MAP_HUGETLB", mapped, &[libc::ENOMEM]),
        unless(trace, "SHM_HUGETLB", segment, &[libc::ENOMEM]),
        trace.must_fail(
            "MFD_HUGETLB",
            sys!(libc::SYS_memfd_create, name.as_ptr(), MFD_HUGETLB),
        ),
    ])
}
