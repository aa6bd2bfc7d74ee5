//! Requests of `ioctl`. What is not listed gets ENOTTY, as from a file that does not know it.

use libc::*;

use super::kvm;
use crate::rule::{on, Rule};
use crate::FilterOptions;

/// The kernel looks at the low 32 bits of the request only, and so does the rule (CVE-2019-10063).
pub fn rule(options: &FilterOptions) -> Rule {
    let mut allowed = Vec::new();
    for group in [ANY_FILE, TERMINAL, INTERFACES, FILE_SYSTEM] {
        allowed.extend_from_slice(group);
    }
    if options.kvm {
        allowed.extend(kvm::REQUESTS.concat());
    }
    on(1).case(PUSHING_INPUT, Rule::Errno(EPERM)).case(allowed, Rule::Allow).otherwise(Rule::Errno(ENOTTY))
}

/// These put characters into a terminal's input, where the shell outside reads them as typed.
const PUSHING_INPUT: &[u32] = &[TIOCSTI as u32, TIOCLINUX as u32];

const ANY_FILE: &[u32] = &[FIONBIO as u32, FIONREAD as u32, FIOCLEX as u32, FIONCLEX as u32, FIOASYNC as u32, 0x5460 /* FIOQSIZE */];

/// The sandbox's own terminals. Not TIOCSETD (line disciplines load modules), TIOCCONS, TIOCEXCL
/// (where standard input is a terminal of the owner's, it would shut the owner out), or anything of virtual consoles.
const TERMINAL: &[u32] = &[
    TCGETS as u32, TCSETS as u32, TCSETSW as u32, TCSETSF as u32, TCGETA as u32, TCSETA as u32, TCSETAW as u32, TCSETAF as u32,
    TCSBRK as u32, TCSBRKP as u32, TCXONC as u32, TCFLSH as u32, TIOCSCTTY as u32, TIOCNOTTY as u32,
    TIOCGPGRP as u32, TIOCSPGRP as u32, TIOCGSID as u32, TIOCOUTQ as u32, TIOCGWINSZ as u32, TIOCSWINSZ as u32, TIOCPKT as u32,
    TIOCMGET as u32, TIOCGSOFTCAR as u32,
    0x8004_5430, // TIOCGPTN
    0x4004_5431, // TIOCSPTLCK
    0x8004_5439, // TIOCGPTLCK
    0x5441,      // TIOCGPTPEER
    0x4004_5436, // TIOCSIG
    0x802C_542A, 0x402C_542B, 0x402C_542C, 0x402C_542D, // TCGETS2, TCSETS2, TCSETSW2, TCSETSF2
];

/// Reading about network interfaces and sockets.
const INTERFACES: &[u32] = &[
    SIOCGIFNAME as u32, SIOCGIFCONF as u32, SIOCGIFFLAGS as u32, SIOCGIFADDR as u32, SIOCGIFDSTADDR as u32, SIOCGIFBRDADDR as u32,
    SIOCGIFNETMASK as u32, SIOCGIFMETRIC as u32, SIOCGIFMTU as u32, SIOCGIFHWADDR as u32, SIOCGIFINDEX as u32, SIOCGIFTXQLEN as u32,
    0x8905, // SIOCATMARK
    0x8906, 0x8907, // SIOCGSTAMP, SIOCGSTAMPNS
    0x8901, 0x8902, 0x8903, 0x8904, // FIOSETOWN, SIOCSPGRP, FIOGETOWN, SIOCGPGRP
];

/// Clones of files (`cp --reflink`), and reading what a file is.
const FILE_SYSTEM: &[u32] = &[
    0x4004_9409, // FICLONE
    0x4020_940D, // FICLONERANGE
    0xC020_660B, // FS_IOC_FIEMAP
    0x8008_6601, // FS_IOC_GETFLAGS
    0x801C_581F, // FS_IOC_FSGETXATTR
    0x8008_7601, // FS_IOC_GETVERSION
];
