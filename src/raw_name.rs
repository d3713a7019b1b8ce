//! Names that aren't UTF-8, as text that can be turned back into the very same bytes.
//!
//! Unix keeps names as bytes, and old archives have names in Latin-1 or Shift JIS. In an offer, each byte of such a name that
//! is no part of a UTF-8 character stands as one of the private-use characters U+EF80 to U+EFFF, which stand for the bytes 0x80
//! to 0xFF, as in the encoding `OPTU-8` of `MirBSD`. A name that has such a character itself gets each byte of that character escaped, so
//! every name has exactly one text ([`is_canonical`]). No escape stands for a byte below 0x80, so none can become a `/`, a `.`
//! or a NUL. Pure.

use std::borrow::Cow;

/// The character that stands for the byte 0x80.
const FIRST: u32 = 0xef80;

/// The text that stands for a name.
pub fn text_of(name: &[u8]) -> String {
    let mut text = String::with_capacity(name.len());
    for chunk in name.utf8_chunks() {
        for c in chunk.valid().chars() {
            if escaped_byte(c).is_some() {
                text.extend(c.encode_utf8(&mut [0; 4]).bytes().filter_map(escape));
            } else {
                text.push(c);
            }
        }
        text.extend(chunk.invalid().iter().copied().filter_map(escape));
    }
    text
}

/// The name for which a text stands.
pub fn bytes_of(text: &str) -> Cow<'_, [u8]> {
    if is_plain(text) {
        return Cow::Borrowed(text.as_bytes());
    }
    let mut bytes = Vec::with_capacity(text.len());
    for c in text.chars() {
        match escaped_byte(c) {
            Some(byte) => bytes.push(byte),
            None => bytes.extend(c.encode_utf8(&mut [0; 4]).bytes()),
        }
    }
    Cow::Owned(bytes)
}

/// Whether a text stands for itself: nothing in it is escaped.
pub fn is_plain(text: &str) -> bool {
    // Each of these characters begins with this byte in UTF-8, and most names have no such byte.
    !text.as_bytes().contains(&0xee) || text.chars().all(|c| escaped_byte(c).is_none())
}

/// Whether [`text_of`] gives this text to any name. Two such texts never stand for the same name.
pub fn is_canonical(text: &str) -> bool {
    is_plain(text) || text_of(&bytes_of(text)) == text
}

/// The byte for which a character stands; `None` for a character that stands for itself.
pub fn escaped_byte(c: char) -> Option<u8> {
    let number = u32::from(c).checked_sub(FIRST)?;
    (number < 0x80).then_some(0x80 | number as u8)
}

/// The character that stands for a byte; `None` for a byte below 0x80.
fn escape(byte: u8) -> Option<char> {
    let number = u32::from(byte).checked_sub(0x80)?;
    char::from_u32(FIRST + number)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_unicode_stands_for_itself() {
        for name in ["a", "caf\u{e9}", "日本語", "\u{e000}", "\u{ee80}", "\u{f000}"] {
            assert_eq!(text_of(name.as_bytes()), name);
            assert!(is_plain(name));
        }
        assert_eq!(text_of(b"caf\xe9.txt"), "caf\u{efe9}.txt");
        assert!(!is_plain("caf\u{efe9}.txt"));
    }

    /// Otherwise two entries of an offer could have the same name on the disk, and one would replace the other.
    #[test]
    fn a_second_text_for_a_name_is_noticed() {
        // The escaped bytes of a character, and an escape that stands for itself.
        for text in ["\u{efc3}\u{efa9}", "a\u{efc3}\u{efa9}b"] {
            assert!(!is_canonical(text), "{text:?}");
        }
        let own = text_of("\u{efe9}".as_bytes());
        assert_eq!(own.chars().count(), 3);
        assert!(is_canonical(&own));
    }

    proptest! {
        #[test]
        fn every_name_comes_back_as_it_was(name: Vec<u8>) {
            let text = text_of(&name);
            prop_assert!(is_canonical(&text));
            prop_assert_eq!(&*bytes_of(&text), &name[..]);
        }

        #[test]
        fn a_canonical_text_stands_for_one_name(text in "[a\u{efc3}\u{efa9}\u{ef80}\u{efe9}é]{0,6}") {
            let again = text_of(&bytes_of(&text));
            prop_assert_eq!(is_canonical(&text), again == text);
            prop_assert!(!bytes_of(&text).iter().any(|byte| matches!(byte, b'/' | b'.' | 0)));
        }
    }
}
