//! A file that is there while something is on.

use std::{fs, io, path::Path};

/// Writes a file and the folder that it is in, or removes the file.
pub(super) fn keep(file: &Path, text: Option<&str>) -> io::Result<()> {
    let Some(text) = text else {
        return match fs::remove_file(file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        };
    };
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(file, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_comes_and_goes_with_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("autostart/x.desktop");
        keep(&file, None).unwrap();
        keep(&file, Some("text")).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "text");
        keep(&file, None).unwrap();
        assert!(!file.exists());
    }
}
