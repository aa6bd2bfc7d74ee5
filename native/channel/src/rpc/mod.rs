//! gRPC over HTTP/2, the server's side: messages in, messages out, and how a call ends.

mod inbound;
mod reply;

pub use inbound::Inbound;
pub use reply::{Chunk, Reply};

use std::time::Duration;

use http::HeaderMap;

use crate::status::{Code, Result, Status};

/// What a request has to look like ("gRPC over HTTP2", Requests).
pub fn check(headers: &HeaderMap) -> Result<()> {
    let is = |name: &str| headers.get(name).map(|value| value.as_bytes());
    match is("content-type") {
        Some(kind)
            if kind == b"application/grpc" || kind.starts_with(b"application/grpc+proto") => {}
        _ => return Err(Status::invalid("content-type: must be application/grpc")),
    }
    match is("grpc-encoding") {
        None | Some(b"identity") => Ok(()),
        Some(_) => Err(Status::new(
            Code::Unimplemented,
            "compression is not spoken here",
        )),
    }
}

/// `grpc-timeout`: at most eight digits and a unit.
pub fn timeout(headers: &HeaderMap) -> Result<Option<Duration>> {
    let Some(text) = headers.get("grpc-timeout") else {
        return Ok(None);
    };
    let read = || {
        let text = text.to_str().ok()?;
        let (digits, unit) = text.split_at(text.len().checked_sub(1)?);
        let plain = digits.len() <= 8 && digits.bytes().all(|byte| byte.is_ascii_digit());
        let count: u64 = if plain {
            digits.parse().ok()?
        } else {
            return None;
        };
        Some(match unit {
            "H" => Duration::from_secs(count * 3600),
            "M" => Duration::from_secs(count * 60),
            "S" => Duration::from_secs(count),
            "m" => Duration::from_millis(count),
            "u" => Duration::from_micros(count),
            "n" => Duration::from_nanos(count),
            _ => return None,
        })
    };
    read()
        .map(Some)
        .ok_or_else(|| Status::invalid("grpc-timeout: digits and a unit"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: &'static str, value: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(name, http::HeaderValue::from_static(value));
        headers
    }

    #[test]
    fn a_timeout_has_digits_and_a_unit() {
        let read = |text| timeout(&with("grpc-timeout", text));
        assert_eq!(read("250m"), Ok(Some(Duration::from_millis(250))));
        assert_eq!(read("99999999H").map(|time| time.is_some()), Ok(true));
        for wrong in ["", "m", "1", "123456789S", "+1S", "-1S", "1x", "1 S"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        assert_eq!(timeout(&HeaderMap::new()), Ok(None));
    }

    #[test]
    fn a_request_is_grpc_and_not_compressed() {
        assert!(check(&with("content-type", "application/grpc")).is_ok());
        assert!(check(&with("content-type", "application/grpc+proto")).is_ok());
        assert!(check(&with("content-type", "application/json")).is_err());
        let mut headers = with("content-type", "application/grpc");
        headers.insert("grpc-encoding", http::HeaderValue::from_static("gzip"));
        assert_eq!(
            check(&headers).map_err(|status| status.code),
            Err(Code::Unimplemented)
        );
    }
}
