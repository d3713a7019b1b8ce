//! How numbers are written in tables and in the picture.

/// A number with as many decimals as it needs, and commas between thousands.
pub(crate) fn number(value: f64) -> String {
    let digits = format!("{}", (value * 1000.0).round() / 1000.0);
    let (whole, rest) = digits.split_at(digits.find('.').unwrap_or(digits.len()));
    let mut label = String::new();
    for (place, digit) in whole.char_indices() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) {
            label.push(',');
        }
        label.push(digit);
    }
    label + rest
}
