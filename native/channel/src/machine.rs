//! Clock, entropy, names and power of a guest, which are its own: a jail shares the host's.

use glovebox_wire::inside::{Call, Empty, ReseedRequest, SetClockRequest};

use crate::guest::check;
use crate::identity::Identity;
use crate::rpc::Inbound;
use crate::status::Result;

/// What an inside may do to the machine that it runs on.
pub trait Machine {
    fn set_clock(&self, unix_ns: i64) -> Result<()>;
    /// Credited and mixed in, and the generator reseeded from it.
    fn reseed(&self, entropy: &[u8]) -> Result<()>;
    fn name(&self, hostname: &str, machine_id: &[u8]) -> Result<()>;
    fn mount_given(&self) -> Result<()>;
    /// Lets nothing of any sandbox run, or all of it again. It takes a moment until it is done.
    fn freeze(&self, frozen: bool) -> Result<()>;
    fn is_frozen(&self) -> Result<bool>;
    fn power_off(&self) -> Result<()>;
}

pub async fn call(
    machine: &dyn Machine,
    identity: &Identity,
    call: Call,
    inbound: &mut Inbound,
) -> Result<()> {
    match call {
        Call::MachineSetClock => {
            let SetClockRequest { unix_ns } = inbound.only().await?;
            machine.set_clock(check::time(unix_ns)?)
        }
        Call::MachineReseed => {
            let ReseedRequest {
                entropy,
                generation,
            } = inbound.only().await?;
            check::generation(generation, identity)?;
            machine.reseed(check::entropy(&entropy)?)?;
            identity.renew(generation)
        }
        _ => {
            let Empty {} = inbound.only().await?;
            machine.power_off()
        }
    }
}
