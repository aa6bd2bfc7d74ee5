//! What is recorded of what a program tries.

mod support;

use serde_json::{json, Value};
use support::{as_everyone, plan_for, run, Outcome};

fn activities(outcome: &Outcome, kind: &str) -> Vec<Value> {
    let all = outcome.status.iter();
    all.filter(|line| line["event"] == "activity" && line["kind"] == kind)
        .cloned()
        .collect()
}

#[test]
fn executions_are_recorded_but_for_the_plans_own() {
    as_everyone(|starter| {
        let outcome = run(starter, &plan_for("/usr/bin/true; exit 0"));
        let executions = activities(&outcome, "exec");
        assert_eq!(executions.len(), 1, "{outcome:?}");
        assert_eq!(executions[0]["path"], "/usr/bin/true");
        assert_eq!(executions[0]["verdict"], "recorded");
    });
}

#[test]
fn an_execution_outside_the_list_is_denied_and_recorded() {
    as_everyone(|starter| {
        let real = |path: &str| {
            std::fs::canonicalize(path)
                .expect("it is there")
                .to_str()
                .expect("plain")
                .to_owned()
        };
        let loader = ["/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1"]
            .into_iter()
            .find(|path| std::path::Path::new(path).exists())
            .expect("a loader");
        let mut plan =
            plan_for("/usr/bin/true && echo ran true; /usr/bin/id && echo ran id; exit 0");
        plan["exec"] = json!([real("/bin/sh"), real("/usr/bin/true"), real(loader)]);
        let outcome = run(starter, &plan);
        assert_eq!(outcome.stdout, "ran true\n", "{outcome:?}");
        let denied: Vec<Value> = activities(&outcome, "exec")
            .into_iter()
            .filter(|line| line["verdict"] == "denied")
            .collect();
        assert_eq!(denied.len(), 1, "{outcome:?}");
        assert_eq!(denied[0]["path"], "/usr/bin/id");
    });
}

#[test]
fn opens_are_recorded_when_auditing_only() {
    as_everyone(|starter| {
        let mut plan = plan_for("read line < /etc/hostname; exit 0");
        assert!(activities(&run(starter, &plan), "open").is_empty());
        plan["mode"] = json!("audit");
        let opens = activities(&run(starter, &plan), "open");
        assert!(
            opens.iter().any(|line| line["path"] == "/etc/hostname"),
            "{opens:?}"
        );
    });
}
