//! Coordinates as croc's messages have them: decimal integers. Coordinates that are sent are public, so nothing here needs to
//! be in constant time.

use crypto_bigint::U576;
use zeroize::Zeroizing;

/// The digits of the largest number below `2^521`.
const MAX_DIGITS: usize = 157;

/// Writes a big-endian number as a decimal.
pub(super) fn write(bytes: &[u8]) -> String {
    let mut wide = [0; U576::BYTES];
    wide[U576::BYTES - bytes.len()..].copy_from_slice(bytes);
    U576::from_be_slice(&wide).to_string_radix_vartime(10)
}

/// Reads a decimal into a big-endian number of `length` bytes. `None` for what is no plain decimal of this size: a sign, a
/// fraction, an exponent, a leading zero.
pub(super) fn read(digits: &str, length: usize) -> Option<Vec<u8>> {
    let is_plain = digits.bytes().all(|digit| digit.is_ascii_digit())
        && (1..=MAX_DIGITS).contains(&digits.len())
        && (digits == "0" || !digits.starts_with('0'));
    if !is_plain {
        return None;
    }
    let wide = U576::from_str_radix_vartime(digits, 10).ok()?.to_be_bytes();
    let (over, number) = wide.as_ref().split_at(U576::BYTES.checked_sub(length)?);
    over.iter().all(|byte| *byte == 0).then(|| number.to_vec())
}

/// The number without leading zero bytes; zero has no bytes. croc hashes coordinates in this form.
pub(super) fn minimal(bytes: &[u8]) -> Zeroizing<Vec<u8>> {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    Zeroizing::new(bytes[zeros..].to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_come_back_as_they_were() {
        for (digits, length) in
            [("0", 32), ("1", 32), ("256", 32), ("793136080485469241208656611513609866400481671853", 66)]
        {
            assert_eq!(write(&read(digits, length).unwrap()), digits);
        }
    }

    #[test]
    fn what_is_no_plain_decimal_is_refused() {
        for digits in ["", "-1", "+1", "1.0", "1e3", "00", "01", "1_000", "0x10", " 1", "null", "\"1\""] {
            assert_eq!(read(digits, 32), None, "{digits}");
        }
        assert_eq!(read(&"9".repeat(MAX_DIGITS + 1), 66), None);
        assert_eq!(read("256", 1), None);
        assert_eq!(read("255", 1).unwrap(), [255]);
    }

    #[test]
    fn leading_zero_bytes_are_left_out() {
        assert_eq!(*minimal(&[0, 0, 1, 0]), [1, 0]);
        assert!(minimal(&[0, 0]).is_empty());
        assert_eq!(*minimal(&[7]), [7]);
    }
}
