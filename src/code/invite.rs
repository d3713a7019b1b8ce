//! The invite link, `caiman:CODE?server=HOST:PORT`: a code and, if it isn't the receiver's usual one, the relay to meet at.
//! `pasted` finds it in what the user pasted.

use std::fmt;
use std::net::Ipv6Addr;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use zeroize::Zeroizing;

use crate::host::is_shorthand;

use super::{
    error::{CodeError, Typed},
    phrase::CodePhrase,
    reading,
};

/// The scheme of invite links, which the desktop entry registers.
pub const SCHEME: &str = "caiman:";

/// A code and the server at which the sender waits. [`Display`](fmt::Display) writes the link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invite {
    code: CodePhrase,
    server: Option<String>,
}

impl Invite {
    /// An invite to `server`, written `HOST` or `HOST:PORT`, or to the receiver's usual server.
    pub fn new(code: CodePhrase, server: Option<&str>) -> Result<Self, CodeError> {
        Ok(Self { code, server: server.map(check_server).transpose()? })
    }

    /// The code.
    pub fn code(&self) -> &CodePhrase {
        &self.code
    }

    /// The server as `HOST` or `HOST:PORT`, lower case, an IPv6 address in brackets.
    pub fn server(&self) -> Option<&str> {
        self.server.as_deref()
    }

    /// Code and server.
    pub fn into_parts(self) -> (CodePhrase, Option<String>) {
        (self.code, self.server)
    }
}

impl fmt::Display for Invite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const CODE_ESCAPES: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-');
        const SERVER_ESCAPES: &AsciiSet =
            &CODE_ESCAPES.remove(b'.').remove(b'_').remove(b':').remove(b'[').remove(b']');
        write!(f, "{SCHEME}{}", utf8_percent_encode(&self.code.text, CODE_ESCAPES))?;
        match &self.server {
            Some(server) => write!(f, "?server={}", utf8_percent_encode(server, SERVER_ESCAPES)),
            None => Ok(()),
        }
    }
}

/// Reads a link without its scheme.
pub(super) fn parse_link(link: &str) -> Result<Invite, CodeError> {
    let link = link.split('#').next().unwrap_or_default();
    let (code, query) = link.split_once('?').unwrap_or((link, ""));
    let code = reading::read(&decode(code.trim_end_matches('/'))?)?;
    let server = query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .find(|(key, value)| key.eq_ignore_ascii_case("server") && !value.is_empty());
    let server = server.map(|(_, value)| check_server(&decode(value)?)).transpose()?;
    Ok(Invite { code, server })
}

/// Undoes percent-encoding.
pub(super) fn decode(escaped: &str) -> Result<Zeroizing<String>, CodeError> {
    let decoded = percent_decode_str(escaped).decode_utf8().map_err(|_| CodeError::BadLink)?;
    Ok(Zeroizing::new(decoded.into_owned()))
}

/// The longest host name in bytes: the 255 of the DNS (RFC 1035) less the length before its first label and its empty last one.
const MAX_HOST_BYTES: usize = 253;

/// Brings `HOST` or `HOST:PORT` into its one form, or refuses it.
fn check_server(server: &str) -> Result<String, CodeError> {
    let refused = || CodeError::BadServer { server: Typed::new(server) };
    if let Ok(address) = server.parse::<Ipv6Addr>() {
        return Ok(format!("[{address}]"));
    }
    let (host, port) = if let Some(bracketed) = server.strip_prefix('[') {
        let (address, rest) = bracketed.split_once(']').ok_or_else(refused)?;
        let address: Ipv6Addr = address.parse().map_err(|_| refused())?;
        let port = if rest.is_empty() { None } else { Some(rest.strip_prefix(':').ok_or_else(refused)?) };
        (format!("[{address}]"), port)
    } else {
        let (host, port) = server.split_once(':').map_or((server, None), |(host, port)| (host, Some(port)));
        let host = host.strip_suffix('.').unwrap_or(host);
        let is_name = host.len() <= MAX_HOST_BYTES
            && host.starts_with(char::is_alphanumeric)
            && host.ends_with(char::is_alphanumeric)
            && host.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '.' | '_'))
            && !is_shorthand(host);
        if !is_name {
            return Err(refused());
        }
        (host.to_ascii_lowercase(), port)
    };
    match port {
        None => Ok(host),
        Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => match port.parse::<u16>() {
            Ok(port) if port > 0 => Ok(format!("{host}:{port}")),
            _ => Err(refused()),
        },
        Some(_) => Err(refused()),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::pasted::parse_any, *};
    use proptest::prelude::*;

    const CODE: &str = "acid-coyote-mustard-tulip";

    #[test]
    fn a_link_reads_back_from_what_it_shows() {
        let link = "caiman:acid-coyote-mustard-tulip?server=relay.example:27001";
        let invite: Invite = link.parse().unwrap();
        assert_eq!(invite.code().to_string(), CODE);
        assert_eq!(invite.server(), Some("relay.example:27001"));
        assert_eq!(invite.to_string(), link);
        let invite = Invite::new(CodePhrase::parse(CODE).unwrap(), None).unwrap();
        assert_eq!(invite.to_string(), "caiman:acid-coyote-mustard-tulip");
        assert_eq!(invite.to_string().parse::<Invite>().unwrap(), invite);
    }

    #[test]
    fn an_own_code_of_another_script_survives_its_link() {
        let invite =
            Invite::new(CodePhrase::own("größe-straße-7731-küche").unwrap(), Some("127.0.0.1:9")).unwrap();
        assert!(invite.to_string().is_ascii());
        assert_eq!(invite.to_string().parse::<Invite>().unwrap(), invite);
    }

    #[test]
    fn a_slip_in_a_link_is_offered_for_repair() {
        let error = parse_any("caiman:acid-coyote-mustrad-tulip?server=relay.example").unwrap_err();
        assert!(
            matches!(error, CodeError::Unknown { suggestion: Some(code), .. } if code.to_string() == CODE)
        );
    }

    #[test]
    fn a_damaged_link_is_refused() {
        assert!(matches!(parse_any("caiman:%ff%fe-coyote"), Err(CodeError::BadLink)));
        assert!(matches!(parse_any("caiman:acid-coyote"), Err(CodeError::TooFewParts { found: 2 })));
    }

    #[test]
    fn a_server_must_be_a_host_with_or_without_a_port() {
        let code = CodePhrase::parse(CODE).unwrap();
        let accepted = |server: &str| Invite::new(code.clone(), Some(server)).is_ok();
        let longest = "a".repeat(253);
        for server in ["relay.example", "127.0.0.1:1", "[2001:db8::1]:65535", "büro.example:80", &longest] {
            assert!(accepted(server), "{server}");
        }
        let too_long = "a".repeat(254);
        for server in [
            "",
            ":",
            ":80",
            "a:",
            "a:0",
            "a:65536",
            "a:+80",
            "a b",
            "a\n",
            "-rf",
            "a-",
            "a..",
            "a/b",
            "u@h",
            "[::1",
            "[::1]80",
            "[x]",
            "a:1:2",
            "\u{202e}a",
            "192.168.1",
            "10.1:27001",
            "0x7f.1",
            "3232235777:80",
            &too_long,
        ] {
            assert!(!accepted(server), "{server}");
            let escaped = utf8_percent_encode(server, NON_ALPHANUMERIC);
            let pasted = parse_any(&format!("caiman:{CODE}?server={escaped}"));
            assert!(server.is_empty() || matches!(pasted, Err(CodeError::BadServer { .. })));
        }
    }

    #[test]
    fn debug_output_hides_the_code_and_what_was_typed() {
        let invite = parse_any("caiman:acid-coyote-mustard-tulip?server=relay.example").unwrap();
        let slip = parse_any("acid-coyote-mustrad-tulip").unwrap_err();
        for shown in [format!("{invite:?}"), format!("{slip:?}"), format!("{:?}", invite.code())] {
            for secret in ["acid", "coyote", "must", "tulip"] {
                assert!(!shown.contains(secret), "{shown}");
            }
        }
        assert_eq!(format!("{:?}", invite.code()), "CodePhrase(..)");
    }

    proptest! {
        #[test]
        fn any_invite_reads_back_from_its_link(
            words in 4..=6_usize,
            host in "[a-zA-Z0-9äß][a-z0-9äİ._-]{0,60}[a-zä]\\.?",
            port in 1..=u16::MAX,
        ) {
            let code = CodePhrase::generate(words).unwrap();
            for server in [host.clone(), format!("{host}:{port}")] {
                let invite = Invite::new(code.clone(), Some(&server)).unwrap();
                prop_assert_eq!(invite.to_string().parse::<Invite>().unwrap(), invite);
            }
        }
    }

    /// Such a link was read, and then no relay had that address.
    #[test]
    fn a_server_with_a_longer_name_than_a_host_may_have_is_refused() {
        let link = |length| parse_any(&format!("{SCHEME}{CODE}?server={}", "x".repeat(length)));
        assert!(link(253).is_ok());
        assert!(matches!(link(254), Err(CodeError::BadServer { .. })));
    }
}
