//! Reads lists of addresses, `text/uri-list`, the form in which files are dragged.

use std::path::PathBuf;

use crate::{app::desktop::uri, transfer::show::Shown};

/// How many of the addresses that are no files are kept to be named.
const MAX_NAMED: usize = 3;
/// The longest address that is kept as a whole, in characters.
const MAX_LENGTH: usize = 120;

/// A list of the type `text/uri-list` (RFC 2483).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::app::desktop) struct UriList {
    /// The files of this computer, in the list's order.
    pub(in crate::app::desktop) paths: Vec<PathBuf>,
    /// How many lines name something else: a web page, or a file on another computer.
    pub(in crate::app::desktop) others: usize,
    /// The first of those, as they can be shown.
    pub(in crate::app::desktop) named: Vec<String>,
}

impl UriList {
    /// Reads a list. Its lines should end in CR LF, but some sources end them in LF, and some end the list with a
    /// NUL.
    pub(in crate::app::desktop) fn read(text: &[u8]) -> Self {
        let mut list = Self::default();
        for line in text.split(|byte| matches!(byte, b'\n' | 0)) {
            let line = line.trim_ascii();
            if line.is_empty() || line.starts_with(b"#") {
                continue;
            }
            match uri::path_of(line) {
                Some(path) => list.paths.push(path),
                None => list.add_other(&String::from_utf8_lossy(line)),
            }
        }
        list
    }

    /// Counts something that is no file of this computer, and perhaps names it.
    pub(super) fn add_other(&mut self, address: &str) {
        self.others += 1;
        if self.named.len() < MAX_NAMED {
            let short: String = address.chars().take(MAX_LENGTH).collect();
            let cut = if short.len() < address.len() { "…" } else { "" };
            self.named.push(format!("{}{cut}", Shown(&short)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_whatever_ends_its_lines_and_what_is_no_file_is_counted() {
        let list = UriList::read(
            b"# from a file manager\r\nfile:///a%20b\r\n\r\nfile:///c\nhttps://example.org/\r\nsftp://nas/d\n file:///e \r\n\0",
        );
        assert_eq!(list.paths, ["/a b", "/c", "/e"].map(PathBuf::from));
        assert_eq!(list.others, 2);
        assert_eq!(list.named, ["https://example.org/", "sftp://nas/d"]);
        assert_eq!(UriList::read(b""), UriList::default());
    }

    #[test]
    fn a_few_addresses_are_named_and_long_ones_shortened() {
        let list = UriList::read("https://example.org/\u{fc}/\n".repeat(1000).as_bytes());
        assert_eq!((list.others, list.named.len()), (1000, MAX_NAMED));
        let list = UriList::read(format!("data:{}", "\u{fc}".repeat(1000)).as_bytes());
        assert_eq!(list.named[0].chars().count(), MAX_LENGTH + 1);
    }

    proptest::proptest! {
        #[test]
        fn strange_lists_are_read_without_a_panic(bytes: Vec<u8>) {
            let list = UriList::read(&bytes);
            proptest::prop_assert!(list.paths.iter().all(|path| path.is_absolute()));
        }
    }
}
