//! Writing into a file where it stands, for who wants it as a file system has it.

use std::os::fd::OwnedFd;

use glovebox_wire::inside::{UpdateData, UpdateInput, UpdateInputCase, UpdateStart};
use rustix::fs::{fchmod, fstat, ftruncate, openat, FileType, Mode, OFlags};
use rustix::io::{retry_on_intr, Errno};

use super::change::apply;
use super::names::{info, last_part};
use super::path::{checked, follow, missing, shown, told, Base};
use crate::rpc::{Inbound, Reply};
use crate::status::{Result, Status};

pub async fn update(tree: &OwnedFd, inbound: &mut Inbound, reply: &Reply) -> Result<()> {
    let first = inbound
        .next::<UpdateInput>()
        .await?
        .and_then(|first| first.input);
    let Some(UpdateInputCase::Start(start)) = first else {
        return Err(Status::invalid("the first message must be `start`"));
    };
    let path = start.file.as_ref().ok_or_else(missing)?;
    let bytes = checked(path)?;
    let file = open(tree, &start, bytes)?;
    reply.begin()?;
    while let Some(message) = inbound.next::<UpdateInput>().await? {
        match message.input {
            Some(UpdateInputCase::Data(data)) => {
                put(&file, &data, start.append).map_err(told(bytes))?;
            }
            Some(UpdateInputCase::Change(change)) => {
                apply(&file, &change).map_err(told(bytes))?;
            }
            Some(UpdateInputCase::Start(_)) => return Err(Status::invalid("`start` comes once")),
            None => {}
        }
    }
    let stat = fstat(&file).map_err(told(bytes))?;
    reply.send(&info(&stat, last_part(bytes))).await
}

/// A regular file, there or made. What is there is looked at before anything of it is cut off.
fn open(tree: &OwnedFd, start: &UpdateStart, bytes: &[u8]) -> Result<OwnedFd> {
    let path = start.file.as_ref().ok_or_else(missing)?;
    let base = Base::of(tree, path)?;
    let append = match start.append {
        true => OFlags::APPEND,
        false => OFlags::empty(),
    };
    // Without waiting for a FIFO's other end; means nothing to a regular file.
    let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::NOCTTY | append;
    let make = || {
        let (parent, name) = base.parent(bytes)?;
        let new = OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let made = openat(&parent, name, flags | new, Mode::from_raw_mode(0o600))?;
        // Whatever the umask was.
        fchmod(&made, Mode::from_raw_mode(start.mode & 0o777))?;
        Ok(made)
    };
    if start.create_only {
        return make().map_err(told(bytes));
    }
    let file = match base.open(bytes, flags | follow(path)) {
        Err(Errno::NOENT) if start.create => return make().map_err(told(bytes)),
        opened => opened.map_err(told(bytes))?,
    };
    let stat = fstat(&file).map_err(told(bytes))?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        let what = format!("{}: is not a regular file", shown(bytes));
        return Err(Status::invalid(what));
    }
    if start.truncate {
        ftruncate(&file, 0).map_err(told(bytes))?;
    }
    Ok(file)
}

fn put(file: &OwnedFd, data: &UpdateData, append: bool) -> std::result::Result<(), Errno> {
    let (mut bytes, mut at) = (&data.data[..], data.offset);
    while !bytes.is_empty() {
        let written = match append {
            true => retry_on_intr(|| rustix::io::write(file, bytes))?,
            false => retry_on_intr(|| rustix::io::pwrite(file, bytes, at))?,
        };
        bytes = &bytes[written..];
        // The kernel takes no offset above i64::MAX, so this cannot be reached by what was written.
        at = at.saturating_add(written as u64);
    }
    Ok(())
}
