//! Files: the sandbox's tree. Paths are resolved by the kernel below a directory that is open (openat2), so that
//! what the sandbox does to the tree meanwhile leads nowhere else.

mod archive;
mod content;
mod names;
mod path;
mod tar;
mod temporary;

pub use archive::{tar_in, tar_out, LEFT_OUT};
pub use content::{read, write};
pub use names::{list, make_directory, remove, stat};
