//! The allowlist: each system call that a program in the jail may make, and why.
//!
//! It is made for ordinary programs (Node, Python, shells, git, Go, Rust, the JVM) that have no
//! capability and no need to build a sandbox of their own. Where a call has a fallback that
//! programs know, its refusal is ENOSYS, so that they take it; elsewhere it is EPERM.

#[rustfmt::skip] // tables, several names to a line
mod allowed;
mod by_argument;
#[cfg(target_arch = "x86_64")]
#[rustfmt::skip]
mod legacy;
mod numbers;
#[rustfmt::skip]
mod refused;

use std::collections::BTreeMap;

use crate::rule::Rule;
use crate::FilterOptions;

/// For numbers that the table does not know: what an older kernel would say.
pub const UNKNOWN: Rule = Rule::Errno(libc::ENOSYS);

/// The rule of every system call that this version knows.
pub fn table(options: &FilterOptions) -> BTreeMap<u32, Rule> {
    let mut table = Table::default();
    refused::add(&mut table);
    allowed::add(&mut table, options);
    by_argument::add(&mut table, options);
    #[cfg(target_arch = "x86_64")]
    legacy::add(&mut table, options);
    table.rules
}

#[derive(Default)]
pub struct Table {
    rules: BTreeMap<u32, Rule>,
}

impl Table {
    /// A call has one rule: a second one for the same number is a mistake in the policy.
    fn rule(&mut self, number: libc::c_long, rule: Rule) {
        let before = self.rules.insert(number as u32, rule);
        debug_assert!(before.is_none(), "system call {number} has two rules");
    }

    fn all(&mut self, numbers: &[libc::c_long], rule: &Rule) {
        for &number in numbers {
            self.rule(number, rule.clone());
        }
    }
}
