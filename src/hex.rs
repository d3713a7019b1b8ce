//! Bytes as hexadecimal digits, two for each byte. Pure.

use std::fmt::Write as _;

/// Adds the digits of these bytes to a text. One that has room for them is not moved, so that it can hold a secret.
pub(crate) fn push(text: &mut String, bytes: &[u8]) {
    for byte in bytes {
        // Writing to a string can't fail.
        let _ = write!(text, "{byte:02x}");
    }
}

/// Reads as many bytes as there are in `bytes`. Returns whether the text is just their digits.
pub(crate) fn read(text: &str, bytes: &mut [u8]) -> bool {
    if text.len() != 2 * bytes.len() || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return false;
    }
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).expect("these are two digits");
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_nothing_else_is() {
        let mut text = String::new();
        push(&mut text, &[0, 0x0f, 0xff]);
        assert_eq!(text, "000fff");
        let mut bytes = [1; 3];
        assert!(read(&text, &mut bytes));
        assert_eq!(bytes, [0, 0x0f, 0xff]);
        for wrong in ["", "000ff", "000fffff", "000ffg", "+00fff", "é00fx"] {
            assert!(!read(wrong, &mut bytes), "{wrong:?}");
        }
    }
}
