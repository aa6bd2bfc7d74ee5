//! Exchanges two names for ever, as a hostile neighbour would while a sandbox starts: `flip A B`

use super::unable;
use crate::sys;
use crate::sys::c;

pub fn run(words: &[String]) -> i32 {
    let [one, other] = words else {
        return unable("flip", "A B");
    };
    let (one, other) = (c(one), c(other));
    println!("{{\"ready\":true}}");
    loop {
        let swapped = sys!(
            libc::SYS_renameat2,
            -100,
            one.as_ptr(),
            -100,
            other.as_ptr(),
            libc::RENAME_EXCHANGE
        );
        if let Err(errno) = swapped {
            return unable("exchange", errno);
        }
    }
}
