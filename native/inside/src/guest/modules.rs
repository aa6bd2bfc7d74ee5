//! The kernel's modules, from the initrd, in the order that was found when the image was made: nothing is searched for.

use std::fs;
use std::path::Path;

use rustix::fs::{open, Mode, OFlags};
use rustix::io::Errno;
use rustix::system::finit_module;

use crate::fault::{Fault, Outcome, Step};
use crate::kernel::c_str;

const STAGE: &str = "modules";
const DIRECTORY: &str = "/modules";

/// A kernel that has all it needs built in comes without the directory.
pub fn load() -> Outcome<()> {
    let order = match fs::read_to_string(Path::new(DIRECTORY).join("order")) {
        Ok(order) => order,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Fault::host(STAGE, format!("{DIRECTORY}/order: {error}"))),
    };
    for name in order.lines().filter(|name| !name.is_empty()) {
        let path = format!("{DIRECTORY}/{name}");
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let module = open(&path, flags, Mode::empty()).step(STAGE, || path.clone())?;
        match finit_module(&module, c_str(b"\0"), 0) {
            // Built in.
            Ok(()) | Err(Errno::EXIST) => {}
            Err(errno) => return Err(Fault::call(STAGE, &format!("load {name}"), errno)),
        }
    }
    // The initrd is memory.
    fs::remove_dir_all(DIRECTORY)
        .map_err(|error| Fault::host(STAGE, format!("remove {DIRECTORY}: {error}")))
}
