//! The messages of `proto/glovebox/inside/v1/inside.proto`, which says what they mean.
//!
//! Generated: `GLOVEBOX_GENERATE=1 cargo test -p glovebox-wire --test generated` writes it anew.

use bytes::BytesMut;

use crate::message::{self, Layout, Message, Reader, Result};

/// Full names of the services.
pub const SERVICES: [&str; 8] = [
    "glovebox.inside.v1.Hello",
    "glovebox.inside.v1.Exec",
    "glovebox.inside.v1.Files",
    "glovebox.inside.v1.Ports",
    "glovebox.inside.v1.Egress",
    "glovebox.inside.v1.Stats",
    "glovebox.inside.v1.Machine",
    "glovebox.inside.v1.Guest",
];

/// Every call there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    HelloHello,
    ExecExec,
    ExecSignal,
    FilesStat,
    FilesList,
    FilesRead,
    FilesWrite,
    FilesMakeDirectory,
    FilesRemove,
    FilesTarOut,
    FilesTarIn,
    FilesChange,
    FilesRename,
    FilesMakeLink,
    FilesUpdate,
    PortsConnect,
    EgressAccept,
    StatsRead,
    MachineSetClock,
    MachineReseed,
    MachinePowerOff,
    GuestIdentify,
    GuestMountGiven,
    GuestStart,
    GuestResume,
    GuestCommand,
    GuestCloseOutput,
    GuestAccept,
}

impl Call {
    /// By the path of a request.
    pub fn at(path: &str) -> Option<Call> {
        Some(match path {
            "/glovebox.inside.v1.Hello/Hello" => Call::HelloHello,
            "/glovebox.inside.v1.Exec/Exec" => Call::ExecExec,
            "/glovebox.inside.v1.Exec/Signal" => Call::ExecSignal,
            "/glovebox.inside.v1.Files/Stat" => Call::FilesStat,
            "/glovebox.inside.v1.Files/List" => Call::FilesList,
            "/glovebox.inside.v1.Files/Read" => Call::FilesRead,
            "/glovebox.inside.v1.Files/Write" => Call::FilesWrite,
            "/glovebox.inside.v1.Files/MakeDirectory" => Call::FilesMakeDirectory,
            "/glovebox.inside.v1.Files/Remove" => Call::FilesRemove,
            "/glovebox.inside.v1.Files/TarOut" => Call::FilesTarOut,
            "/glovebox.inside.v1.Files/TarIn" => Call::FilesTarIn,
            "/glovebox.inside.v1.Files/Change" => Call::FilesChange,
            "/glovebox.inside.v1.Files/Rename" => Call::FilesRename,
            "/glovebox.inside.v1.Files/MakeLink" => Call::FilesMakeLink,
            "/glovebox.inside.v1.Files/Update" => Call::FilesUpdate,
            "/glovebox.inside.v1.Ports/Connect" => Call::PortsConnect,
            "/glovebox.inside.v1.Egress/Accept" => Call::EgressAccept,
            "/glovebox.inside.v1.Stats/Read" => Call::StatsRead,
            "/glovebox.inside.v1.Machine/SetClock" => Call::MachineSetClock,
            "/glovebox.inside.v1.Machine/Reseed" => Call::MachineReseed,
            "/glovebox.inside.v1.Machine/PowerOff" => Call::MachinePowerOff,
            "/glovebox.inside.v1.Guest/Identify" => Call::GuestIdentify,
            "/glovebox.inside.v1.Guest/MountGiven" => Call::GuestMountGiven,
            "/glovebox.inside.v1.Guest/Start" => Call::GuestStart,
            "/glovebox.inside.v1.Guest/Resume" => Call::GuestResume,
            "/glovebox.inside.v1.Guest/Command" => Call::GuestCommand,
            "/glovebox.inside.v1.Guest/CloseOutput" => Call::GuestCloseOutput,
            "/glovebox.inside.v1.Guest/Accept" => Call::GuestAccept,
            _ => return None,
        })
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct HelloRequest {
    pub oldest: u32,
    pub newest: u32,
}

impl Message for HelloRequest {
    fn encode(&self, out: &mut BytesMut) {
        if self.oldest != 0 {
            let value = &self.oldest;
            message::put_number(1, u64::from(*value), out);
        }
        if self.newest != 0 {
            let value = &self.newest;
            message::put_number(2, u64::from(*value), out);
        }
    }

    fn take(&mut self, number: u32, layout: Layout, reader: &mut Reader) -> Result<()> {
        match number {
            1 => self.oldest = reader.u32(layout)?,
            2 => self.newest = reader.u32(layout)?,
            _ => reader.skip(layout)?,
        }
        Ok(())
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct HelloReply {
    pub protocol: u32,
    pub version: String,
    pub generation: u64,
    pub instance: bytes::Bytes,
    pub enforcements: Vec<Enforcement>,
    pub services: Vec<String>,
}

impl Message for HelloReply {
    fn encode(&self, out: &mut BytesMut) {
        if self.protocol != 0 {
            let value = &self.protocol;
            message::put_number(1, u64::from(*value), out);
        }
        if !self.version.is_empty() {
            let value = &self.version;
            message::put_bytes(2, value.as_bytes(), out);
        }
        if self.generation != 0 {
            let value = &self.generation;
            message::put_number(3, *value, out);
        }
        if !self.instance.is_empty() {
            let value = &self.instance;
            message::put_bytes(4, value, out);
        }
        for value in &self.enforcements {
            message::put_message(5, value, out);
        }
        for value in &self.services {
            message::put_bytes(6, value.as_bytes(), out);
        }
    }

    fn take(&mut self, number: u32, layout: Layout, reader: &mut Reader) -> Result<()> {
        match number {
            1 => self.protocol = reader.u32(layout)?,
            2 => self.version = reader.string(layout)?,
            3 => self.generation = reader.u64(layout)?,
            4 => self.instance = reader.bytes(layout)?,
            5 => message::push(&mut self.enforcements, reader.message(layout)?)?,
            6 => message::push(&mut self.services, reader.string(layout)?)?,
            _ => reader.skip(layout)?,
        }
        Ok(())
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Enforcement {
    pub control: String,
    pub mechanism: String,
    pub enforced: bool,
}

impl Message for Enforcement {
    fn encode(&self, out: &mut BytesMut) {
        if !self.control.is_empty() {
            let value = &self.control;
            message::put_bytes(1, value.as_bytes(), out);
        }
        if !self.mechanism.is_empty() {
            let value = &self.mechanism;
            message::put_bytes(2, value.as_bytes(), out);
        }
        if self.enforced {
            let value = &self.enforced;
            message::put_number(3, u64::from(*value), out);
        }
    }

    fn take(&mut self, number: u32, layout: Layout, reader: &mut Reader) -> Result<()> {
        match number {
            1 => self.control = reader.string(layout)?,
            2 => self.mechanism = reader.string(layout)?,
            3 => self.enforced = reader.bool(layout)?,
            _ => reader.skip(layout)?,
        }
        Ok(())
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct SignalRequest {
    pub pid: i32,
    pub signal: i32,
}

impl Message for SignalRequest {
    fn encode(&self, out: &mut BytesMut) {
        if self.pid != 0 {
            let value = &self.pid;
            message::put_number(1, i64::from(*value) as u64, out);
        }
        if self.signal != 0 {
            let value = &self.signal;
            message::put_number(2, i64::from(*value) as u64, out);
        }
    }

    fn take(&mut self, number: u32, layout: Layout, reader: &mut Reader) -> Result<()> {
        match number {
            1 => self.pid = reader.i32(layout)?,
            2 => self.signal = reader.i32(layout)?,
            _ => reader.skip(layout)?,
        }
        Ok(())
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExecInput {
    pub input: Option<ExecInputCase>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum ExecInputCase {
    Start(ExecStart),
    Stdin(bytes::Bytes),
    StdinEnd(Empty),
    Signal(i32),
    Resize(TerminalSize),
}

impl Message for ExecInput {
    fn encode(&self, out: &mut BytesMut) {
        match &self.input {
            None => {}
            Some(ExecInputCase::Start(value)) => {
                message::put_message(1, value, out);
            }
            Some(ExecInputCase::Stdin(value)) => {
                message::put_bytes(2, value, out);
            }
            Some(ExecInputCase::StdinEnd(value)) => {
                message::put_message(3, value, out);
            }
            Some(ExecInputCase::Signal(value)) => {
                message::put_number(4, i64::from(*value) as u64, out);
            }
            Some(ExecInputCase::Resize(value)) => {
                message::put_message(5, value, out);
            }
        }
    }

    fn take(&mut self, number: u32, layout: Layout, reader: &mut Reader) -> Result<()> {
        match number {
            1 => self.input = Some(ExecInputCase::Start(reader.message(layout)?)),
            2 => self.input = Some(ExecInputCase::Stdin(reader.bytes(layout)?)),
            3 => self.input = Some(ExecInputCase::StdinEnd(reader.message(layout)?)),
            4 => self.input = Some(ExecInputCase::Signal(reader.i32(layout)?)),
            5 => self.input = Some(ExecInputCase::Resize(reader.message(layout)?)),
            _ => reader.skip(layout)?,
        }
        Ok(())
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExecStart {
    pub argv: Vec<bytes::Bytes>,
    pub environment: Vec<bytes::Bytes>,
    pub environment_only: bool,
    pub directory: Option<bytes::Bytes>,
    pub terminal: Option<TerminalSize>,
}

impl Message for ExecStart {
    fn encode(&self, out: &mut BytesMut) {
        for value in &self.argv {
            message::put_bytes(1, value, out);
        }
        for value in &self.environment {
            message::put_bytes(2, value, out);
        }
        if self.environment_only {
            let value = &self.environment_only;
            message::put_number(3, u64::from(*value), out);
        }
        if let Some(value) = &self.directory {
            message::put_bytes(4, value, out);
        }
        if let Some(value) = &self.terminal {
            message::put_message(5, value, out);
        }
    }

    fn take(&mut self, number: u32, layout: Layout, reader: &mut Reader) -> Result<()> {
        match number {
            1 => message::push(&mut self.argv, reader.bytes(layout)?)?,
            2 => message::push(&mut self.environment, reader.bytes(layout)?)?,
            3 => self.environment_only = reader.bool(layout)?,
            4 => self.directory = Some(reader.bytes(layout)?),
            5 => self.terminal = Some(reader.message(layout)?),
            _ => reader.skip(layout)?,
        }
        Ok(())
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct TerminalSize {
    pub rows: u32,
    pub columns: u32,
}

impl Message for TerminalSize {
    fn encode(&self, out: &mut BytesMut) {
        if self.rows != 0 {
            let value = &self.rows;
            message::put_number(1, u64::from(*value), out);
        }
        if self.columns != 0 {
            let value = &self.columns;
            message::put_number(2, u64::from(*value), out);
        }
    }

    fn take(&mut self, number: u32, layout: Layout, reader: &mut Reader) -> Result<()> {
        match number {
            1 => self.rows = reader.u32(layout)?,
            2 => self.columns = reader.u32(layout)?,
            _ => reader.skip(layout)?,
        }
        Ok(())
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExecOutput {
    pub output: Option<ExecOutputCase>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum ExecOutputCase {
    Started(ExecStarted),
    Stdout(bytes::Bytes),
    Stderr(bytes::Bytes),
    Ended(ExecEnded),
}

impl Message for ExecOutput {
    fn encode(&self, out: &mut BytesMut) {
        match &self.output {
            None => {}
            Some(ExecOutputCase::Started(value)) => {
                message::put_message(1, value, out);
            }
            Some(ExecOutputCase::Stdout(value)) => {
                message::put_bytes(2, value, out);
            }
            Some(ExecOutputCase::Stderr(value)) => {
                message::put_bytes(3, value, out);
            }
            Some(ExecOutputCase::Ended(value)) => {
                message::put_message(4, value, out);
            }
        }
    }

    fn take(&mut self, number: u32, layout: Layout, reader: &mut Reader) -> Result<()> {
        match number {
            1 => self.output = Some(ExecOutputCase::Started(reader.message(layout)?)),
            2 => self.output = Some(ExecOutputCase::Stdout(reader.bytes(layout)?)),
            3 => self.output = Some(ExecOutputCase::Stderr(reader.bytes(layout)?)),
            4 => self.output = Some(ExecOutputCase::Ended(reader.message(layout)?)),
            _ => reader.skip(layout)?,
        }
        Ok(())
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExecStarted {
    pub pid: i32,
}

impl Message for ExecStarted {
    fn encode(&self, out: &mut BytesMut) {
        if self.pid != 0 {
            let value = &self.pid;
            message::put_number(1, i64::from(*value) as u64, out);
        }
    }

    fn take(&mut self, number: u32, layout: Layout, reader: &mut Reader) -> Result<()> {
        match number {
            1 => self.pid = reader.i32(layout)?,
            _ => reader.skip(layout)?,
        }
        Ok(())
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExecEnded {
    pub wall_ms: u64,
    pub cpu_ms: u64,
    pub peak_memory_bytes: u64,
    pub how: Option<ExecEndedHow>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum ExecEndedHow {
    Code(i32),
    Signal(i32),
    NotExecuted(i32),
}

impl Message for ExecEnded {
    fn encode(&self, out: &mut BytesMut) {
        if self.wall_ms != 0 {
            let value = &self.wall_ms;
            message::put_number(4, *value, out);
        }
        if self.cpu_ms != 0 {
            let value = &self.cpu_ms;
            message::put_number(5, *value, out);
        }
        if self.peak_memory_bytes != 0 {
            let value = &self.peak_memory_bytes;
            message::put_number(6, *value, out);
        }
        match &self.how {
            None => {}
            Some(ExecEndedHow::Code(value)) => {
                message::put_number(1, i64::from(*value) as u64, out);
            }
            Some(ExecEndedHow::Signal(value)) => {
                message::put_number(2, i64::from(*value) as u64, out);
            }
            Some(ExecEndedHow::NotExecuted(value)) => {
                message::put_number(3, i64::from(*value) as u64, out);
            }
        }
    }

    fn take(&mut self, number: u32, layout: Layout, reader: &mut Reader) -> Result<()> {
        match number {
            4 => self.wall_ms = reader.u64(layout)?,
            5 => self.cpu_ms = reader.u64(layout)?,
            6 => self.peak_memory_bytes = reader.u64(layout)?,
            1 => self.how = Some(ExecEndedHow::Code(reader.i32(layout)?)),
            2 => self.how = Some(ExecEndedHow::Signal(reader.i32(layout)?)),
            3 => self.how = Some(ExecEndedHow::NotExecuted(reader.i32(layout)?)),
            _ => reader.skip(layout)?,
        }
        Ok(())
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct FilePath {
    pub root: Option<bytes::Bytes>,
    pub path: bytes::Bytes,
    pub no_follow: bool,
}

impl Message for FilePath {
    fn encode(&self, out: &mut BytesMut) {
        if let Some(value) = &self.root {
            message::put_bytes(1, value, out);
        }
        if !self.path.is_empty() {
            let value = &self.path;
            message::put_bytes(2, value, out);
        }
        if self.no_follow {
            let value = &self.no_follow;
            message::put_number(3, u64::from(*value), out);
        }
    }

    fn take(&mut self, number: u32, layout: Layout, reader: &mut Reader) -> Result<()> {
        match number {
            1 => self.root = Some(reader.bytes(layout)?),
            2 => self.path = reader.bytes(layout)?,
            3 => self.no_follow = reader.bool(layout)?,
            _ => reader.skip(layout)?,
        }
        Ok(())
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FileKind {
    #[default]
    Unspecified = 0,
    Regular = 1,
    Directory = 2,
    Symlink = 3,
    Other = 4,
}

impl FileKind {
    /// A newer peer's value is no value of ours: the first one.
    fn of(number: i32) -> Self {
        match number {
            1 => Self::Regular,
            2 => Self::Directory,
            3 => Self::Symlink,
            4 => Self::Other,
            _ => Self::Unspecified,
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct FileInfo {
    pub name: bytes::Bytes,
    pub kind: FileKind,
    pub mode: u32,
    pub size: u64,
    pub modified_ms: i64,
    pub link: bytes::Bytes,
}

impl Message for FileInfo {
    fn encode(&self, out: &mut BytesMut) {
        if !self.name.is_empty() {
            let value = &self.name;
            message::put_bytes(1, value, out);
        }
        if self.kind as i32 != 0 {
            let value = &self.kind;
            message::put_number(2, *value as u64, out);
        }
        if self.mode != 0 {
            let value = &self.mode;
            message::put_number(3, u64::from(*value), out);
        }
        if self.size != 0 {
            let value = &self.size;
            message::put_number(4, *value, out);
        }
        if self.modified_ms != 0 {
            let value = &self.modified_ms;
            message::put_number(5, *value as u64, out);
        }
        if !self.link.is_empty() {
            let value = &self.link;
            message::put_bytes(6, value, out);
        }
    }

    fn take(&mut self, number: u32, layout: Layout, reader: &mut Reader) -> Result<()> {
        match number {
            1 => self.name = reader.bytes(layout)?,
            2 => self.kind = FileKind::of(reader.i32(layout)?),
            3 => self.mode = reader.u32(layout)?,
            4 => self.size = reader.u64(layout)?,
            5 => self.modified_ms = reader.i64(layout)?,
            6 => self.link = reader.bytes(layout)?,
            _ => reader.skip(layout)?,
        }
        Ok(())
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReadRequest {
    pub file: Option<FilePath>,
    pub offset: u64,
    pub length: Option<u64>,
}

impl Message for ReadRequest {
    fn encode(&self, out: &mut BytesMut) {
        if let Some(value) = &self.file {
            message::put_message(1, value, out);
        }
        if self.offset != 0 {
            let value = &self.offset;
            message::put_number(2, *value, out);
        }
        if let Some(value) = &self.length {
            message::put_number(3, *value, out);
        }
    }

    fn take(&mut self, number: u32, layout: Layout, reader: &mut Reader) -> Result<()> {
        match number {
            1 => self.file = Some(reader.message(layout)?),
            2 => self.offset = reader.u64(layout)?,
            3 => self.length = Some(reader.u64(layout)?),
            _ => reader.skip(layout)?,
        }
        Ok(())
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bytes {
    pub data: bytes::Bytes,
}

impl Message for Bytes {
    fn encode(&self, out: &mut BytesMut) {
        if !self.data.is_empty() {
            let value = &self.data;
            message::put_bytes(1, value, out);
        }
    }

    fn take(&mut self, number: u32, layout: Layout, reader: &mut Reader) -> Result<()> {
        match number {
            1 => self.data = reader.bytes(layout)?,
            _ => reader.skip(layout)?,
        }
        Ok(())
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct WriteInput {
    pub input: Option<WriteInputCase>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum WriteInputCase {
    Start(WriteStart),
    Data(bytes::Bytes),
}

impl Message for WriteInput {
    fn encode(&self, out: &mut BytesMut) {
        match &self.input {
            None => {}
            Some(WriteInputCase::Start(value)) => {
                message::put_message(1, value, out);
            }
            Some(WriteInputCase::Data(value)) => {
                message::put_bytes(2, value, out);
            }
        }
    }

    fn take(&mut self, number: u32, layout: Layout, reader: &mut Reader) -> Result<()> {
        match number {
            1 => self.input = Some(WriteInputCase::Start(reader.message(layout)?)),
            2 => self.input = Some(WriteInputCase::Data(reader.bytes(layout)?)),
            _ => reader.skip(layout)?,
        }
        Ok(())
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct WriteStart {
    pub file: Option<FilePath>,
    pub mode: u32,
    pub modified_ms: Option<i64>,
    pub create_only: bool,
}

impl Message for WriteStart {
    fn encode(&self, out: &mut BytesMut) {
        if let Some(value) = &self.file {
            message::put_message(1, value, out);
        }
        if self.mode != 0 {
            let value = &self.mode;
            message::put_number(2, u64::from(*value), out);
        }
        if let Some(value) = &self.modified_ms {
            message::put_number(3, *value as u64, out);
        }
        if self.create_only {
            let value = &self.create_only;
            message::put_number(4, u64::from(*value), out);
        }
    }

    fn take(&mut self, number: u32, layout: Layout, reader: &mut Reader) -> Result<()> {
        match number {
            1 => self.file = Some(reader.message(layout)?),
            2 => self.mode = reader.u32(layout)?,
            3 => self.modified_ms = Some(reader.i64(layout)?),
            4 => self.create_only = reader.bool(layout)?,
            _ => reader.skip(layout)?,
        }
        Ok(())
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct MakeDirectoryRequest {
    pub file: Option<FilePath>,
    pub mode: u32,
    pub parents: bool,
}

impl Message for MakeDirectoryRequest {
    fn encode(&self, out: &mut BytesMut) {
        if let Some(value) = &self.file {
            message::put_message(1, value, out);
        }
        if self.mode != 0 {
            let value = &self.mode;
            message::put_number(2, u64::from(*value), out);
        }
        if self.parents {
            let value = &self.parents;
            message::put_number(3, u64::from(*value), out);
        }
    }

    fn take(&mut self, number: u32, layout: Layout, reader: &mut Reader) -> Result<()> {
        match number {
            1 => self.file = Some(reader.message(layout)?),
            2 => self.mode = reader.u32(layout)?,
            3 => self.parents = reader.bool(layout)?,
            _ => reader.skip(layout)?,
        }
        Ok(())
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct RemoveRequest {
    pub file: Option<FilePath>,
    pub recursive: bool,
}

impl Message for RemoveRequest {
    fn encode(&self, out: &mut BytesMut) {
        if let Some(value) = &self.file {
            message::put_message(1, value, out);
        }
        if self.recursive {
            let value = &self.recursive;
            message::put_number(2, u64::from(*value), out);
        }
    }

    fn take(&mut self, number: u32, layout: Layout, reader: &mut Reader) -> Result<()> {
        match number {
            1 => self.file = Some(reader.message(layout)?),
            2 => self.recursive = reader.bool(layout)?,
            _ => reader.skip(layout)?,
        }
        Ok(())
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct TarInput {
    pub input: Option<TarInputCase>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum TarInputCase {
    Start(FilePath),
    Data(bytes::Bytes),
}

impl Message for TarInput {
    fn encode(&self, out: &mut BytesMut) {
        match &self.input {
            None => {}
            Some(TarInputCase::Start(value)) => {
                message::put_message(1, value, out);
            }
            Some(TarInputCase::Data(value)) => {
                message::put_bytes(2, value, out);
            }
        }
    }

    fn take(&mut self, number: u32, layout: Layout, reader: &mut Reader) -> Result<()> {
        match number {
            1 => self.input = Some(TarInputCase::Start(reader.message(layout)?)),
            2 => self.input = Some(TarInputCase::Data(reader.bytes(layout)?)),
            _ => reader.skip(layout)?,
        }
        Ok(())
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct TarResult {
    pub entries: u64,
    pub bytes: u64,
}

impl Message for TarResult {
    fn encode(&self, out: &mut BytesMut) {
        if self.entries != 0 {
            let value = &self.entries;
            message::put_number(1, *value, out);
        }
        if self.bytes != 0 {
            let value = &self.bytes;
            message::put_number(2, *value, out);
        }
    }

    fn take(&mut self, number: u32, layout: Layout, reader: &mut Reader) -> Result<()> {
        match number {
            1 => self.entries = reader.u64(layout)?,
            2 => self.bytes = reader.u64(layout)?,
            _ => reader.skip(layout)?,
        }
        Ok(())
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct FileChange {
    pub mode: Option<u32>,
    pub modified_ms: Option<i64>,
    pub size: Option<u64>,
}

impl Message for FileChange {
    fn encode(&self, out: &mut BytesMut) {
        if let Some(value) = &self.mode {
            message::put_number(1, u64::from(*value), out);
        }
        if let Some(value) = &self.modified_ms {
            message::put_number(2, *value as u64, out);
        }
        if let Some(value) = &self.size {
            message::put_number(3, *value, out);
        }
    }

    fn take(&mut self, number: u32, layout: Layout, reader: &mut Reader) -> Result<()> {
        match number {
            1 => self.mode = Some(reader.u32(layout)?),
            2 => self.modified_ms = Some(reader.i64(layout)?),
            3 => self.size = Some(reader.u64(layout)?),
            _ => reader.skip(layout)?,
        }
        Ok(())
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct ChangeRequest {
    pub file: Option<FilePath>,
    pub change: Option<FileChange>,
}

impl Message for ChangeRequest {
    fn encode(&self, out: &mut BytesMut) {
        if let Some(value) = &self.file {
            message::put_message(1, value, out);
        }
        if let Some(value) = &self.change {
            message::put_message(2, value, out);
        }
    }

    fn take(&mut self, number: u32, layout: Layout, reader: &mut Reader) -> Result<()> {
        match number {
            1 => self.file = Some(reader.message(layout)?),
            2 => self.change = Some(reader.message(layout)?),
            _ => reader.skip(layout)?,
        }
        Ok(())
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct RenameRequest {
    pub from: Option<FilePath>,
    pub to: Option<FilePath>,
    pub keep: bool,
}

impl Message for RenameRequest {
    fn encode(&self, out: &mut BytesMut) {
        if let Some(value) = &self.from {
            message::put_message(1, value, out);
        }
        if let Some(value) = &self.to {
            message::put_message(2, value, out);
        }
        if self.keep {
            let value = &self.keep;
            message::put_number(3, u64::from(*value), out);
        }
    }

    fn take(&mut self, number: u32, layout: Layout, reader: &mut Reader) -> Result<()> {
        match number {
            1 => self.from = Some(reader.message(layout)?),
            2 => self.to = Some(reader.message(layout)?),
            3 => self.keep = reader.bool(layout)?,
            _ => reader.skip(layout)?,
        }
        Ok(())
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct MakeLinkRequest {
    pub file: Option<FilePath>,
    pub link: bytes::Bytes,
}

impl Message for MakeLinkRequest {
    fn encode(&self, out: &mut BytesMut) {
        if let Some(value) = &self.file {
            message::put_message(1, value, out);
        }
        if !self.link.is_empty() {
            let value = &self.link;
            message::put_bytes(2, value, out);
        }
    }

    fn take(&mut self, number: u32, layout: Layout, reader: &mut Reader) -> Result<()> {
        match number {
            1 => self.file = Some(reader.message(layout)?),
            2 => self.link = reader.bytes(layout)?,
            _ => reader.skip(layout)?,
        }
        Ok(())
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct UpdateInput {
    pub input: Option<UpdateInputCase>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum UpdateInputCase {
    Start(UpdateStart),
    Data(UpdateData),
    Change(FileChange),
}

impl Message for UpdateInput {
    fn encode(&self, out: &mut BytesMut) {
        match &self.input {
            None => {}
            Some(UpdateInputCase::Start(value)) => {
                message::put_message(1, value, out);
            }
            Some(UpdateInputCase::Data(value)) => {
                message::put_message(2, value, out);
            }
            Some(UpdateInputCase::Change(value)) => {
                message::put_message(3, value, out);
            }
        }
    }

    fn take(&mut self, number: u32, layout: Layout, reader: &mut Reader) -> Result<()> {
        match number {
            1 => self.input = Some(UpdateInputCase::Start(reader.message(layout)?)),
            2 => self.input = Some(UpdateInputCase::Data(reader.message(layout)?)),
            3 => self.input = Some(UpdateInputCase::Change(reader.message(layout)?)),
            _ => reader.skip(layout)?,
        }
        Ok(())
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct UpdateStart {
    pub file: Option<FilePath>,
    pub mode: u32,
    pub create: bool,
    pub create_only: bool,
    pub truncate: bool,
    pub append: bool,
}

impl Message for UpdateStart {
    fn encode(&self, out: &mut BytesMut) {
        if let Some(value) = &self.file {
            message::put_message(1, value, out);
        }
        if self.mode != 0 {
            let value = &self.mode;
            message::put_number(2, u64::from(*value), out);
        }
        if self.create {
            let value = &self.create;
            message::put_number(3, u64::from(*value), out);
        }
        if self.create_only {
            let value = &self.create_only;
            message::put_number(4, u64::from(*value), out);
        }
        if self.truncate {
            let value = &self.truncate;
            message::put_number(5, u64::from(*value), out);
        }
        if self.append {
            let value = &self.append;
            message::put_number(6, u64::from(*value), out);
        }
    }

    fn take(&mut self, number: u32, layout: Layout, reader: &mut Reader) -> Result<()> {
        match number {
            1 => self.file = Some(reader.message(layout)?),
            2 => self.mode = reader.u32(layout)?,
            3 => self.create = reader.bool(layout)?,
            4 => self.create_only = reader.bool(layout)?,
            5 => self.truncate = reader.bool(layout)?,
            6 => self.append = reader.bool(layout)?,
            _ => reader.skip(layout)?,
        }
        Ok(())
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct UpdateData {
    pub offset: u64,
    pub data: bytes::Bytes,
}

impl Message for UpdateData {
    fn encode(&self, out: &mut BytesMut) {
        if self.offset != 0 {
            let value = &self.offset;
            message::put_number(1, *value, out);
        }
        if !self.data.is_empty() {
            let value = &self.data;
            message::put_bytes(2, value, out);
        }
    }

    fn take(&mut self, number: u32, layout: Layout, reader: &mut Reader) -> Result<()> {
        match number {
            1 => self.offset = reader.u64(layout)?,
            2 => self.data = reader.bytes(layout)?,
            _ => reader.skip(layout)?,
        }
        Ok(())
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct ConnectInput {
    pub input: Option<ConnectInputCase>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum ConnectInputCase {
    Target(ConnectTarget),
    Data(bytes::Bytes),
}

impl Message for ConnectInput {
    fn encode(&self, out: &mut BytesMut) {
        match &self.input {
            None => {}
            Some(ConnectInputCase::Target(value)) => {
                message::put_message(1, value, out);
            }
            Some(ConnectInputCase::Data(value)) => {
                message::put_bytes(2, value, out);
            }
        }
    }

    fn take(&mut self, number: u32, layout: Layout, reader: &mut Reader) -> Result<()> {
        match number {
            1 => self.input = Some(ConnectInputCase::Target(reader.message(layout)?)),
            2 => self.input = Some(ConnectInputCase::Data(reader.bytes(layout)?)),
            _ => reader.skip(layout)?,
        }
        Ok(())
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct ConnectTarget {
    pub target: Option<ConnectTargetCase>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum ConnectTargetCase {
    TcpPort(u32),
    UnixPath(bytes::Bytes),
}

impl Message for ConnectTarget {
    fn encode(&self, out: &mut BytesMut) {
        match &self.target {
            None => {}
            Some(ConnectTargetCase::TcpPort(value)) => {
                message::put_number(1, u64::from(*value), out);
            }
            Some(ConnectTargetCase::UnixPath(value)) => {
                message::put_bytes(2, value, out);
            }
        }
    }

    fn take(&mut self, number: u32, layout: Layout, reader: &mut Reader) -> Result<()> {
        match number {
            1 => self.target = Some(ConnectTargetCase::TcpPort(reader.u32(layout)?)),
            2 => self.target = Some(ConnectTargetCase::UnixPath(reader.bytes(layout)?)),
            _ => reader.skip(layout)?,
        }
        Ok(())
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct EgressInput {
    pub input: Option<EgressInputCase>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum EgressInputCase {
    Offer(EgressOffer),
    Accepted(Empty),
    Refused(i32),
    Data(bytes::Bytes),
}

impl Message for EgressInput {
    fn encode(&self, out: &mut BytesMut) {
        match &self.input {
            None => {}
            Some(EgressInputCase::Offer(value)) => {
                message::put_message(1, value, out);
            }
            Some(EgressInputCase::Accepted(value)) => {
                message::put_message(2, value, out);
            }
            Some(EgressInputCase::Refused(value)) => {
                message::put_number(3, i64::from(*value) as u64, out);
            }
            Some(EgressInputCase::Data(value)) => {
                message::put_bytes(4, value, out);
            }
        }
    }

    fn take(&mut self, number: u32, layout: Layout, reader: &mut Reader) -> Result<()> {
        match number {
            1 => self.input = Some(EgressInputCase::Offer(reader.message(layout)?)),
            2 => self.input = Some(EgressInputCase::Accepted(reader.message(layout)?)),
            3 => self.input = Some(EgressInputCase::Refused(reader.i32(layout)?)),
            4 => self.input = Some(EgressInputCase::Data(reader.bytes(layout)?)),
            _ => reader.skip(layout)?,
        }
        Ok(())
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct EgressOffer {
    pub tcp_ports: Vec<u32>,
}

impl Message for EgressOffer {
    fn encode(&self, out: &mut BytesMut) {
        if !self.tcp_ports.is_empty() {
            message::put_packed(1, &self.tcp_ports, out);
        }
    }

    fn take(&mut self, number: u32, layout: Layout, reader: &mut Reader) -> Result<()> {
        match number {
            1 => reader.numbers(layout, &mut self.tcp_ports, Reader::u32)?,
            _ => reader.skip(layout)?,
        }
        Ok(())
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct EgressOutput {
    pub output: Option<EgressOutputCase>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum EgressOutputCase {
    Opened(EgressOpened),
    Data(bytes::Bytes),
}

impl Message for EgressOutput {
    fn encode(&self, out: &mut BytesMut) {
        match &self.output {
            None => {}
            Some(EgressOutputCase::Opened(value)) => {
                message::put_message(1, value, out);
            }
            Some(EgressOutputCase::Data(value)) => {
                message::put_bytes(2, value, out);
            }
        }
    }

    fn take(&mut self, number: u32, layout: Layout, reader: &mut Reader) -> Result<()> {
        match number {
            1 => self.output = Some(EgressOutputCase::Opened(reader.message(layout)?)),
            2 => self.output = Some(EgressOutputCase::Data(reader.bytes(layout)?)),
            _ => reader.skip(layout)?,
        }
        Ok(())
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct EgressOpened {
    pub address: bytes::Bytes,
    pub port: u32,
}

impl Message for EgressOpened {
    fn encode(&self, out: &mut BytesMut) {
        if !self.address.is_empty() {
            let value = &self.address;
            message::put_bytes(1, value, out);
        }
        if self.port != 0 {
            let value = &self.port;
            message::put_number(2, u64::from(*value), out);
        }
    }

    fn take(&mut self, number: u32, layout: Layout, reader: &mut Reader) -> Result<()> {
        match number {
            1 => self.address = reader.bytes(layout)?,
            2 => self.port = reader.u32(layout)?,
            _ => reader.skip(layout)?,
        }
        Ok(())
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct StatsRequest {}

impl Message for StatsRequest {
    fn encode(&self, _out: &mut BytesMut) {}

    fn take(&mut self, _number: u32, layout: Layout, reader: &mut Reader) -> Result<()> {
        reader.skip(layout)
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct StatsReply {
    pub memory_bytes: u64,
    pub memory_limit_bytes: u64,
    pub cpu_ms: u64,
    pub processes: u32,
    pub processes_limit: u32,
    pub uptime_ms: u64,
    pub cpu_pressure: Option<Pressure>,
    pub memory_pressure: Option<Pressure>,
    pub io_pressure: Option<Pressure>,
    pub last_denials: Vec<Denial>,
}

impl Message for StatsReply {
    fn encode(&self, out: &mut BytesMut) {
        if self.memory_bytes != 0 {
            let value = &self.memory_bytes;
            message::put_number(1, *value, out);
        }
        if self.memory_limit_bytes != 0 {
            let value = &self.memory_limit_bytes;
            message::put_number(2, *value, out);
        }
        if self.cpu_ms != 0 {
            let value = &self.cpu_ms;
            message::put_number(3, *value, out);
        }
        if self.processes != 0 {
            let value = &self.processes;
            message::put_number(4, u64::from(*value), out);
        }
        if self.processes_limit != 0 {
            let value = &self.processes_limit;
            message::put_number(5, u64::from(*value), out);
        }
        if self.uptime_ms != 0 {
            let value = &self.uptime_ms;
            message::put_number(6, *value, out);
        }
        if let Some(value) = &self.cpu_pressure {
            message::put_message(7, value, out);
        }
        if let Some(value) = &self.memory_pressure {
            message::put_message(8, value, out);
        }
        if let Some(value) = &self.io_pressure {
            message::put_message(9, value, out);
        }
        for value in &self.last_denials {
            message::put_message(10, value, out);
        }
    }

    fn take(&mut self, number: u32, layout: Layout, reader: &mut Reader) -> Result<()> {
        match number {
            1 => self.memory_bytes = reader.u64(layout)?,
            2 => self.memory_limit_bytes = reader.u64(layout)?,
            3 => self.cpu_ms = reader.u64(layout)?,
            4 => self.processes = reader.u32(layout)?,
            5 => self.processes_limit = reader.u32(layout)?,
            6 => self.uptime_ms = reader.u64(layout)?,
            7 => self.cpu_pressure = Some(reader.message(layout)?),
            8 => self.memory_pressure = Some(reader.message(layout)?),
            9 => self.io_pressure = Some(reader.message(layout)?),
            10 => message::push(&mut self.last_denials, reader.message(layout)?)?,
            _ => reader.skip(layout)?,
        }
        Ok(())
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pressure {
    pub some_10s: f32,
    pub some_total_us: u64,
}

impl Message for Pressure {
    fn encode(&self, out: &mut BytesMut) {
        if self.some_10s != 0.0 {
            let value = &self.some_10s;
            message::put_f32(1, *value, out);
        }
        if self.some_total_us != 0 {
            let value = &self.some_total_us;
            message::put_number(2, *value, out);
        }
    }

    fn take(&mut self, number: u32, layout: Layout, reader: &mut Reader) -> Result<()> {
        match number {
            1 => self.some_10s = reader.f32(layout)?,
            2 => self.some_total_us = reader.u64(layout)?,
            _ => reader.skip(layout)?,
        }
        Ok(())
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Denial {
    pub at_ms: i64,
    pub operation: String,
    pub subject: bytes::Bytes,
}

impl Message for Denial {
    fn encode(&self, out: &mut BytesMut) {
        if self.at_ms != 0 {
            let value = &self.at_ms;
            message::put_number(1, *value as u64, out);
        }
        if !self.operation.is_empty() {
            let value = &self.operation;
            message::put_bytes(2, value.as_bytes(), out);
        }
        if !self.subject.is_empty() {
            let value = &self.subject;
            message::put_bytes(3, value, out);
        }
    }

    fn take(&mut self, number: u32, layout: Layout, reader: &mut Reader) -> Result<()> {
        match number {
            1 => self.at_ms = reader.i64(layout)?,
            2 => self.operation = reader.string(layout)?,
            3 => self.subject = reader.bytes(layout)?,
            _ => reader.skip(layout)?,
        }
        Ok(())
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct SetClockRequest {
    pub unix_ns: i64,
}

impl Message for SetClockRequest {
    fn encode(&self, out: &mut BytesMut) {
        if self.unix_ns != 0 {
            let value = &self.unix_ns;
            message::put_number(1, *value as u64, out);
        }
    }

    fn take(&mut self, number: u32, layout: Layout, reader: &mut Reader) -> Result<()> {
        match number {
            1 => self.unix_ns = reader.i64(layout)?,
            _ => reader.skip(layout)?,
        }
        Ok(())
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReseedRequest {
    pub entropy: bytes::Bytes,
    pub generation: u64,
}

impl Message for ReseedRequest {
    fn encode(&self, out: &mut BytesMut) {
        if !self.entropy.is_empty() {
            let value = &self.entropy;
            message::put_bytes(1, value, out);
        }
        if self.generation != 0 {
            let value = &self.generation;
            message::put_number(2, *value, out);
        }
    }

    fn take(&mut self, number: u32, layout: Layout, reader: &mut Reader) -> Result<()> {
        match number {
            1 => self.entropy = reader.bytes(layout)?,
            2 => self.generation = reader.u64(layout)?,
            _ => reader.skip(layout)?,
        }
        Ok(())
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct IdentifyRequest {
    pub entropy: bytes::Bytes,
    pub generation: u64,
    pub unix_ns: i64,
    pub hostname: String,
    pub machine_id: bytes::Bytes,
}

impl Message for IdentifyRequest {
    fn encode(&self, out: &mut BytesMut) {
        if !self.entropy.is_empty() {
            let value = &self.entropy;
            message::put_bytes(1, value, out);
        }
        if self.generation != 0 {
            let value = &self.generation;
            message::put_number(2, *value, out);
        }
        if self.unix_ns != 0 {
            let value = &self.unix_ns;
            message::put_number(3, *value as u64, out);
        }
        if !self.hostname.is_empty() {
            let value = &self.hostname;
            message::put_bytes(4, value.as_bytes(), out);
        }
        if !self.machine_id.is_empty() {
            let value = &self.machine_id;
            message::put_bytes(5, value, out);
        }
    }

    fn take(&mut self, number: u32, layout: Layout, reader: &mut Reader) -> Result<()> {
        match number {
            1 => self.entropy = reader.bytes(layout)?,
            2 => self.generation = reader.u64(layout)?,
            3 => self.unix_ns = reader.i64(layout)?,
            4 => self.hostname = reader.string(layout)?,
            5 => self.machine_id = reader.bytes(layout)?,
            _ => reader.skip(layout)?,
        }
        Ok(())
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct GuestInput {
    pub input: Option<GuestInputCase>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum GuestInputCase {
    Start(GuestStart),
    Command(bytes::Bytes),
    Stdin(bytes::Bytes),
    StdinEnd(Empty),
    Resize(TerminalSize),
    Keep(Empty),
}

impl Message for GuestInput {
    fn encode(&self, out: &mut BytesMut) {
        match &self.input {
            None => {}
            Some(GuestInputCase::Start(value)) => {
                message::put_message(1, value, out);
            }
            Some(GuestInputCase::Command(value)) => {
                message::put_bytes(2, value, out);
            }
            Some(GuestInputCase::Stdin(value)) => {
                message::put_bytes(3, value, out);
            }
            Some(GuestInputCase::StdinEnd(value)) => {
                message::put_message(4, value, out);
            }
            Some(GuestInputCase::Resize(value)) => {
                message::put_message(5, value, out);
            }
            Some(GuestInputCase::Keep(value)) => {
                message::put_message(6, value, out);
            }
        }
    }

    fn take(&mut self, number: u32, layout: Layout, reader: &mut Reader) -> Result<()> {
        match number {
            1 => self.input = Some(GuestInputCase::Start(reader.message(layout)?)),
            2 => self.input = Some(GuestInputCase::Command(reader.bytes(layout)?)),
            3 => self.input = Some(GuestInputCase::Stdin(reader.bytes(layout)?)),
            4 => self.input = Some(GuestInputCase::StdinEnd(reader.message(layout)?)),
            5 => self.input = Some(GuestInputCase::Resize(reader.message(layout)?)),
            6 => self.input = Some(GuestInputCase::Keep(reader.message(layout)?)),
            _ => reader.skip(layout)?,
        }
        Ok(())
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct GuestCommand {
    pub id: String,
    pub command: bytes::Bytes,
}

impl Message for GuestCommand {
    fn encode(&self, out: &mut BytesMut) {
        if !self.id.is_empty() {
            let value = &self.id;
            message::put_bytes(1, value.as_bytes(), out);
        }
        if !self.command.is_empty() {
            let value = &self.command;
            message::put_bytes(2, value, out);
        }
    }

    fn take(&mut self, number: u32, layout: Layout, reader: &mut Reader) -> Result<()> {
        match number {
            1 => self.id = reader.string(layout)?,
            2 => self.command = reader.bytes(layout)?,
            _ => reader.skip(layout)?,
        }
        Ok(())
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct GuestCloseOutput {
    pub id: String,
    pub is_stderr: bool,
}

impl Message for GuestCloseOutput {
    fn encode(&self, out: &mut BytesMut) {
        if !self.id.is_empty() {
            let value = &self.id;
            message::put_bytes(1, value.as_bytes(), out);
        }
        if self.is_stderr {
            let value = &self.is_stderr;
            message::put_number(2, u64::from(*value), out);
        }
    }

    fn take(&mut self, number: u32, layout: Layout, reader: &mut Reader) -> Result<()> {
        match number {
            1 => self.id = reader.string(layout)?,
            2 => self.is_stderr = reader.bool(layout)?,
            _ => reader.skip(layout)?,
        }
        Ok(())
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct GuestStart {
    pub plan: bytes::Bytes,
    pub terminal: Option<TerminalSize>,
}

impl Message for GuestStart {
    fn encode(&self, out: &mut BytesMut) {
        if !self.plan.is_empty() {
            let value = &self.plan;
            message::put_bytes(1, value, out);
        }
        if let Some(value) = &self.terminal {
            message::put_message(2, value, out);
        }
    }

    fn take(&mut self, number: u32, layout: Layout, reader: &mut Reader) -> Result<()> {
        match number {
            1 => self.plan = reader.bytes(layout)?,
            2 => self.terminal = Some(reader.message(layout)?),
            _ => reader.skip(layout)?,
        }
        Ok(())
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct GuestOutput {
    pub output: Option<GuestOutputCase>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum GuestOutputCase {
    Status(bytes::Bytes),
    Stdout(bytes::Bytes),
    Stderr(bytes::Bytes),
    Ended(GuestEnded),
    Kept(Empty),
}

impl Message for GuestOutput {
    fn encode(&self, out: &mut BytesMut) {
        match &self.output {
            None => {}
            Some(GuestOutputCase::Status(value)) => {
                message::put_bytes(1, value, out);
            }
            Some(GuestOutputCase::Stdout(value)) => {
                message::put_bytes(2, value, out);
            }
            Some(GuestOutputCase::Stderr(value)) => {
                message::put_bytes(3, value, out);
            }
            Some(GuestOutputCase::Ended(value)) => {
                message::put_message(4, value, out);
            }
            Some(GuestOutputCase::Kept(value)) => {
                message::put_message(5, value, out);
            }
        }
    }

    fn take(&mut self, number: u32, layout: Layout, reader: &mut Reader) -> Result<()> {
        match number {
            1 => self.output = Some(GuestOutputCase::Status(reader.bytes(layout)?)),
            2 => self.output = Some(GuestOutputCase::Stdout(reader.bytes(layout)?)),
            3 => self.output = Some(GuestOutputCase::Stderr(reader.bytes(layout)?)),
            4 => self.output = Some(GuestOutputCase::Ended(reader.message(layout)?)),
            5 => self.output = Some(GuestOutputCase::Kept(reader.message(layout)?)),
            _ => reader.skip(layout)?,
        }
        Ok(())
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct GuestEnded {
    pub how: Option<GuestEndedHow>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum GuestEndedHow {
    Code(i32),
    Signal(i32),
}

impl Message for GuestEnded {
    fn encode(&self, out: &mut BytesMut) {
        match &self.how {
            None => {}
            Some(GuestEndedHow::Code(value)) => {
                message::put_number(1, i64::from(*value) as u64, out);
            }
            Some(GuestEndedHow::Signal(value)) => {
                message::put_number(2, i64::from(*value) as u64, out);
            }
        }
    }

    fn take(&mut self, number: u32, layout: Layout, reader: &mut Reader) -> Result<()> {
        match number {
            1 => self.how = Some(GuestEndedHow::Code(reader.i32(layout)?)),
            2 => self.how = Some(GuestEndedHow::Signal(reader.i32(layout)?)),
            _ => reader.skip(layout)?,
        }
        Ok(())
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct AcceptInput {
    pub input: Option<AcceptInputCase>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum AcceptInputCase {
    Path(bytes::Bytes),
    Data(bytes::Bytes),
}

impl Message for AcceptInput {
    fn encode(&self, out: &mut BytesMut) {
        match &self.input {
            None => {}
            Some(AcceptInputCase::Path(value)) => {
                message::put_bytes(1, value, out);
            }
            Some(AcceptInputCase::Data(value)) => {
                message::put_bytes(2, value, out);
            }
        }
    }

    fn take(&mut self, number: u32, layout: Layout, reader: &mut Reader) -> Result<()> {
        match number {
            1 => self.input = Some(AcceptInputCase::Path(reader.bytes(layout)?)),
            2 => self.input = Some(AcceptInputCase::Data(reader.bytes(layout)?)),
            _ => reader.skip(layout)?,
        }
        Ok(())
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Empty {}

impl Message for Empty {
    fn encode(&self, _out: &mut BytesMut) {}

    fn take(&mut self, _number: u32, layout: Layout, reader: &mut Reader) -> Result<()> {
        reader.skip(layout)
    }
}
