//! `/init` of a guest: makes a machine out of a kernel, and starts sandboxes there for the host by the launcher that
//! this program is too. Why in this order: native/inside/README.md, "As /init of a guest".

mod boot;
mod devices;
mod figures;
mod machine;
mod modules;
mod mounts;
mod names;
mod port;
mod serve;
mod standstill;
mod vsock;

use std::convert::Infallible;
use std::fs::OpenOptions;
use std::io::Write;

use crate::fault::Outcome;

/// The kernel has started us, as the initrd's own program.
pub fn is_init() -> bool {
    rustix::process::getpid() == rustix::process::Pid::INIT
        && std::env::args_os()
            .next()
            .is_some_and(|name| name == "/init")
}

/// Comes back only where the kernel cannot be told to stop, which takes pid 1's end for a reason to.
pub fn run() -> i32 {
    let why = match serve() {
        Ok(never) => match never {},
        Err(fault) => fault.message,
    };
    // The host reads the console; the channel may not be there to say it.
    if let Ok(mut console) = OpenOptions::new().write(true).open("/dev/console") {
        let _said = console.write_all(format!("glovebox: {why}\n").as_bytes());
    }
    machine::stop();
    1
}

fn serve() -> Outcome<Infallible> {
    let way = boot::boot()?;
    serve::serve(way)
}
