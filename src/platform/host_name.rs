//! What this system calls the computer.

use crate::protocol::name::PeerName;

/// Names that systems have before anybody has given them one. They tell nobody anything.
const NO_NAMES: &[&str] = &["localhost", "(none)", "unknown"];

/// What the system calls this computer, without the domain after the name; `None` if nobody has chosen it.
pub fn host_name() -> Option<PeerName> {
    as_name(&system_name())
}

#[cfg(unix)]
fn system_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

#[cfg(not(unix))]
fn system_name() -> String {
    std::env::var("COMPUTERNAME").unwrap_or_default()
}

/// The name of a computer in the name of a host.
fn as_name(host: &str) -> Option<PeerName> {
    let first = host.split('.').next().unwrap_or_default();
    // Bytes that are no text have become this character.
    let name = PeerName::clean(&first.replace('\u{fffd}', ""))?;
    (!NO_NAMES.contains(&name.as_str().to_lowercase().as_str())).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_host_is_cleaned_of_its_domain_and_what_is_no_text() {
        for (host, name) in [
            ("anns-laptop", Some("anns-laptop")),
            ("Anns-MacBook.local", Some("Anns-MacBook")),
            ("mail.example.org", Some("mail")),
            ("a\u{fffd}b\u{1b}c", Some("ab c")),
            ("localhost.localdomain", None),
            ("LOCALHOST", None),
            ("(none)", None),
            (".example.org", None),
            ("", None),
        ] {
            assert_eq!(as_name(host).as_ref().map(PeerName::as_str), name, "{host:?}");
        }
    }
}
