//! What a drag holds, and the forms in which programs offer it.

use std::path::PathBuf;

use super::uri_list::UriList;

/// A form of data that can be dropped here, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Form {
    /// `text/uri-list`: files, but browsers put web addresses into it.
    Uris,
    /// The key under which the desktop portal has the files.
    Portal,
    /// A web address and a title, as Firefox writes them.
    Link,
    /// The bytes of a picture, without a file.
    Picture,
}

impl Form {
    fn of(mime_type: &str) -> Option<Self> {
        match mime_type {
            "text/uri-list" => Some(Self::Uris),
            "application/vnd.portal.filetransfer" | "application/vnd.portal.files" => Some(Self::Portal),
            "text/x-moz-url" => Some(Self::Link),
            other => other.starts_with("image/").then_some(Self::Picture),
        }
    }

    /// The best form among those that a source offers, and its place in the list.
    pub(super) fn best<'a>(mime_types: impl IntoIterator<Item = &'a str>) -> Option<(Self, usize)> {
        let forms = mime_types.into_iter().enumerate();
        forms.filter_map(|(place, mime_type)| Some((Self::of(mime_type)?, place))).min()
    }
}

/// What a drag holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Load {
    Uris(UriList),
    Portal(String),
    Picture,
}

impl Load {
    /// Reads what a source has sent in this form; `None` if there is nothing in it.
    pub(super) fn read(form: Form, data: &[u8]) -> Option<Self> {
        match form {
            Form::Uris => Self::of_uris(data),
            Form::Link => {
                let units: Vec<u16> =
                    data.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
                let text = String::from_utf16_lossy(&units);
                Self::of_uris(text.lines().next()?.as_bytes())
            }
            Form::Portal => {
                let key = std::str::from_utf8(data).ok()?.trim_end_matches('\0');
                (!key.is_empty()).then(|| Self::Portal(key.to_owned()))
            }
            Form::Picture => Some(Self::Picture),
        }
    }

    /// The files of this computer in it, as far as they are known.
    pub(super) fn paths(&self) -> &[PathBuf] {
        match self {
            Self::Uris(list) => &list.paths,
            Self::Portal(_) | Self::Picture => &[],
        }
    }

    fn of_uris(text: &[u8]) -> Option<Self> {
        let list = UriList::read(text);
        (list != UriList::default()).then_some(Self::Uris(list))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_preferred_to_everything_else() {
        let offered = ["image/png", "text/plain", "text/x-moz-url", "text/uri-list"];
        assert_eq!(Form::best(offered), Some((Form::Uris, 3)));
        assert_eq!(Form::best(offered[..3].iter().copied()), Some((Form::Link, 2)));
        assert_eq!(Form::best(["text/plain", "image/png"]), Some((Form::Picture, 1)));
        assert_eq!(Form::best(["text/plain"]), None);
    }

    #[test]
    fn every_form_is_read() {
        let firefox: Vec<u8> =
            "https://example.org/\nA title".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let Some(Load::Uris(list)) = Load::read(Form::Link, &firefox) else { panic!("no address") };
        assert_eq!(list.named, ["https://example.org/"]);
        assert_eq!(Load::read(Form::Portal, b"1234\0"), Some(Load::Portal("1234".to_owned())));
        for form in [Form::Uris, Form::Portal, Form::Link] {
            assert_eq!(Load::read(form, b""), None, "{form:?}");
        }
    }
}
