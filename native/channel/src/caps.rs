//! What is capped, as docs/channel.md tells it to the host.

use std::time::Duration;

/// Connections at the same time; further ones wait in the backlog.
pub const CONNECTIONS: usize = 16;
/// Calls at the same time on one connection.
pub const STREAMS: u32 = 1024;
/// Programs at the same time by Exec.
pub const PROGRAMS: usize = 256;
/// One message, without what frames it.
pub const MESSAGE: usize = (1 << 20) + 1024;
pub const HEADERS: u32 = 16 << 10;
pub const FRAME: u32 = 1 << 20;
/// A whole message fits in, so that none has to be paid for before it is complete: what lies here half received is never
/// more than the windows of all connections, which is less than the agent may have.
pub const STREAM_WINDOW: u32 = (1 << 20) + (64 << 10);
pub const CONNECTION_WINDOW: u32 = 8 << 20;
/// Of a guest's one connection, over which all of the machine goes: what nobody in it takes must not hold up the rest.
pub const GUEST_WINDOW: u32 = 64 << 20;
/// Streams that were reset by the peer before we looked at them (rapid reset, CVE-2023-44487).
pub const RESETS: usize = 64;
/// Our own data in one message.
pub const CHUNK: usize = 256 << 10;
/// From the connection to the end of its Hello: until then it holds one of the places above, and has shown nothing for it.
pub const HELLO: Duration = Duration::from_secs(5);
/// The same in a guest, whose one connection takes no place from another, and which may share its host with hundreds of its kind.
pub const GUEST_HELLO: Duration = Duration::from_secs(60);
/// From a request to the program's `execve`, or its error.
pub const SPAWN: Duration = Duration::from_secs(5);
/// Bytes of arguments and environment together, and the number of each.
pub const WORDS: usize = 512 << 10;
pub const WORD_COUNT: usize = 4096;
pub const LISTED: usize = 100_000;
pub const ARCHIVED: u64 = 1_000_000;
pub const DEPTH: usize = 128;
pub const LISTENERS: usize = 64;
