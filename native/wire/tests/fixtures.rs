//! The fixtures are read by the TypeScript tests too: what both ends agree on is what is in these files.

use glovebox_wire::{
    cut, Access, Activity, ActivityKind, Command, Control, Device, Egress, Enforcement, Exit,
    Failure, FailureCode, IpRange, LimitHit, LimitKind, Mode, Owner, Plan, Receipt, Started,
    Status, Verdict, MAX_STRING,
};
use serde_json::{json, Value};

const FULL: &str = include_str!("../fixtures/plan-full.json");
const SMALL: &str = include_str!("../fixtures/plan-small.json");

fn full_with(change: impl Fn(&mut Value)) -> Result<Plan, String> {
    let mut value: Value = serde_json::from_str(FULL).map_err(|error| error.to_string())?;
    change(&mut value);
    Plan::parse(value.to_string().as_bytes()).map_err(|error| error.to_string())
}

fn refusal(change: impl Fn(&mut Value)) -> String {
    match full_with(change) {
        Ok(_) => panic!("this plan must be refused"),
        Err(message) => message,
    }
}

#[test]
fn a_full_plan_is_read_key_by_key() {
    let plan = Plan::parse(FULL.as_bytes()).expect("the fixture is a plan");
    assert_eq!(plan.id, "files-3f2a");
    assert_eq!(plan.command.argv.len(), 3);
    assert_eq!(plan.command.env[0], ("HOME".into(), "/home/user".into()));
    assert_eq!(plan.mounts.len(), 4);
    assert_eq!(plan.mounts[3].access, Access::Write);
    assert_eq!(plan.mounts[3].owner, Owner::User);
    assert!(plan.hold);
    assert_eq!(plan.deny, ["/workspace/.env"]);
    assert_eq!(plan.exec.as_ref().map(Vec::len), Some(2));
    assert_eq!(plan.limits.cpus.value, 0.5);
    assert!(plan.limits.cpus.explicit);
    assert_eq!(plan.limits.time.map(|limit| limit.count()), Some(30_000));
    assert_eq!(plan.mode, Mode::Audit);
    assert_eq!(plan.allow_degraded, [Control::FsExec, Control::Memory]);
    assert_eq!(
        plan.channel.as_deref(),
        Some("/run/user/1000/glovebox/files-3f2a/channel")
    );
    let range = |text| IpRange::parse(text).expect("a range");
    let egress = Egress {
        socket: "/run/user/1000/glovebox/files-3f2a/egress".into(),
        tcp_ports: vec![22, 443, 5432],
        udp_ports: vec![123],
        addresses: vec![range("10.0.0.5/32"), range("fd00::/8")],
    };
    assert_eq!(plan.egress, Some(egress));
    assert_eq!(plan.devices, [Device::Kvm]);
}

#[test]
fn null_means_no_exec_list_and_no_time() {
    let plan = Plan::parse(SMALL.as_bytes()).expect("the fixture is a plan");
    assert_eq!(plan.exec, None);
    assert_eq!(plan.channel, None);
    assert_eq!(plan.egress, None);
    assert_eq!(plan.devices, []);
    assert_eq!(plan.limits.time, None);
}

#[test]
fn unknown_and_missing_keys_are_named() {
    assert_eq!(
        refusal(|plan| plan["shell"] = json!(true)),
        "shell: unknown key"
    );
    assert_eq!(
        refusal(|plan| plan["mounts"][1]["mode"] = json!(1)),
        "mounts[1].mode: unknown key"
    );
    let without_exec = refusal(|plan| {
        plan.as_object_mut().map(|map| map.remove("exec"));
    });
    assert_eq!(without_exec, "exec: missing");
}

#[test]
fn no_device_can_be_asked_for_but_kvm() {
    for device in [
        "/dev/mem",
        "/dev/vda",
        "/dev/kvm/",
        "/dev/../dev/kvm",
        "kvm",
        "",
    ] {
        let message = refusal(|plan| plan["devices"] = json!([device]));
        assert_eq!(message, "devices[0]: must be /dev/kvm");
    }
    let twice = refusal(|plan| plan["devices"] = json!(["/dev/kvm", "/dev/kvm"]));
    assert_eq!(twice, "devices: must be a list of different devices");
    let all = refusal(|plan| plan["devices"] = json!("/dev/kvm"));
    assert_eq!(all, "devices: must be a list");
    let without = refusal(|plan| {
        plan.as_object_mut().map(|map| map.remove("devices"));
    });
    assert_eq!(without, "devices: missing");
}

#[test]
fn paths_have_one_spelling() {
    for path in ["relative", "", "/a//b", "/a/", "/a/./b", "/a/../b", "/a\0b"] {
        let message = refusal(|plan| plan["mounts"][0]["target"] = json!(path));
        assert!(
            message.starts_with("mounts[0].target: must be"),
            "{message}"
        );
    }
    let root = refusal(|plan| plan["mounts"][0]["target"] = json!("/"));
    assert!(root.contains("below /"), "{root}");
}

#[test]
fn a_writable_mount_is_never_executable() {
    let message = refusal(|plan| plan["mounts"][3]["exec"] = json!(true));
    assert_eq!(
        message,
        "mounts[3].exec: must be false where access is write"
    );
}

#[test]
fn impossible_values_are_refused() {
    let memory = |value: Value| refusal(|plan| plan["limits"]["memory"]["value"] = value.clone());
    assert!(memory(json!(0)).contains("above 0"));
    assert!(memory(json!(-5)).contains("above 0"));
    assert!(memory(json!(1.5)).contains("whole"));
    assert!(refusal(|plan| plan["id"] = json!("../x")).starts_with("id:"));
    assert!(refusal(|plan| plan["schema"] = json!("glovebox/jail-plan/2")).starts_with("schema:"));
    assert!(
        refusal(|plan| plan["allowDegraded"] = json!(["walls"])).starts_with("allowDegraded[0]")
    );
    assert!(refusal(|plan| plan["command"]["env"] = json!({ "A=B": "x" })).contains("command.env"));
    assert!(refusal(|plan| plan["command"]["argv"] = json!([])).contains("at least one"));
    let socket = |path: &str| refusal(|plan| plan["channel"]["socket"] = json!(path));
    assert!(socket(&format!("/{}", "s".repeat(107))).contains("107 bytes"));
    assert!(socket("relative").starts_with("channel.socket:"));
}

#[test]
fn an_egress_that_cannot_be_made_is_refused() {
    let egress = |key: &str, value: Value| refusal(|plan| plan["egress"][key] = value.clone());
    assert!(egress("socket", json!(format!("/{}", "s".repeat(107)))).contains("107 bytes"));
    let many: Vec<u16> = (1..=1025).collect();
    for key in ["tcpPorts", "udpPorts"] {
        for ports in [json!([443, 443]), json!([443, 80]), json!(many)] {
            let refused = egress(key, ports);
            assert!(refused.starts_with(&format!("egress.{key}: must be 1024 ports at most")));
        }
        for port in [json!(0), json!(65_536), json!(-1), json!("443"), json!(1.5)] {
            assert!(egress(key, json!([port])).starts_with(&format!("egress.{key}[0]")));
        }
    }
    let none = refusal(|plan| {
        plan["egress"]["tcpPorts"] = json!([]);
        plan["egress"]["udpPorts"] = json!([]);
    });
    assert!(none.contains("a port at least"), "{none}");
    for range in [
        "10.0.0.5",
        "10.0.0.5/8",
        "224.0.0.0/4",
        "ff00::/8",
        "::ffff:10.0.0.0/104",
    ] {
        let message = egress("addresses", json!(["10.0.0.0/8", range]));
        assert!(
            message.starts_with("egress.addresses[1]"),
            "{range}: {message}"
        );
    }
    assert_eq!(
        egress("sctpPorts", json!([53])),
        "egress.sctpPorts: unknown key"
    );
}

#[test]
fn commands_are_read() {
    let lines: Vec<Value> =
        serde_json::from_str(include_str!("../fixtures/commands.json")).expect("a list");
    let read = |index: usize| Command::parse(lines[index].to_string().as_bytes());
    assert_eq!(read(0), Ok(Command::Stop));
    assert_eq!(read(1), Ok(Command::Go));
    assert_eq!(read(2), Ok(Command::Signal(15)));
    assert!(Command::parse(br#"{"do":"signal","signal":0}"#).is_err());
    assert!(Command::parse(br#"{"do":"signal","signal":65}"#).is_err());
    assert!(Command::parse(br#"{"do":"restart"}"#).is_err());
    assert!(Command::parse(br#"{"do":"stop","signal":9}"#).is_err());
}

#[test]
fn every_status_line_is_written_as_the_fixture_has_it() {
    let expected: Vec<Value> =
        serde_json::from_str(include_str!("../fixtures/status.json")).expect("a list");
    let written: Vec<Value> = statuses().iter().map(Status::to_json).collect();
    assert_eq!(written, expected);
}

#[test]
fn a_failure_is_read_back_from_its_line() {
    for status in statuses() {
        let read = Failure::parse(&status.to_line());
        match status {
            Status::Error(failure) => assert_eq!(read, Some(failure)),
            _ => assert_eq!(read, None),
        }
    }
    assert_eq!(Failure::parse(b"not a line"), None);
}

#[test]
fn a_status_is_one_line() {
    for status in statuses() {
        let line = status.to_line();
        assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1);
        assert_eq!(line.last(), Some(&b'\n'));
    }
}

#[test]
fn untrusted_strings_are_cut_at_a_character() {
    let long = "ü".repeat(4000);
    assert_eq!(cut(long.as_bytes()).len(), MAX_STRING);
    // Each lone byte becomes a replacement character of three bytes.
    let cut_bytes = cut(&[0xff; 5000]);
    assert!(cut_bytes.len() <= MAX_STRING);
    assert!(cut_bytes.chars().all(|character| character == '\u{fffd}'));
}

fn statuses() -> Vec<Status> {
    vec![
        Status::Receipt(Receipt {
            inside: "0.1.0".into(),
            kernel: "6.12.0".into(),
            enforcements: vec![
                Enforcement {
                    control: Control::FsRead,
                    enforced: true,
                    mechanism: "mount tree".into(),
                    layers: vec!["landlock abi 7".into()],
                    fix: None,
                },
                Enforcement {
                    control: Control::Memory,
                    enforced: false,
                    mechanism: "no cgroup that this user may use".into(),
                    layers: vec![],
                    fix: Some("sudo glovebox doctor --fix".into()),
                },
            ],
            seccomp: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".into(),
            landlock_abi: 7,
            host_uid: 1_610_616_736,
        }),
        Status::Started(Started {
            pid: 4242,
            init_pid: 4241,
        }),
        Status::Activity(Activity {
            kind: ActivityKind::Connect,
            pid: 4242,
            program: "node".into(),
            address: Some("93.184.216.34:443".into()),
            path: None,
            access: None,
            verdict: Verdict::Denied,
            rule: "network.default-deny".into(),
            count: 1,
        }),
        Status::Activity(Activity {
            kind: ActivityKind::Exec,
            pid: 4243,
            program: "sh".into(),
            address: None,
            path: Some("/usr/bin/id".into()),
            access: None,
            verdict: Verdict::Recorded,
            rule: "kernel".into(),
            count: 1,
        }),
        Status::Activity(Activity {
            kind: ActivityKind::Open,
            pid: 4243,
            program: "/usr/bin/id".into(),
            address: None,
            path: Some("/etc/passwd".into()),
            access: Some(Access::Read),
            verdict: Verdict::Recorded,
            rule: "kernel".into(),
            count: 4000,
        }),
        Status::Limit(LimitHit {
            limit: LimitKind::Memory,
            detail: "the sandbox used more than 128 MiB".into(),
        }),
        Status::Exit(Exit {
            code: None,
            signal: Some(9),
            out_of_memory: true,
            timed_out: false,
            wall_ms: 1204,
            cpu_ms: 310,
            peak_memory_bytes: Some(134_217_728),
        }),
        Status::Error(Failure {
            code: FailureCode::HostCannot,
            stage: "namespaces".into(),
            message: "this kernel refuses user namespaces".into(),
            fix: Some("sudo glovebox doctor --fix".into()),
        }),
    ]
}
