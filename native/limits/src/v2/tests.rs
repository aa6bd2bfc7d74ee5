#![allow(clippy::unwrap_used)]
use super::*;
use crate::group;

/// A tree of ordinary files that looks like cgroup2, which a test can lay out as it likes.
struct Tree(PathBuf);

impl Tree {
    fn new(name: &str) -> Self {
        let root = std::env::temp_dir().join(format!("glovebox-v2-{name}-{}", std::process::id()));
        let tree = Self(root);
        tree.group("", "");
        tree
    }

    fn group(&self, path: &str, hands_down: &str) -> PathBuf {
        let directory = self.0.join(path);
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join("cgroup.subtree_control"), hands_down).unwrap();
        fs::write(directory.join("cgroup.procs"), "").unwrap();
        directory
    }

    fn hierarchy(&self, own: &str) -> Hierarchy {
        let root = "/".to_owned();
        Hierarchy {
            version: Version::Two,
            mount: self.0.clone(),
            root,
            controllers: Vec::new(),
            own: Some(own.to_owned()),
        }
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

const USER: &str = "user.slice/user-1000.slice/user@1000.service";

#[test]
fn a_user_of_systemd_gets_a_place_in_their_own_service() {
    let tree = Tree::new("service");
    tree.group("user.slice", "memory pids");
    tree.group("user.slice/user-1000.slice", "memory pids");
    tree.group(USER, "memory pids");
    // `glovebox` is there from an earlier start.
    let home = tree.group(&format!("{USER}/glovebox"), "memory pids");
    let hierarchy = tree.hierarchy(&format!("/{USER}/app.slice/editor.scope"));
    let found = base(&hierarchy, 1000, &["memory", "pids"]).unwrap();
    assert_eq!(
        found,
        Base {
            directory: home,
            controllers: vec!["memory".into(), "pids".into()],
            missing: String::new()
        }
    );
}

#[test]
fn a_group_that_hands_nothing_down_is_passed_over() {
    let tree = Tree::new("some");
    let service = tree.group("own.service", "");
    // What is a directory takes no words.
    fs::remove_file(service.join("cgroup.subtree_control")).unwrap();
    fs::create_dir(service.join("cgroup.subtree_control")).unwrap();
    let found = base(&tree.hierarchy("/own.service/main"), 1000, &["memory"]).unwrap();
    assert_eq!(found.directory, tree.0);
    fs::remove_file(tree.0.join("cgroup.subtree_control")).unwrap();
    let refused = base(&tree.hierarchy("/own.service/main"), 1000, &["memory"]).unwrap_err();
    assert!(
        refused.contains("own.service/cgroup.subtree_control does not take +memory"),
        "{refused}"
    );
}

#[test]
fn the_nearest_ancestor_is_taken_and_never_our_own_group() {
    let tree = Tree::new("nearest");
    tree.group("a", "memory");
    let nearest = tree.group("a/b", "memory");
    tree.group("a/b/own", "memory");
    let found = base(&tree.hierarchy("/a/b/own"), 1000, &["memory"]).unwrap();
    assert_eq!(found.directory, nearest);
}

#[test]
fn a_mount_that_does_not_show_us_is_no_place() {
    let tree = Tree::new("elsewhere");
    let hierarchy = Hierarchy {
        root: "/docker/1".to_owned(),
        ..tree.hierarchy("/other")
    };
    let refused = base(&hierarchy, 0, &["memory"]).unwrap_err();
    assert!(
        refused.contains("does not show the cgroup that we are in"),
        "{refused}"
    );
}

/// The real tree, where there is one with a controller to spare that no other tree has.
#[test]
fn the_kernel_hands_down_moves_and_kills_as_we_think() {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let own = fs::read_to_string("/proc/self/cgroup").unwrap();
    let hierarchies = crate::hierarchy::parse(&mounts, &own);
    let Some(tree) = hierarchy(&hierarchies) else {
        return;
    };
    let there = controllers(tree);
    let (Some(controller), 0) = (there.first(), rustix::process::geteuid().as_raw()) else {
        return;
    };
    let before = fs::read_to_string(tree.mount.join("cgroup.subtree_control")).unwrap();
    // One that the tree does not have does not take the others with it.
    let found = base(tree, 0, &["no-such", controller]).unwrap();
    assert_eq!(found.controllers, [controller.as_str()]);
    assert!(found.missing.contains("+no-such"), "{}", found.missing);
    let group = Group::create(
        found
            .directory
            .join(format!("glovebox-test-{}", std::process::id())),
        Version::Two,
    )
    .unwrap();
    assert!(group.read(&format!("{controller}.max")).is_ok());
    // SAFETY: the child joins, says so with its status file, and waits to be killed.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let joined = group::join(&[group.entry()]).is_ok();
        if joined {
            // SAFETY: no pointers.
            unsafe { libc::pause() };
        }
        // SAFETY: ends the child at once.
        unsafe { libc::_exit(1) };
    }
    while !listed(&group.path.join("cgroup.procs"), &child.to_string()) {
        let mut status = 0;
        // SAFETY: `status` is ours.
        let ended = unsafe { libc::waitpid(child, &mut status, libc::WNOHANG) };
        assert_eq!(ended, 0, "the child could not join");
    }
    let path = group.path.clone();
    let removed = std::thread::spawn(move || group::remove(&path));
    let mut status = 0;
    // SAFETY: `status` is ours.
    assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
    assert!(libc::WIFSIGNALED(status));
    removed.join().unwrap().unwrap();

    // The tree is left as it was.
    if !before
        .split_ascii_whitespace()
        .any(|name| name == controller)
    {
        group::remove(&found.directory).unwrap();
        group::remove(found.directory.parent().unwrap()).unwrap();
        fs::write(
            tree.mount.join("cgroup.subtree_control"),
            format!("-{controller}"),
        )
        .unwrap();
    }
}
