//! openat2(2), which gives up on a `..` (of the path, or of a link on its way) when anything was renamed or mounted meanwhile
//! on the whole machine: it cannot tell whether the way out of the directory was taken.

use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{openat2, Mode, OFlags, ResolveFlags};
use rustix::io::{Errno, Result};

/// A busy machine takes a few. A sandbox that renames all the time must not hold us up for longer.
const TRIES: usize = 128;

/// What is at a path from `directory`, within the bounds of `resolve`. EAGAIN only from a machine on which names never rest.
pub fn open(
    directory: impl AsFd,
    path: impl AsRef<[u8]>,
    flags: OFlags,
    resolve: ResolveFlags,
) -> Result<OwnedFd> {
    let (directory, path) = (directory.as_fd(), path.as_ref());
    let flags = flags | OFlags::CLOEXEC;
    let once = || openat2(directory, path, flags, Mode::empty(), resolve);
    for _ in 1..TRIES {
        match once() {
            Err(Errno::AGAIN) => {}
            done => return done,
        }
    }
    once()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{create_dir, remove_dir_all, rename, File};
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::{Duration, Instant};

    #[test]
    fn renames_elsewhere_do_not_get_in_the_way_of_a_parent_directory() {
        let place = std::env::temp_dir().join(format!("glovebox-lookup-{}", std::process::id()));
        create_dir(&place).expect("a directory");
        create_dir(place.join("a")).expect("a directory");
        let (one, other) = (place.join("one"), place.join("other"));
        let tree = File::create(&one)
            .and_then(|_| File::open(&place))
            .expect("open");
        let stop = AtomicBool::new(false);
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        let path = &b"a/../a/../a"[..];
        let plainly = || openat2(&tree, path, flags, Mode::empty(), ResolveFlags::IN_ROOT);
        let gives_up = |found: Result<OwnedFd>| found.is_err_and(|errno| errno == Errno::AGAIN);
        let until = Instant::now() + Duration::from_secs(30);
        let (mut met, mut given_up) = (0, 0);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    rename(&one, &other)
                        .and_then(|()| rename(&other, &one))
                        .expect("a new name");
                }
            });
            // As often as it takes for renames to have come between.
            while met < 100 && Instant::now() < until {
                met += usize::from(gives_up(plainly()));
                given_up += usize::from(gives_up(open(&tree, path, flags, ResolveFlags::IN_ROOT)));
            }
            stop.store(true, Ordering::Relaxed);
        });
        remove_dir_all(&place).expect("removed");
        assert_eq!((met, given_up), (100, 0));
    }
}
