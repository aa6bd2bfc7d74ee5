//! What came in that nobody meant to hand over.

use crate::report::{quote, Args, Attack, Outcome, Trace};
use crate::sys;
use crate::sys::c;

pub const ATTACKS: &[Attack] = &[
    ("descriptors", descriptors),
    ("environment", environment),
    ("start-directory", start_directory),
];

/// Any descriptor above 2 that is not one of this program's own (the pipe of the batch).
fn descriptors(args: &Args, trace: &mut Trace) -> Outcome {
    let mut extra = Vec::new();
    for fd in 3..4096 {
        let flags = sys!(libc::SYS_fcntl, fd, libc::F_GETFD);
        // Ours are close-on-exec; what came through exec cannot be.
        if flags.is_ok_and(|flags| flags & i64::from(libc::FD_CLOEXEC) == 0) {
            let link = std::fs::read_link(format!("/proc/self/fd/{fd}"));
            extra.push(format!(
                "{fd}: {}",
                link.map(|path| path.display().to_string())
                    .unwrap_or_default()
            ));
        }
        if fd < 8 {
            let _ = trace.call(format!("descriptor {fd}"), flags);
        }
    }
    let _ = args;
    if extra.is_empty() {
        Outcome::Nothing
    } else {
        Outcome::Effect(extra.join(", "))
    }
}

/// A variable with the secret in it, in our environment or in that of any process in sight.
fn environment(args: &Args, trace: &mut Trace) -> Outcome {
    let secret = args.get("name");
    let _ = trace.call("own environment", Ok(()));
    for (name, value) in std::env::vars_os() {
        if name.to_string_lossy().contains(secret) {
            return Outcome::Effect(format!(
                "{}={}",
                name.to_string_lossy(),
                value.to_string_lossy()
            ));
        }
    }
    for pid in sys::visible_pids() {
        let bytes = trace.call(
            format!("environ of {pid}"),
            sys::read_file(&format!("/proc/{pid}/environ")),
        );
        let text = String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned();
        if text.contains(secret) {
            return Outcome::Effect(format!("environment of {pid}: {text}"));
        }
    }
    Outcome::Nothing
}

/// The directory that we were started in, followed upwards by descriptor and by name.
fn start_directory(args: &Args, trace: &mut Trace) -> Outcome {
    let (_, name) = crate::files::split(args.get("target"));
    let mut outcome = Outcome::Nothing;
    for height in 0..6 {
        let path = format!("{}{name}", "../".repeat(height));
        if let Ok(bytes) = trace.call(format!("read {path}"), sys::read_file(&path)) {
            outcome = crate::report::got("read", &bytes);
        }
    }
    outcome
}

/// One JSON line of what this process is, for the suite to compare with what it should be.
pub fn describe() -> i32 {
    let mut groups = [0u32; 256];
    let count = sys!(libc::SYS_getgroups, 256, groups.as_mut_ptr()).unwrap_or(0) as usize;
    let number = |call: sys::Res| {
        call.map_or_else(|errno| quote(&errno.to_string()), |value| value.to_string())
    };
    let mask = sys!(libc::SYS_umask, 0);
    let mut limit = [0u64; 2];
    let _ = sys!(
        libc::SYS_prlimit64,
        0,
        libc::RLIMIT_CORE,
        0,
        limit.as_mut_ptr()
    );
    let text = |path: &str| {
        quote(String::from_utf8_lossy(&sys::read_file(path).unwrap_or_default()).trim_end())
    };
    let mut buffer = [0u8; 4096];
    let directory = sys!(libc::SYS_getcwd, buffer.as_mut_ptr(), 4096).unwrap_or(1) as usize;
    let mut terminal = [0u8; 64];
    let console = c("/dev/tty");
    let fields = [
        ("uid", number(sys!(libc::SYS_getuid))),
        ("gid", number(sys!(libc::SYS_getgid))),
        ("groups", format!("{:?}", &groups[..count])),
        ("pid", number(sys!(libc::SYS_getpid))),
        ("ppid", number(sys!(libc::SYS_getppid))),
        ("sid", number(sys!(libc::SYS_getsid, 0))),
        ("umask", number(mask)),
        ("nice", number(sys!(libc::SYS_getpriority, 0, 0))),
        ("core", limit[1].to_string()),
        (
            "cwd",
            quote(&String::from_utf8_lossy(
                &buffer[..directory.saturating_sub(1)],
            )),
        ),
        ("hostname", text("/proc/sys/kernel/hostname")),
        ("machineId", text("/etc/machine-id")),
        ("bootId", text("/proc/sys/kernel/random/boot_id")),
        ("mounts", text("/proc/self/mountinfo")),
        (
            "terminal",
            number(sys!(
                libc::SYS_ioctl,
                0,
                libc::TCGETS,
                terminal.as_mut_ptr()
            )),
        ),
        (
            "controlling",
            number(sys!(crate::older::SYS_open, console.as_ptr(), libc::O_RDWR)),
        ),
        (
            "environment",
            format!(
                "{{{}}}",
                std::env::vars()
                    .map(|(k, v)| format!("{}:{}", quote(&k), quote(&v)))
                    .collect::<Vec<_>>()
                    .join(",")
            ),
        ),
        ("pids", format!("{:?}", sys::visible_pids())),
        (
            "root",
            format!(
                "{:?}",
                std::fs::read_dir("/")
                    .map(|all| all
                        .filter_map(|e| e.ok()?.file_name().into_string().ok())
                        .collect::<Vec<_>>())
                    .unwrap_or_default()
            ),
        ),
        (
            "devices",
            format!(
                "{:?}",
                std::fs::read_dir("/dev")
                    .map(|all| all
                        .filter_map(|e| e.ok()?.file_name().into_string().ok())
                        .collect::<Vec<_>>())
                    .unwrap_or_default()
            ),
        ),
    ];
    let body: Vec<String> = fields
        .iter()
        .map(|(name, value)| format!("{}:{value}", quote(name)))
        .collect();
    println!("{{{}}}", body.join(","));
    0
}
