//! Names in the tree that the caller sees, resolved from outside.

use std::os::fd::OwnedFd;

use rustix::fs::{OFlags, ResolveFlags};
use rustix::io::Errno;

use super::target::Target;

/// The object that a path of the caller's leads to, as a descriptor that only names it. `..` and
/// links stay within the caller's tree; a link of `/proc` (which would be about us) is ELOOP.
///
/// The tree can change at once. Who decides looks at the descriptor, which does not.
pub fn object(target: &Target, directory: i32, spelled: &[u8]) -> Result<OwnedFd, Errno> {
    let root = target.root()?;
    glovebox_lookup::open(
        &root,
        absolute(target, directory, spelled)?,
        OFlags::PATH,
        ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS,
    )
}

/// The path from the root of the caller's tree; not normalized.
pub fn absolute(target: &Target, directory: i32, spelled: &[u8]) -> Result<Vec<u8>, Errno> {
    if spelled.starts_with(b"/") {
        return Ok(spelled.to_vec());
    }
    let mut path = target.directory(directory)?;
    if !spelled.is_empty() {
        path.push(b'/');
        path.extend_from_slice(spelled);
    }
    Ok(path)
}

/// For the record: as the program spelled it, from the root where that is known.
pub fn recorded(target: &Target, directory: i32, spelled: &[u8]) -> String {
    super::record::cut(&absolute(target, directory, spelled).unwrap_or_else(|_| spelled.to_vec()))
}
