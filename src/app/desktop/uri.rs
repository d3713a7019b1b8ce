//! Reads `file:` addresses of files on this computer, as file managers and browsers write them. It doesn't touch the
//! disk.

use std::path::PathBuf;

use percent_encoding::percent_decode;

/// The absolute path of a `file:` address on this computer; `None` for any other address.
pub(super) fn path_of(uri: &[u8]) -> Option<PathBuf> {
    let (scheme, rest) = uri.split_at_checked(5)?;
    if !scheme.eq_ignore_ascii_case(b"file:") {
        return None;
    }
    let (host, path) = match rest.strip_prefix(b"//") {
        Some(rest) => rest.split_at(rest.iter().position(|byte| *byte == b'/')?),
        None => (&rest[..0], rest),
    };
    if !path.starts_with(b"/") {
        return None;
    }
    let path: Vec<u8> = percent_decode(path).collect();
    if path.contains(&0) { None } else { local(host, path) }
}

/// A path is bytes here, in any encoding. A file of another computer is not the file that has its path here.
#[cfg(unix)]
fn local(host: &[u8], path: Vec<u8>) -> Option<PathBuf> {
    use std::{ffi::OsString, os::unix::ffi::OsStringExt};

    let uname = rustix::system::uname();
    let is_here = host.is_empty()
        || host.eq_ignore_ascii_case(b"localhost")
        || host.eq_ignore_ascii_case(uname.nodename().to_bytes());
    is_here.then(|| OsString::from_vec(path).into())
}

/// `file:///C:/x` is a path on a drive, `file://server/share/x` one on a network share.
#[cfg(windows)]
fn local(host: &[u8], path: Vec<u8>) -> Option<PathBuf> {
    let path = String::from_utf8(path).ok()?.replace('/', "\\");
    if !host.is_empty() && !host.eq_ignore_ascii_case(b"localhost") {
        let host = std::str::from_utf8(host).ok()?;
        return Some(format!(r"\\{host}{path}").into());
    }
    let path = PathBuf::from(path.trim_start_matches('\\'));
    path.is_absolute().then_some(path)
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

    use super::*;

    fn path(uri: &str) -> Option<PathBuf> {
        path_of(uri.as_bytes())
    }

    #[test]
    fn addresses_of_this_machine_become_paths() {
        let here = rustix::system::uname().nodename().to_str().unwrap().to_owned();
        for (uri, expected) in [
            ("file:///home/a/b.txt", "/home/a/b.txt"),
            ("FILE:///a%20b/%C3%BC%23.txt", "/a b/ü#.txt"),
            ("file://localhost/a", "/a"),
            (&format!("file://{here}/a"), "/a"),
            ("file:/a/b", "/a/b"),
            ("file:///", "/"),
            ("file:///50%", "/50%"),
        ] {
            assert_eq!(path(uri), Some(expected.into()), "{uri}");
        }
        let latin = path("file:///%FF%fe").unwrap();
        assert_eq!(latin.as_os_str(), OsStr::from_bytes(b"/\xff\xfe"));
    }

    #[test]
    fn other_addresses_do_not() {
        for uri in [
            "",
            "file",
            "file:",
            "file://",
            "file://host",
            "file:a",
            "file://elsewhere.example/a",
            "file:///a%00b",
            "http:///a",
            "https://example.org/file:///a",
            "/home/a",
            "ﬁle:///a",
        ] {
            assert_eq!(path(uri), None, "{uri}");
        }
    }

    proptest::proptest! {
        #[test]
        fn every_path_survives_its_address(bytes in proptest::collection::vec(1_u8.., 0..40)) {
            let path = [b"/", bytes.as_slice()].concat();
            let uri = format!("file://{}", percent_encoding::percent_encode(&path, percent_encoding::NON_ALPHANUMERIC));
            // The first slash separates the host from the path and is not escaped.
            let uri = uri.replacen("%2F", "/", 1);
            let read = path_of(uri.as_bytes()).unwrap();
            proptest::prop_assert_eq!(read.as_os_str().as_bytes(), path.as_slice());
        }
    }
}
