//! What has to hold for any bytes from other programs: dropped and pasted files, and what a second start hands over.

#[cfg(target_os = "linux")]
use super::drops::uri_list::UriList;
use super::{instance::wire, uri};

/// A list of dropped files.
pub fn uri_list(bytes: &[u8]) {
    let is_entry = |line: &&[u8]| !line.is_empty() && !line.starts_with(b"#");
    let lines = bytes.split(|byte| matches!(byte, b'\n' | 0)).map(<[u8]>::trim_ascii).filter(is_entry);
    let mut paths = Vec::new();
    let mut others = 0;
    for line in lines {
        let Some(path) = uri::path_of(line) else {
            others += 1;
            continue;
        };
        assert!(path.is_absolute());
        assert!(!path.as_os_str().as_encoded_bytes().contains(&0));
        #[cfg(unix)]
        {
            use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
            const ESCAPES: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/');
            let escaped = percent_encode(path.as_os_str().as_encoded_bytes(), ESCAPES);
            assert_eq!(uri::path_of(format!("file://{escaped}").as_bytes()).as_ref(), Some(&path));
        }
        paths.push(path);
    }
    #[cfg(target_os = "linux")]
    {
        let list = UriList::read(bytes);
        assert_eq!((list.paths, list.others), (paths, others));
        assert_eq!(list.named.is_empty(), others == 0);
    }
    #[cfg(not(target_os = "linux"))]
    drop((paths, others));
}

/// What another start of the program hands over, behind the length and the version of its message.
pub fn instance(bytes: &[u8]) {
    let Ok(arrival) = wire::arrival(bytes) else { return };
    let message = wire::message(&arrival).expect("it is no longer than the bytes that it came from");
    let again = wire::arrival(&message[5..]).expect("what was written can be read");
    assert_eq!(again, arrival);
    let (paths, ..) = arrival.into_parts();
    assert!(paths.iter().all(|path| path.is_absolute()));
}
