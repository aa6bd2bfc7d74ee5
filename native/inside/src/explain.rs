//! What a refusal by the kernel means on the hosts that are known to refuse, and what helps.

use std::fs;
use std::path::Path;

use rustix::io::Errno;

use crate::fault::{say, Fault};

/// `clone3` with new namespaces failed.
pub fn why_namespaces_are_refused(errno: Errno) -> Fault {
    let fault = |message: String| Fault::host("namespaces", message);
    if errno == Errno::NOSPC || errno == Errno::USERS {
        return fault(format!(
            "the number of user namespaces is used up or set to 0 (user.max_user_namespaces = {})",
            sysctl("user/max_user_namespaces")
        ))
        .fix("sudo sysctl user.max_user_namespaces=15000");
    }
    if sysctl("kernel/unprivileged_userns_clone") == "0" {
        return fault(
            "this host allows user namespaces only to root (kernel.unprivileged_userns_clone = 0)"
                .into(),
        )
        .fix("sudo sysctl kernel.unprivileged_userns_clone=1");
    }
    if in_container() {
        return fault(format!(
            "the container that this runs in allows no new namespaces ({})",
            say(errno)
        ))
        .fix(CONTAINER_OPTIONS);
    }
    if apparmor_restricts() {
        return restricted_by_apparmor("namespaces");
    }
    fault(format!(
        "this kernel refuses new namespaces ({})",
        say(errno)
    ))
    .fix("a kernel from 5.13 on with user, pid, net, ipc, uts, mount and cgroup namespaces")
}

/// Making a file system, or the first mount, failed.
pub fn why_mounting_is_refused(kind: &str, errno: Errno) -> Fault {
    const STAGE: &str = "mount tree";
    let refused = matches!(errno, Errno::PERM | Errno::ACCESS);
    if refused && apparmor_restricts() {
        return restricted_by_apparmor(STAGE);
    }
    if refused && kind == "proc" {
        // proc(5) and user_namespaces(7): a new /proc is refused where the one that is visible has
        // parts mounted over, as in containers.
        return Fault::host(
            STAGE,
            "a new /proc is refused, since parts of this host's /proc are mounted over, as container engines do",
        )
        .fix(CONTAINER_OPTIONS);
    }
    if refused && in_container() {
        return Fault::host(
            STAGE,
            format!("the container that this runs in refuses to mount {kind}"),
        )
        .fix(CONTAINER_OPTIONS);
    }
    if errno == Errno::NODEV || errno == Errno::NOSYS {
        return Fault::host(
            STAGE,
            format!("this kernel cannot mount {kind}: {}", say(errno)),
        )
        .fix("a kernel from 5.13 on with tmpfs, proc and devpts");
    }
    Fault::call(STAGE, &format!("mount {kind}"), errno)
}

/// In Docker's and Podman's words, and what it costs is in SECURITY.md.
const CONTAINER_OPTIONS: &str = "start the container with --security-opt seccomp=unconfined \
    --security-opt apparmor=unconfined --security-opt systempaths=unconfined";

/// Ubuntu 23.10 and later: the namespace is made, but without any capability in it.
fn apparmor_restricts() -> bool {
    sysctl("kernel/apparmor_restrict_unprivileged_userns") == "1"
}

fn restricted_by_apparmor(stage: &'static str) -> Fault {
    Fault::host(
        stage,
        "AppArmor takes the capabilities of user namespaces from programs that it does not know (kernel.apparmor_restrict_unprivileged_userns = 1)",
    )
    .fix("sudo glovebox doctor --fix")
}

fn in_container() -> bool {
    ["/.dockerenv", "/run/.containerenv"]
        .iter()
        .any(|path| Path::new(path).exists())
}

/// The value, or an empty string where there is no such key.
fn sysctl(key: &str) -> String {
    fs::read_to_string(format!("/proc/sys/{key}"))
        .map_or_else(|_| String::new(), |text| text.trim().to_owned())
}
