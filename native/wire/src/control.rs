use serde_json::{json, Value};

/// What a sandbox can be promised, as outcomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Control {
    FsRead,
    FsWrite,
    FsExec,
    Net,
    Ipc,
    Procs,
    Kernel,
    Env,
    Memory,
    Cpus,
    Pids,
    Disk,
    Time,
}

impl Control {
    /// In the order in which a receipt lists them.
    pub const ALL: [Control; 13] = [
        Control::FsRead,
        Control::FsWrite,
        Control::FsExec,
        Control::Net,
        Control::Ipc,
        Control::Procs,
        Control::Kernel,
        Control::Env,
        Control::Memory,
        Control::Cpus,
        Control::Pids,
        Control::Disk,
        Control::Time,
    ];

    /// The word that stands for it in plans, flags and receipts.
    pub fn name(self) -> &'static str {
        match self {
            Control::FsRead => "fs.read",
            Control::FsWrite => "fs.write",
            Control::FsExec => "fs.exec",
            Control::Net => "net",
            Control::Ipc => "ipc",
            Control::Procs => "procs",
            Control::Kernel => "kernel",
            Control::Env => "env",
            Control::Memory => "memory",
            Control::Cpus => "cpus",
            Control::Pids => "pids",
            Control::Disk => "disk",
            Control::Time => "time",
        }
    }

    pub fn from_name(name: &str) -> Option<Control> {
        Control::ALL
            .into_iter()
            .find(|control| control.name() == name)
    }
}

/// One line of a receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enforcement {
    pub control: Control,
    pub enforced: bool,
    /// The mechanism that holds it, or why nothing does.
    pub mechanism: String,
    /// Further layers that also stand in the way.
    pub layers: Vec<String>,
    /// What would make it enforceable, when it is not.
    pub fix: Option<String>,
}

impl Enforcement {
    pub fn to_json(&self) -> Value {
        let mut value = json!({
            "control": self.control.name(),
            "enforced": self.enforced,
            "mechanism": self.mechanism,
            "layers": self.layers,
        });
        if let Some(fix) = &self.fix {
            value["fix"] = json!(fix);
        }
        value
    }
}
