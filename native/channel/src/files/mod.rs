//! Files: the sandbox's tree. Paths are resolved by the kernel below a directory that is open (openat2), so that
//! what the sandbox does to the tree meanwhile leads nowhere else.

mod change;
mod content;
mod names;
mod pack;
mod path;
mod tar;
mod temporary;
mod unpack;
mod update;

use crate::status::{Code, Status};

pub use change::{change, make_link, rename};
pub use content::{read, write};
pub use names::{list, make_directory, remove, stat};
pub use pack::{tar_out, LEFT_OUT};
pub use unpack::tar_in;
pub use update::update;

/// One of the caps of docs/channel.md.
fn too_much(what: &str) -> Status {
    Status::new(Code::ResourceExhausted, what)
}
