//! Whose code it is that a user typed or pasted.

use crate::code::{CodeError, Invite, parse_any};
#[cfg(feature = "croc")]
use crate::croc::code::{Certainty, FoundCode, find};

/// A code that was typed or pasted.
pub enum TypedCode {
    /// One of Caiman's.
    Caiman(Invite),
    /// One of croc's.
    #[cfg(feature = "croc")]
    Croc(FoundCode),
    /// One that both have codes like, so its sender is looked for in both ways.
    #[cfg(feature = "croc")]
    Either(Invite, FoundCode),
}

/// Reads what the user typed or pasted: a code, a link, or a line that a sender has shown.
///
/// # Errors
///
/// Why it is no code of Caiman's; it is none of croc's either.
pub fn read_code(text: &str) -> Result<TypedCode, CodeError> {
    #[cfg(feature = "croc")]
    if let Some(found) = find(text) {
        return match (found.certainty, parse_any(text)) {
            (Certainty::Certain, _) | (Certainty::Likely, Err(_)) => Ok(TypedCode::Croc(found)),
            // A link names where its sender is; and croc's relays are to learn nothing of the codes that Caiman draws.
            (_, Ok(invite)) if invite.server().is_some() || invite.code().is_listed() => {
                Ok(TypedCode::Caiman(invite))
            }
            (_, Ok(invite)) => Ok(TypedCode::Either(invite, found)),
            (Certainty::Possible, Err(error)) => Err(error),
        };
    }
    parse_any(text).map(TypedCode::Caiman)
}

#[cfg(all(test, feature = "croc"))]
mod tests {
    use super::*;

    fn whose(text: &str) -> &'static str {
        match read_code(text) {
            Ok(TypedCode::Caiman(_)) => "Caiman's",
            Ok(TypedCode::Croc(_)) => "croc's",
            Ok(TypedCode::Either(..)) => "either's",
            Err(_) => "nobody's",
        }
    }

    #[test]
    fn a_code_is_told_by_its_looks() {
        for (text, expected) in [
            ("acid-coyote-mustard-tulip", "Caiman's"),
            ("acid coyote mustard tulip", "Caiman's"),
            ("caiman:acid-coyote-mustard-tulip", "Caiman's"),
            ("caiman:acid-coyote-mustard-tulip?server=192.0.2.7:27001", "Caiman's"),
            ("acid-coyote-mustard-tulip-acid", "Caiman's"),
            ("blue-horse-7731-kitchen", "Caiman's"),
            ("acid-acorn-acre", "croc's"),
            ("acid acorn acre", "croc's"),
            ("8123-alpha-bravo-charlie", "either's"),
            ("blue-horse-kitchen-door", "either's"),
            ("acre-acorn-acts-agent", "either's"),
            ("croc 8123-alpha-bravo-charlie", "croc's"),
            ("CROC_SECRET=\"blue-horse-kitchen-door\" croc --relay 192.0.2.7:9009", "croc's"),
            ("https://getcroc.com/?code=acid-acorn-acre", "croc's"),
            ("acid-coyote", "nobody's"),
            ("acid-coyote-mustrad-tulip", "nobody's"),
            ("", "nobody's"),
        ] {
            assert_eq!(whose(text), expected, "{text}");
        }
    }
}
