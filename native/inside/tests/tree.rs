//! What a program sees of the host's files, and what it can do to them.

mod support;

use std::fs;
use std::os::unix::fs::{symlink, MetadataExt, PermissionsExt};

use serde_json::json;
use support::{
    add_mount, as_everyone, eventually, output_of, plan_for, run, Jail, Scratch, Starter,
};

#[test]
fn nothing_of_the_host_is_seen_but_the_plans_mounts() {
    as_everyone(|starter| {
        let names = output_of(starter, "ls /");
        let known = [
            "bin", "dev", "etc", "home", "lib", "lib32", "lib64", "libx32", "proc", "run", "sbin",
            "tmp", "usr", "var",
        ];
        for name in names.lines() {
            assert!(known.contains(&name), "/{name} should not be there");
        }
        let table = output_of(starter, "cat /proc/self/mountinfo");
        let roots: Vec<&str> = table
            .lines()
            .filter(|line| line.split(' ').nth(4) == Some("/"))
            .collect();
        assert_eq!(
            roots.len(),
            1,
            "only our own root is mounted at /: {roots:?}"
        );
        assert!(
            roots[0].contains(" tmpfs ") && roots[0].contains(" ro,"),
            "{}",
            roots[0]
        );
        assert!(!table.contains("/sys"), "{table}");
    });
}

#[test]
fn above_the_root_there_is_the_root() {
    as_everyone(|starter| {
        let same = output_of(
            starter,
            "stat -c %d:%i / /.. /../.. | sort -u | wc -l; cd /; cd ..; pwd",
        );
        assert_eq!(same, "1\n/\n");
    });
}

#[test]
fn system_files_and_the_skeleton_are_read_only() {
    as_everyone(|starter| {
        let script = "for f in /x /etc/x /usr/x /dev/x /proc/x /home/x; do (: > $f) && echo wrote $f; done 2>/dev/null; true";
        assert_eq!(output_of(starter, script), "");
    });
}

#[test]
fn what_is_private_is_writable_and_nothing_in_it_can_be_executed() {
    as_everyone(|starter| {
        let script = "cd \"$HOME\" && for d in /tmp /var/tmp /home/user /run /dev/shm; do
            cp /usr/bin/true $d/program && chmod 755 $d/program || echo cannot write $d
            $d/program && echo executed in $d
        done 2>/dev/null; true";
        assert_eq!(output_of(starter, script), "");
    });
}

#[test]
fn all_that_is_private_shares_one_size() {
    as_everyone(|starter| {
        let mut plan = plan_for(
            "head -c 3000000 /dev/zero > /tmp/a; head -c 3000000 /dev/zero > /dev/shm/b; cat /tmp/a /dev/shm/b | wc -c",
        );
        plan["limits"]["disk"]["value"] = json!(4 << 20);
        let outcome = run(starter, &plan);
        let written: u64 = outcome.stdout.trim().parse().expect("a number");
        assert!(written <= (4 << 20) + (64 << 10), "{written}");
        assert!(
            outcome.stderr.contains("No space left"),
            "{}",
            outcome.stderr
        );
    });
}

#[test]
fn a_writable_mount_keeps_its_owner_on_disk() {
    as_everyone(|starter| {
        let scratch = Scratch::new(starter);
        let work = scratch.directory("work", starter);
        fs::write(work.join("old"), "old\n").expect("a file");
        let mut plan = plan_for(
            "cat old 2>/dev/null; echo new > file; stat -c %u file; id -u; mkdir sub; mv file sub/",
        );
        add_mount(&mut plan, &work, "/workspace", "write");
        plan["command"]["cwd"] = json!("/workspace");
        let outcome = run(starter, &plan);
        assert_eq!(outcome.code, Some(0), "{outcome:#?}");
        let lines: Vec<&str> = outcome.stdout.lines().collect();
        assert_eq!(
            lines[lines.len() - 2],
            lines[lines.len() - 1],
            "its own inside"
        );
        let made = fs::metadata(work.join("sub/file")).expect("made on the host");
        let owner = fs::metadata(&work).expect("the directory").uid();
        assert_eq!(made.uid(), owner, "the directory's owner on disk");
        assert_eq!(
            fs::read_to_string(work.join("sub/file")).ok().as_deref(),
            Some("new\n")
        );
    });
}

#[test]
fn a_private_file_of_its_owner_is_readable_inside() {
    as_everyone(|starter| {
        let scratch = Scratch::new(starter);
        let data = scratch.directory("data", starter);
        fs::set_permissions(&data, fs::Permissions::from_mode(0o700)).expect("its mode");
        let file = scratch.file("data/key", "content", starter);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("its mode");
        let mut plan = plan_for("cat /data/key; echo x > /data/key");
        add_mount(&mut plan, &data, "/data", "read");
        let outcome = run(starter, &plan);
        assert_eq!(outcome.stdout, "content", "{outcome:#?}");
        assert!(outcome.stderr.contains("Read-only"), "{}", outcome.stderr);
        assert_eq!(fs::read_to_string(file).ok().as_deref(), Some("content"));
    });
}

#[test]
fn one_file_can_be_mounted_alone() {
    as_everyone(|starter| {
        let scratch = Scratch::new(starter);
        let file = scratch.file("one", "alone", starter);
        let mut plan = plan_for("cat /srv/deep/one; ls /srv/deep");
        add_mount(&mut plan, &file, "/srv/deep/one", "read");
        assert_eq!(run(starter, &plan).stdout, "aloneone\n");
    });
}

#[test]
fn a_mount_below_the_private_tmp_works() {
    as_everyone(|starter| {
        let scratch = Scratch::new(starter);
        let work = scratch.directory("work", starter);
        fs::write(work.join("file"), "seen").expect("a file");
        let own_place = work.to_str().expect("a plain path").to_owned();
        let mut plan = plan_for(&format!("cat {own_place}/file; ls /tmp | wc -l"));
        add_mount(&mut plan, &work, &own_place, "read");
        let outcome = run(starter, &plan);
        assert!(outcome.stdout.starts_with("seen"), "{outcome:#?}");
    });
}

#[test]
fn a_mount_inside_a_host_mount_is_never_created_there() {
    as_everyone(|starter| {
        let scratch = Scratch::new(starter);
        let work = scratch.directory("work", starter);
        let other = scratch.directory("other", starter);
        let mut plan = plan_for("true");
        add_mount(&mut plan, &work, "/workspace", "write");
        add_mount(&mut plan, &other, "/workspace/new", "read");
        let outcome = run(starter, &plan);
        assert_eq!(outcome.event("error")["code"], "plan", "{outcome:#?}");
        assert!(!work.join("new").exists());
        fs::create_dir(work.join("new")).expect("a directory");
        fs::write(other.join("seen"), "").expect("a file");
        plan["command"]["argv"][2] = json!("ls /workspace/new");
        assert_eq!(run(starter, &plan).stdout, "seen\n");
    });
}

#[test]
fn a_link_in_a_mounts_path_is_refused_at_both_ends() {
    as_everyone(|starter| {
        let scratch = Scratch::new(starter);
        let work = scratch.directory("work", starter);
        let other = scratch.directory("other", starter);
        symlink("/etc", work.join("link")).expect("a link");
        let mut as_source = plan_for("echo ran");
        add_mount(&mut as_source, &work.join("link"), "/data", "read");
        let outcome = run(starter, &as_source);
        assert_eq!(outcome.event("error")["code"], "plan", "{outcome:#?}");
        let mut as_target = plan_for("echo ran");
        add_mount(&mut as_target, &work, "/workspace", "write");
        add_mount(&mut as_target, &other, "/workspace/link/deep", "read");
        let outcome = run(starter, &as_target);
        assert_eq!(outcome.event("error")["code"], "plan", "{outcome:#?}");
        assert_eq!(outcome.stdout, "");
    });
}

#[test]
fn file_systems_of_the_kernel_are_not_mounted() {
    as_everyone(|starter| {
        for source in ["/proc", "/sys"] {
            let mut plan = plan_for("echo ran");
            add_mount(&mut plan, source.as_ref(), "/data", "read");
            let outcome = run(starter, &plan);
            assert_eq!(outcome.event("error")["code"], "plan", "{source}");
        }
    });
}

#[test]
fn a_denied_file_is_unreadable_wherever_it_is_seen() {
    as_everyone(|starter| {
        let scratch = Scratch::new(starter);
        let work = scratch.directory("work", starter);
        scratch.file("work/.env", "SECRET", starter);
        let keys = scratch.directory("work/keys", starter);
        fs::write(keys.join("id"), "SECRET").expect("a file");
        let script = "cat /workspace/.env /again/.env /workspace/keys/id; ls /workspace/keys
            cp /workspace/.env /tmp/copy; ln /workspace/.env /workspace/alias; mv /workspace/.env /workspace/moved
            mv /workspace/keys /workspace/moved; rm -rf /workspace/.env; chmod 777 /workspace/.env
            cat /workspace/alias /workspace/moved /tmp/copy /workspace/moved/id; umount /workspace/.env";
        let mut plan = plan_for(script);
        add_mount(&mut plan, &work, "/workspace", "write");
        add_mount(&mut plan, &work, "/again", "read");
        plan["deny"] = json!(["/workspace/.env", keys]);
        let outcome = run(starter, &plan);
        assert!(!outcome.stdout.contains("SECRET"), "{outcome:#?}");
        assert!(
            outcome
                .stderr
                .contains("/workspace/.env: Permission denied"),
            "{outcome:#?}"
        );
        assert_eq!(
            fs::read_to_string(work.join(".env")).ok().as_deref(),
            Some("SECRET")
        );
    });
}

#[test]
fn a_denied_path_that_does_not_exist_starts_nothing() {
    as_everyone(|starter| {
        let scratch = Scratch::new(starter);
        let work = scratch.directory("work", starter);
        let mut plan = plan_for("echo ran");
        add_mount(&mut plan, &work, "/workspace", "write");
        plan["deny"] = json!(["/workspace/.env"]);
        let outcome = run(starter, &plan);
        assert_eq!(outcome.event("error")["code"], "plan", "{outcome:#?}");
        assert!(outcome.event("error")["fix"].is_string());
        // Where no mount could show it, there is nothing to deny.
        plan["deny"] = json!(["/root/.ssh"]);
        assert_eq!(run(starter, &plan).stdout, "ran\n");
    });
}

#[test]
fn replacing_a_denied_file_on_the_host_ends_the_sandbox() {
    as_everyone(|starter| {
        let scratch = Scratch::new(starter);
        let work = scratch.directory("work", starter);
        let secret = scratch.file("work/.env", "old", starter);
        let mut plan = plan_for("echo ready; read line");
        add_mount(&mut plan, &work, "/workspace", "read");
        plan["deny"] = json!(["/workspace/.env"]);
        let mut jail = Jail::start_with(starter, &plan, |command| {
            command.stdin(std::process::Stdio::piped());
        });
        assert_eq!(jail.read_line(), "ready");
        let new = scratch.file("work/.env.new", "SECRET", starter);
        fs::rename(new, secret).expect("replaced, as editors do");
        let outcome = jail.finish();
        assert_eq!(outcome.code, Some(125), "{outcome:#?}");
        let message = outcome.event("error")["message"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        assert!(message.contains("was replaced on the host"), "{message}");
    });
}

#[test]
fn of_proc_only_the_own_processes_are_seen_and_nothing_is_written() {
    as_everyone(|starter| {
        let script = "echo $$; ls /proc | grep -cE '^[0-9]+$'
            for f in /proc/sys/kernel/hostname /proc/sysrq-trigger /proc/self/uid_map /proc/self/oom_score_adj; do
                (echo 1 > $f) && echo wrote $f
            done 2>/dev/null
            for f in /proc/kcore /proc/keys /proc/kallsyms /proc/timer_list; do
                test -e $f && head -c1 $f && echo read $f
            done 2>/dev/null; true";
        let output = output_of(starter, script);
        let lines: Vec<&str> = output.lines().collect();
        assert_eq!(lines[0], "2");
        let processes: u32 = lines[1].parse().expect("a number");
        assert!(processes <= 5, "{output}");
        assert_eq!(lines.len(), 2, "{output}");
    });
}

#[test]
fn nothing_names_the_hosts_paths_or_pids() {
    as_everyone(|starter| {
        let scratch = Scratch::new(starter);
        let marker = scratch.path().to_str().expect("a plain path").to_owned();
        let output = output_of(
            starter,
            "cat /proc/1/cmdline /proc/self/cgroup /proc/self/mountinfo",
        );
        assert!(!output.contains(&marker));
        assert!(!output.contains("inside"), "the launcher's path: {output}");
        assert!(
            !output.contains("/glovebox"),
            "the launcher's pid: {output}"
        );
    });
}

#[test]
fn the_hostname_and_machine_are_its_own() {
    as_everyone(|starter| {
        let first = output_of(starter, "cat /etc/hostname /etc/machine-id");
        let second = output_of(starter, "cat /etc/hostname /etc/machine-id");
        assert!(first.starts_with("test\n"));
        assert_ne!(first, second, "each has a machine id of its own");
        let host = fs::read_to_string("/etc/machine-id").unwrap_or_else(|_| "none".into());
        assert!(!first.contains(host.trim()) || host.trim().is_empty());
    });
}

#[test]
fn devices_are_the_harmless_five_and_own_terminals() {
    as_everyone(|starter| {
        let names = output_of(
            starter,
            "ls /dev; head -c4 /dev/urandom | wc -c; echo x > /dev/null; ls /dev/pts",
        );
        assert_eq!(
            names,
            "fd\nfull\nnull\nptmx\npts\nrandom\nshm\nstderr\nstdin\nstdout\nurandom\nzero\n4\nptmx\n"
        );
    });
}

#[test]
fn the_owners_inotify_instances_are_not_all_taken() {
    as_everyone(|starter| {
        let limits = output_of(
            starter,
            "cat /proc/sys/user/max_user_namespaces /proc/sys/user/max_inotify_instances",
        );
        assert_eq!(limits, "0\n64\n");
    });
}

#[test]
fn what_the_host_mounts_later_stays_out() {
    // Only root can mount on the host; in a namespace of the test's own it would prove nothing.
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let starter = Starter::Root;
    let scratch = Scratch::new(starter);
    let work = scratch.directory("work", starter);
    let sub = scratch.directory("work/sub", starter);
    let mut plan = plan_for("echo ready; read line; ls /workspace/sub");
    add_mount(&mut plan, &work, "/workspace", "read");
    let mut jail = Jail::start_with(starter, &plan, |command| {
        command.stdin(std::process::Stdio::piped());
    });
    assert_eq!(jail.read_line(), "ready");
    let mount = |args: &[&std::ffi::OsStr]| {
        let done = std::process::Command::new("mount").args(args).status();
        assert!(done.is_ok_and(|status| status.success()));
    };
    mount(&[
        "-t".as_ref(),
        "tmpfs".as_ref(),
        "none".as_ref(),
        sub.as_ref(),
    ]);
    fs::write(sub.join("later"), "").expect("a file");
    use std::io::Write;
    let mut stdin = jail.child.stdin.take().expect("stdin is piped");
    stdin.write_all(b"\n").expect("room");
    let outcome = jail.finish();
    let unmounted = std::process::Command::new("umount").arg(&sub).status();
    assert!(unmounted.is_ok_and(|status| status.success()));
    assert_eq!(outcome.stdout, "", "{outcome:#?}");
    eventually("the mount is gone", || fs::remove_dir(&sub).is_ok());
}
