//! Files: what may not be read, written or executed.

use std::fs::{self, File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use super::Finding;

pub fn read(canary: &str) -> Finding {
    let read = |path: &str| File::open(path).and_then(|mut file| file.read(&mut [0]));
    let mut tried = vec![Finding::refused(
        &format!("read {canary} of the host"),
        read(canary),
    )];
    for path in [
        "/etc/shadow",
        "/proc/1/root/etc/passwd",
        "/proc/kcore",
        "/sys/kernel/notes",
    ] {
        tried.push(Finding::refused(&format!("read {path}"), read(path)));
    }
    Finding::worst(tried)
}

pub fn write() -> Finding {
    let create = |path: &str| {
        OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
    };
    let paths = [
        "/glovebox-probe",
        "/etc/glovebox-probe",
        "/dev/glovebox-probe",
        "/proc/sys/kernel/core_pattern",
    ];
    Finding::worst(
        paths
            .iter()
            .map(|path| Finding::refused(&format!("write {path}"), create(path)))
            .collect(),
    )
}

/// What the sandbox has written must not run: neither from its file system nor from memory.
pub fn execute() -> Finding {
    let copy = "/tmp/glovebox-probe";
    let run = || {
        fs::copy("/proc/self/exe", copy)?;
        fs::set_permissions(copy, fs::Permissions::from_mode(0o755))?;
        Command::new(copy).arg("--version").output()
    };
    let finding = Finding::refused("run a program written to /tmp", run());
    match fs::remove_file(copy) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Finding {
            held: false,
            evidence: format!("remove {copy}: {error}"),
        },
        _ => finding,
    }
}
