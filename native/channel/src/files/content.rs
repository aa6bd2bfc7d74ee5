//! Calls about content. Regular files only: a FIFO or a device could keep this process waiting.

use std::os::fd::{AsFd, OwnedFd};

use glovebox_wire::inside::{FileInfo, FilePath, ReadRequest, WriteInput, WriteInputCase};
use rustix::fs::{fstat, FileType, OFlags};
use rustix::io::retry_on_intr;

use super::names::{info, last_part};
use super::path::{checked, follow, missing, shown, told, Base};
use super::temporary::{of_ms, Temporary};
use crate::caps;
use crate::rpc::{Chunk, Inbound, Reply};
use crate::status::{Result, Status};

/// Field of Bytes.
const DATA: u32 = 1;

pub async fn read(tree: &OwnedFd, request: &ReadRequest, reply: &Reply) -> Result<()> {
    let path = request.file.as_ref().ok_or_else(missing)?;
    let file = open_regular(tree, path)?;
    reply.begin()?;
    let mut at = request.offset;
    let mut left = request.length.unwrap_or(u64::MAX);
    while left > 0 {
        let wanted = left.min(caps::CHUNK as u64) as usize;
        let mut chunk = Chunk::new(wanted);
        let length = retry_on_intr(|| rustix::io::pread(&file, chunk.space(), at))
            .map_err(told(&path.path))?;
        if length == 0 {
            break;
        }
        at += length as u64;
        left -= length as u64;
        reply.send_frame(chunk.framed(DATA, length)).await?;
    }
    Ok(())
}

fn open_regular(tree: &OwnedFd, path: &FilePath) -> Result<OwnedFd> {
    let base = Base::of(tree, path)?;
    let bytes = checked(path)?;
    // Without waiting for a FIFO's other end; means nothing to a regular file.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | follow(path);
    let file = base.open(bytes, flags).map_err(told(bytes))?;
    let stat = fstat(&file).map_err(told(bytes))?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Ok(file),
        _ => Err(Status::invalid(format!(
            "{}: is not a regular file",
            shown(bytes)
        ))),
    }
}

pub async fn write(tree: &OwnedFd, inbound: &mut Inbound) -> Result<FileInfo> {
    let first = inbound
        .next::<WriteInput>()
        .await?
        .and_then(|first| first.input);
    let Some(WriteInputCase::Start(start)) = first else {
        return Err(Status::invalid("the first message must be `start`"));
    };
    let path = start.file.as_ref().ok_or_else(missing)?;
    let base = Base::of(tree, path)?;
    let bytes = checked(path)?;
    let (parent, name) = base.parent(bytes).map_err(told(bytes))?;
    let file = Temporary::new(parent.as_fd()).map_err(told(bytes))?;
    while let Some(message) = inbound.next::<WriteInput>().await? {
        match message.input {
            Some(WriteInputCase::Data(data)) => file.write(&data).map_err(told(bytes))?,
            Some(WriteInputCase::Start(_)) => return Err(Status::invalid("`start` comes once")),
            None => {}
        }
    }
    let modified = start.modified_ms.map(of_ms);
    let named = file
        .name(name, start.mode, modified, start.create_only)
        .map_err(told(bytes))?;
    let stat = fstat(&named).map_err(told(bytes))?;
    Ok(info(&stat, last_part(bytes)))
}
