//! `/init` of a machine in which tests run Glovebox itself (test/support/nested): loads the kernel's modules, mounts the drives, and
//! becomes the shell that runs the test's script. It has no other way to get there, since modules are needed to reach the drives.

use std::error::Error;
use std::ffi::CStr;
use std::fs;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::fs::{open, Mode, OFlags};
use rustix::io::Errno;
use rustix::mount::{mount, mount_move, MountFlags};
use rustix::process::{chdir, chroot};
use rustix::system::finit_module;

/// Drives in their order, and where in the root each is mounted. The first is the root itself.
const DRIVES: [(&str, &str); 3] = [("/dev/vda", ""), ("/dev/vdb", "/srv"), ("/dev/vdc", "/opt")];

const START: &str = "/opt/start";

/// Under emulation on a busy host.
const PATIENCE: Duration = Duration::from_secs(60);

fn main() {
    if let Err(error) = start() {
        // The console is what the test reads; nothing else is there to be told.
        let _said = writeln!(io::stderr(), "nested-init: {error}");
    }
    // The end of the first program is the end of the machine (`panic=-1`).
}

fn start() -> Result<(), Box<dyn Error>> {
    for (path, kind) in [("/proc", "proc"), ("/sys", "sysfs"), ("/dev", "devtmpfs")] {
        fs::create_dir_all(path)?;
        mounted(kind, path, kind, MountFlags::empty())?;
    }
    modules()?;
    for (device, path) in DRIVES {
        wait_for(device)?;
        let target = format!("/new{path}");
        fs::create_dir_all(&target)?;
        mounted(device, &target, "erofs", MountFlags::RDONLY)?;
    }
    for path in ["/proc", "/sys", "/dev"] {
        mount_move(path, format!("/new{path}"))?;
    }
    chdir("/new")?;
    mount_move(".", "/")?;
    chroot(".")?;
    chdir("/")?;
    Err(Command::new("/bin/sh").arg(START).exec().into())
}

fn mounted(source: &str, target: &str, kind: &str, flags: MountFlags) -> Result<(), String> {
    mount(source, target, kind, flags, None::<&CStr>)
        .map_err(|errno| format!("mount {kind} on {target}: {errno}"))
}

fn modules() -> Result<(), Box<dyn Error>> {
    for name in fs::read_to_string("/modules/order")?.lines() {
        let module = open(
            format!("/modules/{name}"),
            OFlags::RDONLY | OFlags::CLOEXEC,
            Mode::empty(),
        )?;
        match finit_module(&module, <&CStr>::default(), 0) {
            Ok(()) | Err(Errno::EXIST) => {}
            // Of two processors' makes of KVM one at most fits.
            Err(errno) if name.starts_with("kvm") => {
                let _said = writeln!(io::stderr(), "nested-init: {name}: {errno}");
            }
            Err(errno) => return Err(format!("load {name}: {errno}").into()),
        }
    }
    Ok(())
}

/// A drive appears a little after its module.
fn wait_for(device: &str) -> Result<(), String> {
    let deadline = Instant::now() + PATIENCE;
    while !Path::new(device).exists() {
        if Instant::now() > deadline {
            return Err(format!("there is no {device}"));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}
