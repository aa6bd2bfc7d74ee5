//! What a sandbox may use, and how it is told when that was too little.

mod support;

use serde_json::json;
use support::{as_everyone, plan_for, run, Starter};

#[test]
fn a_program_that_takes_too_long_is_ended() {
    as_everyone(|starter| {
        let mut plan = plan_for("sleep 1000");
        plan["limits"]["time"] = json!({ "value": 200, "explicit": true });
        let outcome = run(starter, &plan);
        assert_eq!(outcome.code, Some(137), "{outcome:?}");
        assert_eq!(outcome.event("limit")["limit"], "time");
        let exit = outcome.event("exit");
        assert_eq!(exit["timedOut"], true);
        assert!(
            exit["wallMs"]
                .as_u64()
                .is_some_and(|ms| (200..5000).contains(&ms)),
            "{exit}"
        );
    });
}

#[test]
fn memory_that_is_too_much_ends_the_sandbox_and_is_told() {
    as_everyone(|starter| {
        // Shared with the private tmpfs, which no process's own limit counts.
        let mut plan = plan_for("head -c 200000000 /dev/zero > /dev/shm/a; echo survived");
        plan["limits"]["memory"]["value"] = json!(64 << 20);
        plan["limits"]["disk"]["value"] = json!(256 << 20);
        let outcome = run(starter, &plan);
        assert_eq!(outcome.code, Some(137), "{outcome:?}");
        assert_eq!(outcome.event("limit")["limit"], "memory");
        assert_eq!(outcome.event("exit")["outOfMemory"], true);
        assert!(!outcome.stdout.contains("survived"));
    });
}

#[test]
fn processes_beyond_the_limit_are_refused() {
    as_everyone(|starter| {
        let mut plan = plan_for("for i in 1 2 3 4 5 6 7 8 9; do sleep 1 & done; jobs | wc -l");
        plan["limits"]["pids"]["value"] = json!(4);
        let outcome = run(starter, &plan);
        assert!(outcome.stderr.contains("fork"), "{outcome:?}");
    });
}

#[test]
fn open_files_are_counted() {
    as_everyone(|starter| {
        let mut plan = plan_for("ulimit -n; ulimit -Hn; ulimit -c");
        plan["limits"]["openFiles"]["value"] = json!(100);
        assert_eq!(run(starter, &plan).stdout, "100\n100\n0\n");
    });
}

#[test]
fn a_written_limit_without_a_cgroup_is_refused_and_can_be_given_up() {
    as_everyone(|starter| {
        if starter == Starter::Root
            || std::path::Path::new("/sys/fs/cgroup/memory/glovebox/61240").exists()
        {
            return; // Root has cgroups; so has a user to whom they were delegated.
        }
        let mut plan = plan_for("echo ran");
        plan["limits"]["memory"]["explicit"] = json!(true);
        let outcome = run(starter, &plan);
        if outcome.code == Some(0) {
            return; // A delegated subtree of cgroup v2.
        }
        assert_eq!(outcome.event("error")["code"], "host-cannot", "{outcome:?}");
        assert!(outcome.event("error")["fix"]
            .as_str()
            .is_some_and(|fix| fix.contains("doctor --fix")));
        plan["allowDegraded"] = json!(["memory"]);
        let outcome = run(starter, &plan);
        assert_eq!(outcome.stdout, "ran\n", "{outcome:?}");
        let lines = outcome.event("receipt")["enforcements"]
            .as_array()
            .expect("a list")
            .clone();
        let memory = lines
            .iter()
            .find(|line| line["control"] == "memory")
            .expect("a line");
        assert_eq!(memory["enforced"], false);
    });
}
