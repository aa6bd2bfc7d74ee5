//! How a call ends: gRPC's codes, and what they are for an errno.

use rustix::io::Errno;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    InvalidArgument = 3,
    DeadlineExceeded = 4,
    NotFound = 5,
    AlreadyExists = 6,
    PermissionDenied = 7,
    ResourceExhausted = 8,
    FailedPrecondition = 9,
    Aborted = 10,
    Unimplemented = 12,
    Internal = 13,
    Unavailable = 14,
    DataLoss = 15,
}

/// An end other than OK.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    pub code: Code,
    pub message: String,
}

pub type Result<T> = std::result::Result<T, Status>;

impl Status {
    pub fn new(code: Code, message: impl Into<String>) -> Status {
        Status {
            code,
            message: message.into(),
        }
    }

    pub fn invalid(message: impl Into<String>) -> Status {
        Status::new(Code::InvalidArgument, message)
    }

    pub fn of(what: &str, errno: Errno) -> Status {
        Status::new(code_of(errno), format!("{what}: {}", say(errno)))
    }

    /// The peer is gone, and nobody will read this.
    pub fn gone() -> Status {
        Status::new(Code::Aborted, "the peer has ended the call")
    }
}

fn say(errno: Errno) -> String {
    std::io::Error::from(errno).to_string()
}

fn code_of(errno: Errno) -> Code {
    match errno {
        Errno::NOENT => Code::NotFound,
        Errno::EXIST => Code::AlreadyExists,
        Errno::ACCESS | Errno::PERM | Errno::ROFS | Errno::XDEV => Code::PermissionDenied,
        Errno::INVAL
        | Errno::NAMETOOLONG
        | Errno::NOTDIR
        | Errno::ISDIR
        | Errno::LOOP
        | Errno::RANGE => Code::InvalidArgument,
        Errno::NOSPC | Errno::DQUOT | Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::AGAIN => {
            Code::ResourceExhausted
        }
        Errno::FBIG | Errno::TOOBIG => Code::ResourceExhausted,
        Errno::NOTEMPTY | Errno::BUSY | Errno::TXTBSY | Errno::ADDRINUSE => {
            Code::FailedPrecondition
        }
        Errno::CONNREFUSED
        | Errno::CONNRESET
        | Errno::PIPE
        | Errno::HOSTUNREACH
        | Errno::NETUNREACH
        | Errno::TIMEDOUT => Code::Unavailable,
        _ => Code::Internal,
    }
}

/// For `grpc-message`: percent-encoded, all but printable ASCII, and no longer than what anybody reads.
pub fn percent_encoded(message: &str) -> String {
    let mut out = String::new();
    for byte in message.bytes().take(1024) {
        match byte {
            b' '..=b'~' if byte != b'%' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_printable_in_a_header() {
        assert_eq!(
            percent_encoded("100% caf\u{e9}\r\n"),
            "100%25 caf%C3%A9%0D%0A"
        );
        assert_eq!(percent_encoded(&"x".repeat(5000)).len(), 1024);
    }

    #[test]
    fn a_path_that_leads_out_is_denied_and_a_missing_one_is_not_found() {
        assert_eq!(Status::of("x", Errno::XDEV).code, Code::PermissionDenied);
        assert_eq!(Status::of("x", Errno::NOENT).code, Code::NotFound);
    }
}
