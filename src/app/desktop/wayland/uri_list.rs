//! Reads lists of addresses, `text/uri-list`, the form in which files are dragged.

use std::path::PathBuf;

use crate::app::desktop::uri;

/// A list of the type `text/uri-list` (RFC 2483).
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::app::desktop) struct UriList {
    /// The files of this computer, in the list's order.
    pub(in crate::app::desktop) paths: Vec<PathBuf>,
    /// How many lines name something else: a web page, or a file on another computer.
    pub(in crate::app::desktop) others: usize,
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
                None => list.others += 1,
            }
        }
        list
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
        assert_eq!(UriList::read(b""), UriList::default());
    }

    proptest::proptest! {
        #[test]
        fn strange_lists_are_read_without_a_panic(bytes: Vec<u8>) {
            let list = UriList::read(&bytes);
            proptest::prop_assert!(list.paths.iter().all(|path| path.is_absolute()));
        }
    }
}
