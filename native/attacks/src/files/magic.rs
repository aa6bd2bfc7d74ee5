//! Ways through /proc: links that the kernel follows by object and not by name.

use super::links::{split, try_read};
use crate::report::{first, got, Args, Attack, Outcome, Trace};
use crate::sys;
use crate::sys::c;

pub const ATTACKS: &[Attack] = &[
    ("proc-roots", proc_roots),
    ("proc-descriptors", proc_descriptors),
    ("proc-init", proc_init),
    ("proc-write", proc_write),
    ("proc-masked", proc_masked),
    ("self-exe-write", self_exe_write),
    ("init-exe", init_exe),
    ("descriptor-directory", descriptor_directory),
    ("stdio-reopen", stdio_reopen),
    ("core-dump", core_dump),
    ("core-limit", core_limit),
];

/// `/proc/N/root` and `cwd` of every process and thread in sight.
fn proc_roots(args: &Args, trace: &mut Trace) -> Outcome {
    let target = args.get("target");
    let (_, name) = split(target);
    let mut outcome = Outcome::Nothing;
    for who in sys::visible_pids()
        .iter()
        .map(i32::to_string)
        .chain(["self".into(), "thread-self".into()])
    {
        for path in [
            format!("/proc/{who}/root{target}"),
            format!("/proc/{who}/task/{who}/root{target}"),
            format!("/proc/{who}/cwd/{name}"),
            format!("/proc/{who}/cwd/../{name}"),
            format!("/proc/{who}/cwd{}{target}", "/..".repeat(20)),
        ] {
            outcome = first([outcome, try_read(trace, "read", &path)]);
        }
    }
    outcome
}

/// Every descriptor of every process in sight, followed as a directory and as a file.
fn proc_descriptors(args: &Args, trace: &mut Trace) -> Outcome {
    let target = args.get("target");
    let (_, name) = split(target);
    let mut outcome = Outcome::Nothing;
    for pid in sys::visible_pids() {
        for fd in 0..64 {
            let base = format!("/proc/{pid}/fd/{fd}");
            if fd > 8 && std::fs::symlink_metadata(&base).is_err() {
                continue;
            }
            for path in [
                format!("{base}/{name}"),
                format!("{base}/../{name}"),
                format!("{base}{}{target}", "/..".repeat(20)),
            ] {
                outcome = first([outcome, try_read(trace, "read", &path)]);
            }
        }
    }
    outcome
}

/// What pid 1 of the sandbox, which came from the launcher, would tell: its memory, environment, descriptors.
fn proc_init(args: &Args, trace: &mut Trace) -> Outcome {
    let pid = args.get("pid");
    let mut outcomes = Vec::new();
    for name in [
        "environ",
        "auxv",
        "maps",
        "smaps",
        "pagemap",
        "stack",
        "syscall",
        "io",
        "map_files",
        "mem",
    ] {
        let path = format!("/proc/{pid}/{name}");
        if name == "mem" || name == "map_files" {
            let opened = trace.call(
                format!("open {path}"),
                sys::open(&path, libc::O_RDWR & !libc::O_CREAT),
            );
            let opened = opened
                .or_else(|_| trace.call(format!("open {path}"), sys::open(&path, libc::O_RDONLY)));
            if name == "mem" && opened.is_ok() {
                outcomes.push(Outcome::Effect(format!("opened {path}")));
            }
            continue;
        }
        outcomes.push(try_read(trace, "read", &path));
    }
    for link in [
        "cwd", "root", "exe", "fd/0", "fd/3", "fd/4", "fd/5", "ns/mnt", "ns/net", "ns/user",
    ] {
        let path = c(&format!("/proc/{pid}/{link}"));
        let mut buffer = [0u8; 256];
        let read = sys!(
            crate::older::SYS_readlink,
            path.as_ptr(),
            buffer.as_mut_ptr(),
            buffer.len()
        );
        if let Ok(count) = trace.call(format!("readlink {link}"), read) {
            outcomes.push(got(&format!("{link} is"), &buffer[..count as usize]));
        }
    }
    first(outcomes)
}

/// Settings of the host, each opened for writing and closed again: nothing is written.
fn proc_write(_: &Args, trace: &mut Trace) -> Outcome {
    let mut outcome = Outcome::Nothing;
    for path in [
        "/proc/sys/kernel/core_pattern",
        "/proc/sys/kernel/modprobe",
        "/proc/sys/kernel/hostname",
        "/proc/sys/kernel/domainname",
        "/proc/sys/kernel/ns_last_pid",
        "/proc/sys/kernel/sem",
        "/proc/sys/kernel/shmmax",
        "/proc/sys/vm/drop_caches",
        "/proc/sys/vm/overcommit_memory",
        "/proc/sys/vm/memfd_noexec",
        "/proc/sys/fs/file-max",
        "/proc/sys/fs/suid_dumpable",
        "/proc/sys/fs/binfmt_misc/register",
        "/proc/sys/net/ipv4/ip_forward",
        "/proc/sys/net/ipv4/ip_unprivileged_port_start",
        "/proc/sys/net/core/bpf_jit_enable",
        "/proc/sys/user/max_user_namespaces",
        "/proc/sysrq-trigger",
        "/proc/irq/default_smp_affinity",
        "/proc/mtrr",
        "/proc/scsi/scsi",
        "/proc/self/timens_offsets",
        "/proc/1/oom_score_adj",
    ] {
        if trace
            .call(format!("open {path}"), sys::open(path, libc::O_WRONLY))
            .is_ok()
        {
            outcome = first([
                outcome,
                Outcome::Effect(format!("{path} is open for writing")),
            ]);
        }
    }
    outcome
}

/// What tells about the kernel and its other guests.
fn proc_masked(_: &Args, trace: &mut Trace) -> Outcome {
    first(
        [
            "/proc/kcore",
            "/proc/kmsg",
            "/proc/kallsyms",
            "/proc/keys",
            "/proc/key-users",
            "/proc/timer_list",
            "/proc/sched_debug",
            "/proc/kpagecount",
            "/proc/kpageflags",
            "/proc/slabinfo",
            "/proc/vmallocinfo",
            "/proc/pagetypeinfo",
            "/proc/latency_stats",
        ]
        .map(|path| try_read(trace, "read", path)),
    )
}

/// The file of a program that runs (CVE-2019-5736), through its process: opened while it runs, and written
/// to when it has ended and is not busy any more. `target` is a copy of our own program.
fn self_exe_write(args: &Args, trace: &mut Trace) -> Outcome {
    let own = args.get("target");
    let (path, word) = (c(own), c("linger"));
    let argv = [path.as_ptr(), word.as_ptr(), std::ptr::null()];
    let environment: [*const libc::c_char; 1] = [std::ptr::null()];
    let started = sys::fork_with(|| {
        let failed = sys!(
            libc::SYS_execve,
            path.as_ptr(),
            argv.as_ptr(),
            environment.as_ptr()
        );
        i32::from(failed.is_err())
    });
    let pid = match trace.call("start it", started) {
        Ok(pid) => pid,
        Err(errno) => return Outcome::NotTried(errno.to_string()),
    };
    let exe = format!("/proc/{pid}/exe");
    while !std::fs::read_link(&exe).is_ok_and(|link| link.to_string_lossy() == own) {
        std::thread::yield_now();
    }
    let held: Vec<_> = [libc::O_RDONLY, libc::O_PATH]
        .into_iter()
        .filter_map(|flags| trace.call("open exe", sys::open(&exe, flags)).ok())
        .collect();
    let _ = sys!(libc::SYS_kill, pid, libc::SIGKILL);
    let _ = sys::wait_for(pid);
    first(held.into_iter().map(|fd| {
        let again = sys::open(&format!("/proc/self/fd/{fd}"), libc::O_WRONLY);
        trace.must_fail("reopen for writing", again)
    }))
}

/// The launcher's program file, which pid 1 of the sandbox still runs: read, written, executed.
fn init_exe(args: &Args, trace: &mut Trace) -> Outcome {
    let exe = format!("/proc/{}/exe", args.get("pid"));
    let read = try_read(trace, "read", &exe);
    let path = trace.must_fail("open O_PATH", sys::open(&exe, libc::O_PATH));
    let write = match trace.call("open for writing", sys::open(&exe, libc::O_WRONLY)) {
        // Busy because it runs: only time would stand between us and the file.
        Ok(_) | Err(sys::Errno(libc::ETXTBSY)) => {
            Outcome::Effect("nothing but being busy protects the program file".into())
        }
        Err(_) => Outcome::Nothing,
    };
    let run = trace.must_fail("execve", sys::run_program(&exe, &["x", "--version"]));
    first([read, path, write, run])
}

/// Any descriptor that is a directory (CVE-2024-21626), the standard three included: enter it and look around.
fn descriptor_directory(args: &Args, trace: &mut Trace) -> Outcome {
    let target = args.get("target");
    let (_, name) = split(target);
    let mut outcome = Outcome::Nothing;
    for fd in 0..1024 {
        let entered = sys!(libc::SYS_fchdir, fd);
        if fd < 4 || entered.is_ok() {
            let entered = trace.call(format!("fchdir({fd})"), entered);
            if entered.is_err() {
                continue;
            }
        } else {
            continue;
        }
        for path in [
            name.to_owned(),
            format!("../{name}"),
            format!("{}{}", "../".repeat(20), &target[1..]),
        ] {
            outcome = first([outcome, try_read(trace, "read", &path)]);
        }
    }
    outcome
}

/// Opens the files behind the standard streams anew, with more rights than were handed in.
fn stdio_reopen(_: &Args, trace: &mut Trace) -> Outcome {
    let mut outcome = Outcome::Nothing;
    for (fd, flags, want) in [
        (0, libc::O_WRONLY | libc::O_APPEND, "writing"),
        (1, libc::O_RDONLY, "reading"),
        (2, libc::O_RDONLY, "reading"),
    ] {
        let mut stat = std::mem::MaybeUninit::<libc::stat>::zeroed();
        // SAFETY: the kernel fills the structure that lives here.
        let known =
            sys!(libc::SYS_fstat, fd, stat.as_mut_ptr()).map(|_| unsafe { stat.assume_init() });
        let regular = known.is_ok_and(|stat| stat.st_mode & libc::S_IFMT == libc::S_IFREG);
        if !regular {
            continue;
        }
        for path in [
            format!("/proc/self/fd/{fd}"),
            format!("/dev/fd/{fd}"),
            format!("/proc/self/task/self/fd/{fd}"),
        ] {
            if let Ok(again) =
                trace.call(format!("open {path} for {want}"), sys::open(&path, flags))
            {
                let used = match want {
                    "writing" => sys::write_all(again, b"!").map(|_| Vec::new()),
                    _ => sys::read_some(again, 4096),
                };
                if let Ok(bytes) = trace.call(want, used) {
                    outcome = first([
                        outcome,
                        got(&format!("descriptor {fd} opened for {want}"), &bytes),
                    ]);
                }
            }
        }
    }
    outcome
}

/// A child that asks for a core file and crashes in a directory that it may write to.
fn core_dump(args: &Args, trace: &mut Trace) -> Outcome {
    let ws = c(args.get("ws"));
    let pid = sys::fork_with(|| {
        let _ = sys!(libc::SYS_chdir, ws.as_ptr());
        for most in [libc::RLIM_INFINITY, 1 << 20] {
            let _ = set_core_limit(most);
        }
        // Not SIGSEGV: this program's own runtime handles that one.
        let _ = sys!(libc::SYS_kill, std::process::id(), libc::SIGQUIT);
        1
    });
    match trace.call("crash", pid.and_then(sys::wait_for)) {
        Ok(sys::Ended::Signal(_, true)) => Outcome::Effect("a core was written".into()),
        Ok(sys::Ended::Signal(_, false)) => Outcome::Nothing,
        Ok(sys::Ended::Code(_)) => Outcome::NotTried("it did not crash".into()),
        Err(errno) => Outcome::NotTried(format!("no child: {errno}")),
    }
}

fn set_core_limit(most: u64) -> sys::Res {
    let limit = [most; 2];
    sys!(libc::SYS_prlimit64, 0, libc::RLIMIT_CORE, limit.as_ptr(), 0)
}

/// A core that goes to a program of the host's (`core_pattern` begins with `|`) is not held by the limit, unless
/// the limit is exactly 1 (core(5)). Lowering it to 0 must not be possible either: that would bring the program back.
fn core_limit(_: &Args, trace: &mut Trace) -> Outcome {
    let zero = [0u64; 2];
    let _ = trace.call("prlimit64 0", set_core_limit(0));
    let set = sys!(libc::SYS_setrlimit, libc::RLIMIT_CORE, zero.as_ptr());
    let _ = trace.call("setrlimit 0", set);
    let high = i64::from(libc::RLIMIT_CORE) | 1 << 32;
    let set = sys!(libc::SYS_setrlimit, high, zero.as_ptr());
    let _ = trace.call("setrlimit 0, high bits", set);
    let mut limit = [0u64; 2];
    let read = sys!(
        libc::SYS_prlimit64,
        0,
        libc::RLIMIT_CORE,
        0,
        limit.as_mut_ptr()
    );
    match (trace.call("prlimit64", read), limit) {
        (Ok(_), [1, 1]) => Outcome::Nothing,
        (Ok(_), [soft, hard]) => Outcome::Effect(format!("the limit is {soft}, {hard}")),
        (Err(errno), _) => Outcome::NotTried(errno.to_string()),
    }
}
