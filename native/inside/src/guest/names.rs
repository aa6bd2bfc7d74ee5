//! What tells machines apart. A sandbox that a template has brought along sees files of ours where others have their own, since
//! its tree cannot be written to any more: its plan mounts them (docs/decisions/0031).

use std::fs::{self, File};
use std::io;
use std::os::fd::AsFd;
use std::path::Path;

use rustix::io::Errno;
use rustix::rand::{getrandom, GetRandomFlags};
use rustix::thread::{move_into_link_name_space, LinkNameSpaceType};

use super::standstill;

pub const MACHINE_ID: &str = "/run/machine-id";
const HOSTNAME: &str = "/run/hostname";
const HOSTS: &str = "/run/hosts";
/// What a sandbox sees as the kernel's, which draws one when it is first asked, and never again.
const BOOT_ID: &str = "/run/boot-id";

/// In place, so that who has them mounted sees the new ones. The generator has been seeded for this machine.
pub fn write(hostname: &str, machine_id: &[u8]) -> io::Result<()> {
    fs::write(MACHINE_ID, format!("{}\n", hex(machine_id)))?;
    fs::write(HOSTNAME, format!("{hostname}\n"))?;
    let local = "ip6-localhost ip6-loopback";
    let hosts = format!("127.0.0.1 localhost {hostname}\n::1 localhost {local} {hostname}\n");
    fs::write(HOSTS, hosts)?;
    fs::write(BOOT_ID, format!("{}\n", uuid()?))
}

/// A random one (RFC 9562, version 4), as the kernel's file in /proc would give it, which takes longer to ask.
fn uuid() -> io::Result<String> {
    let mut bytes = [0; 16];
    rustix::io::retry_on_intr(|| getrandom(&mut bytes, GetRandomFlags::empty()))?;
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let hex = hex(&bytes);
    let parts = [
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..],
    ];
    Ok(parts.join("-"))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Where the programs of a sandbox ask for the host's name: there is one sandbox at most, and its processes share the name.
pub struct Sandbox {
    its: File,
    ours: File,
}

/// That of the sandbox that is about to stand still. Looked for then, when nobody waits: a clone has yet to translate all that it runs.
pub fn of_sandbox() -> io::Result<Option<Sandbox>> {
    for process in standstill::processes()? {
        let its = match File::open(format!("/proc/{process}/ns/uts")) {
            Err(error) if has_ended(&error, process) => continue,
            its => its?,
        };
        let ours = File::open("/proc/thread-self/ns/uts")?;
        return Ok(Some(Sandbox { its, ours }));
    }
    Ok(None)
}

/// Whether a process has ended whose namespace could not be opened. A link of one that is just being reaped may not be followed
/// (proc_ns_get_link); the same is said of a live one that we may not look at, and whoever passed that over would leave
/// the template's name to its clones. So it has to be gone from /proc too.
fn has_ended(error: &io::Error, process: u32) -> bool {
    match Errno::from_io_error(error) {
        Some(Errno::NOENT | Errno::SRCH) => true,
        Some(Errno::ACCESS) => Path::new(&format!("/proc/{process}"))
            .try_exists()
            .is_ok_and(|is_there| !is_there),
        _ => false,
    }
}

impl Sandbox {
    /// This thread goes there and back; where it cannot come back, whoever asked is told, and ends the machine.
    pub fn rename(&self, hostname: &str) -> io::Result<()> {
        let kind = Some(LinkNameSpaceType::HostNameAndNISDomainName);
        move_into_link_name_space(self.its.as_fd(), kind)?;
        let renamed = rustix::system::sethostname(hostname.as_bytes());
        move_into_link_name_space(self.ours.as_fd(), kind)?;
        Ok(renamed?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{self, Command};

    #[test]
    fn a_process_that_is_just_reaped_has_ended_and_a_live_one_never_has() -> io::Result<()> {
        let mut child = Command::new("true").spawn()?;
        child.wait()?;
        let ended = |errno: Errno, process| has_ended(&io::Error::from(errno), process);
        assert!(ended(Errno::ACCESS, child.id()));
        assert!(
            !ended(Errno::ACCESS, process::id()),
            "one that is not shown"
        );
        assert!(ended(Errno::NOENT, child.id()));
        assert!(ended(Errno::SRCH, child.id()));
        assert!(!ended(Errno::MFILE, child.id()), "nothing is known of it");
        Ok(())
    }
}
