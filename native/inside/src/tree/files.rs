//! The few files of /etc that programs look for, where the plan mounts none.

use glovebox_wire::egress::RESOLVER;
use glovebox_wire::Plan;

use super::{Tree, STAGE};
use crate::fault::{Outcome, Step};
use crate::layout::SKELETON;
use crate::mounts::is_at_or_below;
use crate::who::Who;

pub fn write_etc(tree: &Tree, plan: &Plan, who: &Who) -> Outcome<()> {
    let is_mounted = |path: &str| {
        plan.mounts
            .iter()
            .any(|mount| is_at_or_below(path, &mount.target))
    };
    if is_mounted("/etc") {
        return Ok(());
    }
    tree.make_directories(&format!("{SKELETON}/etc"))?;
    for (name, content) in contents(plan, who)? {
        let path = format!("/etc/{name}");
        if !is_mounted(&path) {
            tree.make_file(&format!("{SKELETON}{path}"), 0o444, content.as_bytes())?;
        }
    }
    Ok(())
}

fn contents(plan: &Plan, who: &Who) -> Outcome<[(&'static str, String); 7]> {
    let Who {
        inside_uid,
        inside_gid,
        ..
    } = *who;
    let host = &plan.id;
    Ok([
        (
            "passwd",
            format!(
                "root:x:0:0:root:/root:/sbin/nologin\n\
                 user:x:{inside_uid}:{inside_gid}:user:/home/user:/bin/sh\n\
                 nobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin\n"
            ),
        ),
        (
            "group",
            format!("root:x:0:\nuser:x:{inside_gid}:\nnogroup:x:65534:\n"),
        ),
        (
            "hosts",
            format!(
                "127.0.0.1 localhost {host}\n::1 localhost ip6-localhost ip6-loopback {host}\n"
            ),
        ),
        ("hostname", format!("{host}\n")),
        ("resolv.conf", resolvers(plan)),
        (
            "nsswitch.conf",
            "passwd: files\ngroup: files\nhosts: files dns\nservices: files\nprotocols: files\n"
                .to_owned(),
        ),
        ("machine-id", machine_id()?),
    ])
}

fn resolvers(plan: &Plan) -> String {
    match plan.egress {
        Some(_) => format!("nameserver {RESOLVER}\n"),
        // No name server: the network is empty, and asking nobody fails at once instead of in 5 s.
        None => "options timeout:1 attempts:1\n".to_owned(),
    }
}

/// The host's would tell which machine this is; a new one each time tells nothing (machine-id(5)).
fn machine_id() -> Outcome<String> {
    let mut bytes = [0u8; 16];
    rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty())
        .step(STAGE, || "draw a machine id".into())?;
    let mut text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    text.push('\n');
    Ok(text)
}
