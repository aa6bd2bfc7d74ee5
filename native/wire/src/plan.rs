use serde_json::Value;

use crate::fields::{list, string, wrong, Fields, Result, WireError};
use crate::{Control, IpRange};

/// The only schema that this version reads.
pub const PLAN_SCHEMA: &str = "glovebox/jail-plan/1";

/// The first line on the plan descriptor.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// `[a-z0-9-]{1,64}`; names the cgroup and the hostname.
    pub id: String,
    pub command: Program,
    /// In order; a later mount may sit inside an earlier one.
    pub mounts: Vec<Mount>,
    /// Absolute paths that must not be readable even inside a mount.
    pub deny: Vec<String>,
    /// Real paths that may be executed; `None`: anything on a mount with `exec`.
    pub exec: Option<Vec<String>>,
    pub limits: Limits,
    pub mode: Mode,
    /// Controls whose absence the user accepted.
    pub allow_degraded: Vec<Control>,
    /// Path of the socket by which the host reaches the inside.
    pub channel: Option<String>,
    /// The program is executed only after the command "go".
    pub hold: bool,
    /// What the network namespace gets for a sandbox that may talk to somebody.
    pub egress: Option<Egress>,
    /// What of the host's devices a program of ours gets besides those that hold no state.
    pub devices: Vec<Device>,
}

/// A device of the host's that a plan may ask for: for a program of ours which runs machines, and never for a sandboxed one, since
/// no policy has words for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Device {
    /// `/dev/kvm`.
    Kvm,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Egress {
    /// Path of the socket on which the host decides about connections.
    pub socket: String,
    /// On which programs may connect to somebody outside. 53 and the proxy's are further ones.
    pub tcp_ports: Vec<u16>,
    /// On which they may send datagrams to somebody outside.
    pub udp_ports: Vec<u16>,
    /// What else than the synthetic addresses is local inside, for rules that name addresses.
    pub addresses: Vec<IpRange>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// Absolute path inside of what is executed.
    pub path: String,
    pub argv: Vec<String>,
    /// Absolute, visible inside.
    pub cwd: String,
    /// The whole environment.
    pub env: Vec<(String, String)>,
    /// The inherited stdio is a terminal of the owner's.
    pub terminal: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// Absolute host path, symbolic links resolved.
    pub source: String,
    /// Absolute path inside.
    pub target: String,
    pub access: Access,
    pub exec: bool,
    pub owner: Owner,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    Read,
    Write,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// Root's read-only files.
    System,
    /// Seen as the sandbox's own user.
    User,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// Bytes.
    pub memory: Limit,
    /// May be fractional.
    pub cpus: Limit,
    pub pids: Limit,
    /// Bytes of all that is private and writable.
    pub disk: Limit,
    pub open_files: Limit,
    /// Milliseconds that the whole program may take.
    pub time: Option<Limit>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limit {
    /// Above zero; whole, except for `cpus`.
    pub value: f64,
    /// Written down by the user, so that no second mechanism will do.
    pub explicit: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Enforce,
    Audit,
    Learn,
}

impl Mode {
    /// File opens are recorded too.
    pub fn records_opens(self) -> bool {
        !matches!(self, Mode::Enforce)
    }
}

/// Any further line on the plan descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// End the whole sandbox now.
    Stop,
    /// Send a signal to the program.
    Signal(i32),
    /// A plan with `hold` may be executed. Said again, it means nothing.
    Go,
}

impl Plan {
    pub fn parse(line: &[u8]) -> Result<Plan> {
        let mut fields = Fields::of("", parse_json(line)?)?;
        let schema = fields.string("schema")?;
        if schema != PLAN_SCHEMA {
            return Err(WireError(format!(
                "schema: this glovebox-inside reads {PLAN_SCHEMA}, not {schema}"
            )));
        }
        let plan = Plan {
            id: id(&mut fields)?,
            command: Program::read("command", fields.value("command")?)?,
            mounts: fields.list("mounts", Mount::read)?,
            deny: fields.list("deny", absolute)?,
            exec: fields.nullable("exec", |path, value| list(path, value, absolute))?,
            limits: Limits::read("limits", fields.value("limits")?)?,
            mode: mode(&mut fields)?,
            allow_degraded: fields.list("allowDegraded", control)?,
            channel: fields.nullable("channel", channel)?,
            hold: fields.bool("hold")?,
            egress: fields.nullable("egress", Egress::read)?,
            devices: fields.list("devices", device)?,
        };
        if plan.devices.len() > 1 {
            return wrong("devices", "a list of different devices");
        }
        fields.finish()?;
        Ok(plan)
    }

    /// A mount sits inside an earlier one, whose files it covers.
    pub fn has_nested_mounts(&self) -> bool {
        self.mounts.iter().enumerate().any(|(index, mount)| {
            let earlier = &self.mounts[..index];
            earlier.iter().any(|outer| {
                mount
                    .target
                    .strip_prefix(outer.target.as_str())
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            })
        })
    }

    pub fn accepts_without(&self, control: Control) -> bool {
        self.allow_degraded.contains(&control)
    }
}

impl Command {
    pub fn parse(line: &[u8]) -> Result<Command> {
        let mut fields = Fields::of("", parse_json(line)?)?;
        let command = match fields.string("do")?.as_str() {
            "stop" => Command::Stop,
            "go" => Command::Go,
            "signal" => match fields.value("signal")?.as_i64() {
                // The kernel's signals are 1 to 64; 0 would be a mere question.
                Some(signal @ 1..=64) => Command::Signal(signal as i32),
                _ => return wrong("signal", "a number from 1 to 64"),
            },
            _ => return wrong("do", "stop, signal or go"),
        };
        fields.finish()?;
        Ok(command)
    }
}

impl Program {
    fn read(path: &str, value: Value) -> Result<Program> {
        let mut fields = Fields::of(path, value)?;
        let program = Program {
            path: absolute_field(&mut fields, "path")?,
            argv: fields.list("argv", string)?,
            cwd: absolute_field(&mut fields, "cwd")?,
            env: environment(&fields.path_of("env"), fields.value("env")?)?,
            terminal: fields.bool("terminal")?,
        };
        if program.argv.is_empty() {
            return wrong("command.argv", "a list of at least one");
        }
        fields.finish()?;
        Ok(program)
    }
}

impl Mount {
    fn read(path: &str, value: Value) -> Result<Mount> {
        let mut fields = Fields::of(path, value)?;
        let mount = Mount {
            source: absolute_field(&mut fields, "source")?,
            target: absolute_field(&mut fields, "target")?,
            access: match fields.string("access")?.as_str() {
                "read" => Access::Read,
                "write" => Access::Write,
                _ => return wrong(&fields.path_of("access"), "read or write"),
            },
            exec: fields.bool("exec")?,
            owner: match fields.string("owner")?.as_str() {
                "system" => Owner::System,
                "user" => Owner::User,
                _ => return wrong(&fields.path_of("owner"), "system or user"),
            },
        };
        if mount.exec && mount.access == Access::Write {
            return wrong(&fields.path_of("exec"), "false where access is write");
        }
        if mount.target == "/" {
            return wrong(&fields.path_of("target"), "a path below /");
        }
        fields.finish()?;
        Ok(mount)
    }
}

impl Limits {
    fn read(path: &str, value: Value) -> Result<Limits> {
        let mut fields = Fields::of(path, value)?;
        let limits = Limits {
            memory: Limit::whole(&fields.path_of("memory"), fields.value("memory")?)?,
            cpus: Limit::read(&fields.path_of("cpus"), fields.value("cpus")?)?,
            pids: Limit::whole(&fields.path_of("pids"), fields.value("pids")?)?,
            disk: Limit::whole(&fields.path_of("disk"), fields.value("disk")?)?,
            open_files: Limit::whole(&fields.path_of("openFiles"), fields.value("openFiles")?)?,
            time: fields.nullable("time", Limit::whole)?,
        };
        fields.finish()?;
        Ok(limits)
    }
}

impl Limit {
    fn read(path: &str, value: Value) -> Result<Limit> {
        let mut fields = Fields::of(path, value)?;
        let limit = Limit {
            value: match fields.value("value")?.as_f64() {
                Some(value) if value.is_finite() && value > 0.0 => value,
                _ => return wrong(&fields.path_of("value"), "a number above 0"),
            },
            explicit: fields.bool("explicit")?,
        };
        fields.finish()?;
        Ok(limit)
    }

    fn whole(path: &str, value: Value) -> Result<Limit> {
        let limit = Limit::read(path, value)?;
        // Past 2^53 a JSON number is no longer exact.
        if limit.value.fract() != 0.0 || limit.value > 9_007_199_254_740_992.0 {
            return wrong(&format!("{path}.value"), "a whole number");
        }
        Ok(limit)
    }

    pub fn count(self) -> u64 {
        self.value as u64
    }
}

fn parse_json(line: &[u8]) -> Result<Value> {
    serde_json::from_slice(line).map_err(|error| WireError(format!("not JSON: {error}")))
}

/// As many as the launcher listens on for one sandbox: each is a descriptor of the relay's.
const MAX_PORTS: usize = 1024;
/// Each is a route, made one after the other while the sandbox starts.
const MAX_ADDRESSES: usize = 1024;

impl Egress {
    fn read(path: &str, value: Value) -> Result<Egress> {
        let mut fields = Fields::of(path, value)?;
        let egress = Egress {
            socket: socket_field(&mut fields)?,
            tcp_ports: fields.list("tcpPorts", port)?,
            udp_ports: fields.list("udpPorts", port)?,
            addresses: fields.list("addresses", range)?,
        };
        for (key, ports) in [
            ("tcpPorts", &egress.tcp_ports),
            ("udpPorts", &egress.udp_ports),
        ] {
            let ascending = ports.windows(2).all(|pair| pair[0] < pair[1]);
            if ports.len() > MAX_PORTS || !ascending {
                let expected = "1024 ports at most, ascending and different";
                return wrong(&fields.path_of(key), expected);
            }
        }
        if egress.tcp_ports.is_empty() && egress.udp_ports.is_empty() {
            return wrong(
                &fields.path_of("tcpPorts"),
                "a port at least, here or in udpPorts",
            );
        }
        if egress.addresses.len() > MAX_ADDRESSES {
            return wrong(&fields.path_of("addresses"), "1024 ranges at most");
        }
        fields.finish()?;
        Ok(egress)
    }
}

fn device(path: &str, value: Value) -> Result<Device> {
    match string(path, value)?.as_str() {
        "/dev/kvm" => Ok(Device::Kvm),
        _ => wrong(path, "/dev/kvm"),
    }
}

fn port(path: &str, value: Value) -> Result<u16> {
    match value.as_u64().map(u16::try_from) {
        Some(Ok(port @ 1..)) => Ok(port),
        _ => wrong(path, "a number from 1 to 65535"),
    }
}

fn range(path: &str, value: Value) -> Result<IpRange> {
    match IpRange::parse(&string(path, value)?) {
        Some(range) if range.is_unicast() => Ok(range),
        _ => wrong(
            path,
            "a range of unicast addresses without host bits, as 10.0.0.0/8",
        ),
    }
}

/// `sun_path` of unix(7) has 108 bytes, one of them for the NUL.
const MAX_SOCKET_PATH: usize = 107;

fn channel(path: &str, value: Value) -> Result<String> {
    let mut fields = Fields::of(path, value)?;
    let socket = socket_field(&mut fields)?;
    fields.finish()?;
    Ok(socket)
}

fn socket_field(fields: &mut Fields) -> Result<String> {
    let socket = absolute_field(fields, "socket")?;
    if socket.len() > MAX_SOCKET_PATH {
        return wrong(&fields.path_of("socket"), "a path of at most 107 bytes");
    }
    Ok(socket)
}

fn id(fields: &mut Fields) -> Result<String> {
    let id = fields.string("id")?;
    let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if id.is_empty() || id.len() > 64 || !id.bytes().all(legal) {
        return wrong("id", "1 to 64 of a-z, 0-9 and -");
    }
    Ok(id)
}

fn mode(fields: &mut Fields) -> Result<Mode> {
    match fields.string("mode")?.as_str() {
        "enforce" => Ok(Mode::Enforce),
        "audit" => Ok(Mode::Audit),
        "learn" => Ok(Mode::Learn),
        _ => wrong("mode", "enforce, audit or learn"),
    }
}

fn control(path: &str, value: Value) -> Result<Control> {
    let name = string(path, value)?;
    match Control::from_name(&name) {
        Some(control) => Ok(control),
        None => wrong(path, "one of the controls"),
    }
}

fn absolute_field(fields: &mut Fields, key: &str) -> Result<String> {
    let value = fields.value(key)?;
    absolute(&fields.path_of(key), value)
}

/// Absolute, and spelled in one way only, so that comparing two of them by their text is sound.
fn absolute(path: &str, value: Value) -> Result<String> {
    let text = string(path, value)?;
    let plain = |part: &str| !part.is_empty() && part != "." && part != "..";
    if text == "/" || (text.starts_with('/') && text[1..].split('/').all(plain)) {
        return Ok(text);
    }
    wrong(path, "an absolute path without empty, . or .. parts")
}

fn environment(path: &str, value: Value) -> Result<Vec<(String, String)>> {
    let Value::Object(map) = value else {
        return wrong(path, "an object");
    };
    let mut pairs = Vec::with_capacity(map.len());
    for (name, value) in map {
        if name.is_empty() || name.contains(['=', '\0']) {
            return wrong(path, "keyed by names without = and NUL");
        }
        let text = string(&format!("{path}.{name}"), value)?;
        pairs.push((name, text));
    }
    Ok(pairs)
}
