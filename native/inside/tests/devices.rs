//! Which of the host's devices a program gets: those that hold no state, and what a plan for a program of ours asks for besides.

mod support;

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};

use serde_json::json;
use support::{as_everyone, output_of, plan_for, run, Starter};

const KVM: &str = "/dev/kvm";

#[test]
fn without_asking_there_is_no_device_that_reaches_the_host() {
    as_everyone(|starter| {
        let names = output_of(starter, "cd /dev; ls -1 | tr '\\n' ' '");
        assert_eq!(
            names,
            "fd full null ptmx pts random shm stderr stdin stdout urandom zero "
        );
    });
}

#[test]
fn no_other_device_than_kvm_can_be_asked_for() {
    as_everyone(|starter| {
        for device in [
            "/dev/mem",
            "/dev/vda",
            "/dev/kvm/..",
            "/dev/net/tun",
            "/dev/fuse",
        ] {
            let mut plan = plan_for("true");
            plan["devices"] = json!([device]);
            let outcome = run(starter, &plan);
            assert_eq!(outcome.code, Some(125), "{outcome:#?}");
            let error = outcome.event("error");
            assert_eq!(error["code"], "plan", "{error:#}");
            assert_eq!(error["message"], "devices[0]: must be /dev/kvm");
        }
    });
}

#[test]
fn a_device_is_no_file_that_could_be_mounted() {
    as_everyone(|starter| {
        let mut plan = plan_for("true");
        support::add_mount(&mut plan, KVM.as_ref(), "/kvm", "read");
        let outcome = run(starter, &plan);
        assert_eq!(outcome.code, Some(125), "{outcome:#?}");
        assert_eq!(outcome.event("error")["code"], "plan");
    });
}

/// By root as an id of nobody's with the group of the device; by a user as that user.
#[test]
fn kvm_is_there_for_whom_it_may_be_opened_by_and_else_the_start_says_what_helps() {
    as_everyone(|starter| {
        let script =
            "exec 3<>/dev/kvm && echo opened; for d in /dev/*; do [ ! -b $d ] || echo $d; done";
        let mut plan = plan_for(script);
        plan["devices"] = json!([KVM]);
        let outcome = run(starter, &plan);
        let mode = match fs::metadata(KVM) {
            Ok(about) if about.file_type().is_char_device() => {
                let for_group = starter == Starter::Root && about.gid() != 0;
                about.mode() & if for_group { 0o066 } else { 0o006 }
            }
            _ => 0,
        };
        if matches!(mode, 0o006 | 0o060 | 0o066) {
            assert_eq!(outcome.code, Some(0), "{outcome:#?}");
            assert_eq!(outcome.stdout, "opened\n");
            return;
        }
        // An ordinary user of the group, which the one of these tests is not, could open it.
        assert_eq!(outcome.code, Some(125), "{outcome:#?}");
        let error = outcome.event("error");
        assert_eq!(error["code"], "host-cannot", "{error:#}");
        let message = error["message"].as_str().expect("a message");
        assert!(message.starts_with("/dev/kvm: "), "{message}");
    });
}
