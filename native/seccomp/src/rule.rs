//! What a filter says about one system call.

/// The verdict for one system call.
///
/// Arguments are compared by their low 32 bits, because the kernel takes an `int` argument from
/// there and ignores the rest: a comparison of all 64 bits is passed by setting a high bit
/// (CVE-2019-10063). Pointers are the exception, see [`Rule::Pointer`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    Allow,
    Errno(i32),
    /// Ends the whole process with SIGSYS.
    Kill,
    /// Asks the supervisor.
    Notify,
    /// Looks at the low half of an argument, after `mask`.
    Switch(Box<Switch>),
    /// Asks whether all 64 bits of an argument are zero.
    Pointer(Box<Pointer>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Switch {
    pub arg: u8,
    pub mask: u32,
    /// The first case that lists the value wins.
    pub cases: Vec<(Vec<u32>, Rule)>,
    pub otherwise: Rule,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pointer {
    pub arg: u8,
    pub null: Rule,
    pub set: Rule,
}

/// Begins a rule on the low half of argument `arg`.
pub fn on(arg: u8) -> SwitchBuilder {
    SwitchBuilder {
        arg,
        mask: u32::MAX,
        cases: Vec::new(),
    }
}

/// A rule for a pointer argument that is null or not.
pub fn on_pointer(arg: u8, null: Rule, set: Rule) -> Rule {
    Rule::Pointer(Box::new(Pointer { arg, null, set }))
}

/// `then` if none of `bits` is set in the low half of argument `arg`.
pub fn without_bits(arg: u8, bits: u32, then: Rule, otherwise: Rule) -> Rule {
    on(arg).mask(bits).case([0], then).otherwise(otherwise)
}

pub struct SwitchBuilder {
    arg: u8,
    mask: u32,
    cases: Vec<(Vec<u32>, Rule)>,
}

impl SwitchBuilder {
    pub fn mask(mut self, mask: u32) -> Self {
        self.mask = mask;
        self
    }

    pub fn case(mut self, values: impl Into<Vec<u32>>, then: Rule) -> Self {
        self.cases.push((values.into(), then));
        self
    }

    pub fn otherwise(self, otherwise: Rule) -> Rule {
        Rule::Switch(Box::new(Switch {
            arg: self.arg,
            mask: self.mask,
            cases: self.cases,
            otherwise,
        }))
    }
}
