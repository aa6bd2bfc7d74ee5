//! What is enforced, control by control, in words that are true.

use glovebox_seccomp::Filter;
use glovebox_wire::{Control, Enforcement, Plan, Receipt};

use crate::fault::{Fault, Outcome};
use crate::sandbox::Terms;
use crate::who::Who;

/// What was found out while starting.
pub struct Findings<'a> {
    pub terms: &'a Terms,
    /// SHA-256 of the system call filter, hex.
    pub filter: String,
    /// Memory, CPUs and pids, from the limits.
    pub limits: [Enforcement; 3],
}

pub fn make(findings: &Findings<'_>) -> Receipt {
    Receipt {
        inside: env!("CARGO_PKG_VERSION").to_owned(),
        kernel: rustix::system::uname()
            .release()
            .to_string_lossy()
            .into_owned(),
        enforcements: Control::ALL
            .into_iter()
            .map(|control| enforcement(control, findings))
            .collect(),
        seccomp: findings.filter.clone(),
        landlock_abi: findings.terms.landlock_abi,
        host_uid: findings.terms.who.host_uid,
    }
}

/// A control that nothing enforces stops the start, unless the user has accepted that.
pub fn check(receipt: &Receipt, plan: &Plan) -> Outcome<()> {
    for enforcement in receipt.enforcements.iter().filter(|line| !line.enforced) {
        if plan.accepts_without(enforcement.control) {
            continue;
        }
        let name = enforcement.control.name();
        let fault = Fault::host(
            "controls",
            format!("{name} cannot be enforced here: {}", enforcement.mechanism),
        );
        return Err(match &enforcement.fix {
            Some(fix) => fault.fix(fix.clone()),
            None => fault.fix(format!("--allow-degraded {name} starts without it")),
        });
    }
    Ok(())
}

fn enforcement(control: Control, findings: &Findings<'_>) -> Enforcement {
    let abi = findings.terms.landlock_abi;
    let landlock =
        |since: u32, what: &str| (abi >= since).then(|| format!("landlock abi {abi}{what}"));
    let filter = |what: &str| {
        let digest = findings.filter.get(..12)?;
        Some(format!("seccomp filter {digest}{what}"))
    };
    match control {
        Control::FsRead | Control::FsWrite if abi == 0 && findings.terms.streams_are_files => {
            streams_without_landlock(control)
        }
        Control::FsRead => held(
            control,
            "mount tree of its own",
            [
                landlock(1, ""),
                Some(identity(&findings.terms.who)),
                filter(": no mounts"),
            ],
        ),
        Control::FsWrite => held(
            control,
            "read-only mounts",
            [
                landlock(1, ""),
                Some(identity(&findings.terms.who)),
                filter(": no mounts"),
            ],
        ),
        Control::FsExec => exec(findings),
        Control::Net if findings.terms.plan.egress.is_some() => held(
            control,
            "empty network namespace, local routes to the egress",
            [
                filter(": TCP, UDP and Unix sockets only"),
                Some("supervisor: connections inside and to the egress only".to_owned()),
                landlock(4, ": no TCP connections of its own"),
                Some(relay_layer(abi)),
            ],
        ),
        Control::Net => held(
            control,
            "empty network namespace",
            [
                filter(": TCP, UDP and Unix sockets only"),
                Some("supervisor: connections inside only".to_owned()),
                landlock(4, ": no TCP connections"),
            ],
        ),
        Control::Ipc => held(
            control,
            "ipc and network namespaces, mount tree without host sockets",
            [
                Some("supervisor: Unix sockets of its own only".to_owned()),
                landlock(6, ": abstract sockets and signals scoped"),
            ],
        ),
        Control::Procs => held(
            control,
            "pid namespace with its own /proc",
            [
                filter(": no ptrace"),
                landlock(1, ""),
                Some("ends with its owner".to_owned()),
            ],
        ),
        Control::Kernel => held(
            control,
            &filter(": allowlist").unwrap_or_default(),
            [
                Some("user namespace without capabilities".to_owned()),
                Some("no_new_privs".to_owned()),
                Some("read-only, masked /proc; no /sys".to_owned()),
            ],
        ),
        Control::Env => held(
            control,
            "environment of the plan only",
            [Some("no inherited descriptors".to_owned())],
        ),
        Control::Memory => findings.limits[0].clone(),
        Control::Cpus => findings.limits[1].clone(),
        Control::Pids => findings.limits[2].clone(),
        Control::Disk => held(
            control,
            "one sized tmpfs for all that is private and writable",
            [],
        ),
        Control::Time => match findings.terms.plan.limits.time {
            Some(_) => held(control, "timer of the launcher", []),
            None => held(control, "no limit asked for", []),
        },
    }
}

/// What stands around the process outside that programs' bytes go through.
fn relay_layer(abi: u32) -> String {
    let filter = Filter::for_relay().sha256();
    let digest = filter.get(..12).unwrap_or_default();
    match abi {
        0 => format!("relay: seccomp filter {digest}, no capabilities"),
        abi => format!("relay: seccomp filter {digest}, landlock abi {abi}, no capabilities"),
    }
}

fn exec(findings: &Findings<'_>) -> Enforcement {
    let abi = findings.terms.landlock_abi;
    if findings.terms.plan.exec.is_none() {
        let layers = (abi >= 1).then(|| format!("landlock abi {abi}"));
        return held(
            Control::FsExec,
            "noexec on every writable mount",
            [layers, Some("supervisor: recorded".to_owned())],
        );
    }
    if abi >= 1 {
        return held(
            Control::FsExec,
            &format!("landlock abi {abi}: listed programs only"),
            [
                Some("noexec on every writable mount".to_owned()),
                Some("supervisor: recorded".to_owned()),
            ],
        );
    }
    Enforcement {
        control: Control::FsExec,
        enforced: false,
        mechanism: "the list of programs needs Landlock, which this kernel does not have or has switched off".to_owned(),
        layers: vec!["noexec on every writable mount".to_owned()],
        fix: Some("boot with landlock in the lsm= list (Linux 5.13 or later)".to_owned()),
    }
}

fn streams_without_landlock(control: Control) -> Enforcement {
    Enforcement {
        control,
        enforced: false,
        mechanism: "a standard stream is a file of the host's, which can be opened again by way of /proc/self/fd, and only Landlock would refuse that".to_owned(),
        layers: vec!["mount tree of its own".to_owned()],
        fix: Some("give it a pipe, or boot with landlock in the lsm= list".to_owned()),
    }
}

fn identity(who: &Who) -> String {
    if who.by_root {
        format!("host user {} of its own", who.host_uid)
    } else {
        format!("host user {}", who.host_uid)
    }
}

fn held<const N: usize>(
    control: Control,
    mechanism: &str,
    layers: [Option<String>; N],
) -> Enforcement {
    Enforcement {
        control,
        enforced: true,
        mechanism: mechanism.to_owned(),
        layers: layers.into_iter().flatten().collect(),
        fix: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use glovebox_wire::Plan;

    fn terms(landlock_abi: u32) -> Terms {
        let text = include_str!("../../wire/fixtures/plan-full.json");
        Terms {
            plan: Plan::parse(text.as_bytes()).expect("the fixture is a plan"),
            who: Who::find(crate::who::Files::Theirs).expect("ids"),
            landlock_abi,
            streams_are_files: false,
        }
    }

    fn receipt(terms: &Terms) -> Receipt {
        let limit = |control| held(control, "cgroup", []);
        make(&Findings {
            terms,
            filter: "0123456789abcdef".to_owned(),
            limits: [
                limit(Control::Memory),
                limit(Control::Cpus),
                limit(Control::Pids),
            ],
        })
    }

    fn line(receipt: &Receipt, control: Control) -> Enforcement {
        let mut lines = receipt
            .enforcements
            .iter()
            .filter(|line| line.control == control);
        let found = lines.next().cloned().expect("a line");
        assert!(lines.next().is_none(), "exactly one");
        found
    }

    #[test]
    fn an_exec_list_without_landlock_stops_the_start_unless_accepted() {
        let mut without = terms(0);
        without.plan.allow_degraded = vec![];
        let receipt_without = receipt(&without);
        assert!(!line(&receipt_without, Control::FsExec).enforced);
        let refused = check(&receipt_without, &without.plan);
        assert!(refused.is_err_and(|fault| fault.message.starts_with("fs.exec")));
        without.plan.allow_degraded = vec![Control::FsExec];
        assert!(check(&receipt_without, &without.plan).is_ok());
    }

    #[test]
    fn landlock_is_named_with_its_abi_and_only_for_what_it_does() {
        let old = receipt(&terms(2));
        assert!(line(&old, Control::FsRead)
            .layers
            .contains(&"landlock abi 2".to_owned()));
        let net = line(&old, Control::Net);
        assert!(
            !net.layers.iter().any(|layer| layer.starts_with("landlock")),
            "TCP came with ABI 4"
        );
        let new = receipt(&terms(7));
        assert!(line(&new, Control::Net)
            .layers
            .iter()
            .any(|layer| layer.starts_with("landlock abi 7")));
    }

    #[test]
    fn a_file_as_a_stream_needs_landlock() {
        let mut with_file = terms(0);
        with_file.streams_are_files = true;
        assert!(!line(&receipt(&with_file), Control::FsWrite).enforced);
        with_file.landlock_abi = 2;
        assert!(line(&receipt(&with_file), Control::FsWrite).enforced);
    }
}
