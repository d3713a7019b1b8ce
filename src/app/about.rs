//! What the program says about itself: its version, where its releases are, and the notices of what others made of it. The views
//! ask for it. It draws nothing, and asks nothing of the network.

use std::ops::Range;

/// The program and its version, as Settings show them.
pub(super) const VERSION: &str = concat!("Caiman ", env!("CARGO_PKG_VERSION"));

/// `assets/third-party.txt`, packed by the build script: zlib makes it six times smaller.
const PACKED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/third-party.zlib"));

/// The address of the list of releases. Only the builder knows where the program is published, and names the repository by the
/// environment variable `CAIMAN_REPOSITORY`; without it there is no such list.
pub(super) fn releases() -> Option<String> {
    option_env!("CAIMAN_REPOSITORY").and_then(releases_of)
}

fn releases_of(repository: &str) -> Option<String> {
    let repository = repository.trim().trim_end_matches('/');
    repository.starts_with("https://").then(|| format!("{repository}/releases"))
}

/// The notices of the crates, the fonts and the data in the program, as rows that fit a dialog.
pub(super) struct Notices {
    text: String,
    rows: Vec<Range<usize>>,
    /// The most characters in a row.
    columns: usize,
}

impl Notices {
    /// Unpacks the notices.
    pub(super) fn unpack() -> Self {
        let text =
            miniz_oxide::inflate::decompress_to_vec_zlib(PACKED).expect("the build script has packed it");
        let text = String::from_utf8(text).expect("the build script has packed a text");
        Self { text, rows: Vec::new(), columns: 0 }
    }

    /// Breaks the text into rows of at most `columns` characters, unless that is done already, and returns how many there are.
    pub(super) fn wrap(&mut self, columns: usize) -> usize {
        if self.columns != columns {
            self.columns = columns;
            self.rows = wrap(&self.text, columns);
        }
        self.rows.len()
    }

    /// These rows; none for those behind the last.
    pub(super) fn rows(&self, rows: Range<usize>) -> impl Iterator<Item = String> {
        let rows = self.rows.get(rows).unwrap_or_default();
        rows.iter().map(|row| joined(&self.text[row.clone()]))
    }
}

/// Where the rows of `text` stand in it if each has at most `columns` characters. A line that is too long is broken at spaces, and
/// within a word only if the word alone is too long. What is left of it goes on with the next line of its paragraph, so that the
/// paragraph has no short lines in between. A rule is cut.
fn wrap(text: &str, columns: usize) -> Vec<Range<usize>> {
    const BLANK: [char; 2] = [' ', '\n'];
    let columns = columns.max(1);
    let mut rows = Vec::new();
    let mut start = 0;
    while start <= text.len() {
        let mut end = end_of_line(text, start);
        let line = &text[start..end];
        let mut from = start;
        while let Some((most, _)) = text[from..end].char_indices().nth(columns) {
            let limit = from + most;
            // A space right after the last column is as good a break as one before it.
            let space = if text[limit..].starts_with(BLANK) {
                Some(limit)
            } else {
                text[from..limit].rfind(BLANK).map(|space| from + space)
            };
            let is_within = |space: &usize| !text[from..*space].trim_start().is_empty();
            let stop = space.filter(is_within).unwrap_or(limit);
            rows.push(from..from + text[from..stop].trim_end().len());
            from = if is_rule(line) { end } else { end - text[stop..end].trim_start().len() };
            let next = text[end..].get(1..).map_or("", |rest| &rest[..end_of_line(rest, 0)]);
            let goes_on = !next.is_empty() && indent(next) == indent(line) && !is_rule(next);
            if goes_on && (1..columns).contains(&text[from..end].chars().count()) {
                end += 1 + next.len();
            }
        }
        if from < end || from == start {
            rows.push(from..end);
        }
        start = end + 1;
    }
    rows
}

/// A row as it is shown: what it has of a second line stands after a space.
fn joined(row: &str) -> String {
    match row.split_once('\n') {
        Some((one, other)) => format!("{one} {}", joined(other.trim_start())),
        None => row.to_owned(),
    }
}

fn end_of_line(text: &str, start: usize) -> usize {
    text[start..].find('\n').map_or(text.len(), |length| start + length)
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// Whether a line only separates what is above it from what is below.
fn is_rule(line: &str) -> bool {
    line.trim_matches(['-', '=']).is_empty() && !line.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrapped(text: &str, columns: usize) -> Vec<String> {
        wrap(text, columns).into_iter().map(|row| joined(&text[row])).collect()
    }

    #[test]
    fn lines_that_fit_stay_as_they_are() {
        assert_eq!(wrapped("one\n\n  two three\n", 11), ["one", "", "  two three", ""]);
    }

    #[test]
    fn long_lines_break_at_spaces_and_long_words_anywhere() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("one two three", 6), ["one", "two", "three"]);
        assert_eq!(wrapped("  abcdefgh", 5), ["  abc", "defgh"]);
        assert_eq!(wrapped("abc    def", 4), ["abc", "def"]);
        assert_eq!(wrapped("äöüß äöü", 3), ["äöü", "ß", "äöü"]);
        assert_eq!(wrapped("x", 0), ["x"]);
    }

    #[test]
    fn what_is_left_of_a_line_goes_on_with_the_next_of_its_paragraph() {
        assert_eq!(
            wrapped("one two three\nfour five\n\nsix", 7),
            ["one two", "three", "four", "five", "", "six"]
        );
        assert_eq!(wrapped("one two a\nb c d e f\ng", 7), ["one two", "a b c d", "e f g"]);
        assert_eq!(wrapped("  one two a\n  b\n c", 9), ["  one two", "a b", " c"]);
        assert_eq!(wrapped("one two\n-------\n=======", 6), ["one", "two", "------", "======"]);
    }

    #[test]
    fn the_notices_are_whole_and_no_row_is_too_long() {
        let mut notices = Notices::unpack();
        assert_eq!(notices.text, include_str!("../../assets/third-party.txt"));
        for columns in [20, 80] {
            let count = notices.wrap(columns);
            assert!(notices.rows(0..count).all(|row| row.chars().count() <= columns));
            // A rule may be cut.
            let words = |text: &str| text.replace(|c: char| c.is_whitespace() || "-=".contains(c), "");
            let shown: String = notices.rows(0..count).map(|row| words(&row)).collect();
            assert_eq!(shown, words(&notices.text));
        }
        assert_eq!(notices.rows(usize::MAX - 1..usize::MAX).count(), 0);
    }

    #[test]
    fn only_a_web_address_leads_to_releases() {
        let releases = Some("https://forge.example/caiman/releases".to_owned());
        assert_eq!(releases_of("https://forge.example/caiman"), releases);
        assert_eq!(releases_of("https://forge.example/caiman/"), releases);
        assert_eq!(releases_of(""), None);
        assert_eq!(releases_of("file:///etc"), None);
    }
}
