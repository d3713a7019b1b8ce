//! What users type and paste, which others may have written.

use crate::{
    code::{self, CodeError, CodePhrase, Invite, MAX_CODE_BYTES, MIN_PARTS, SCHEME},
    net::client::RelayAddress,
};

/// Typed or pasted text in which a code may be.
pub fn code(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    match code::parse_any(&text) {
        Ok(invite) => check_invite(&invite),
        Err(CodeError::Unknown { suggestion: Some(repaired), .. }) => {
            assert!(repaired.is_listed());
            check_code(&repaired);
        }
        Err(_) => {}
    }
    if let Ok(own) = CodePhrase::own(&text) {
        check_code(&own);
    }
}

/// An invite link behind its scheme.
pub fn invite_link(bytes: &[u8]) {
    if let Ok(invite) = code::parse_any(&format!("{SCHEME}{}", String::from_utf8_lossy(bytes))) {
        check_invite(&invite);
    }
}

/// A code that was read is read again as the same one, by a sender as well as by a receiver.
fn check_code(code: &CodePhrase) {
    let shown = code.to_string();
    assert!(shown.len() <= MAX_CODE_BYTES, "{shown}");
    assert!(code.words().count() >= MIN_PARTS, "{shown}");
    for read in [CodePhrase::parse(&shown), CodePhrase::own(&shown)] {
        assert!(read.is_ok_and(|read| read == *code), "{shown}");
    }
    if code.is_listed() {
        let spoken = CodePhrase::parse(&shown.replace('-', " ").to_uppercase());
        assert!(spoken.is_ok_and(|spoken| spoken == *code), "{shown}");
    }
}

/// An invite leads to the same room and relay once more as a link, and its server is the address of a relay.
fn check_invite(invite: &Invite) {
    check_code(invite.code());
    let link = invite.to_string();
    assert!(link.parse().is_ok_and(|again: Invite| again == *invite), "{link}");
    if let Some(server) = invite.server() {
        assert!(server.parse::<RelayAddress>().is_ok(), "{link}");
        let again = Invite::new(invite.code().clone(), Some(server));
        assert!(again.is_ok_and(|again| again == *invite), "{link}");
    }
}
