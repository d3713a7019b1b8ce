//! Starting the program together with the user's session: on Linux by a file in the folder `autostart`, as freedesktop.org
//! describes it. On other systems this can't be set here.
//!
//! Used by the desk. The file alone says whether it is on, so that what other programs change there counts too.

use std::io;

/// Whether the program starts with the user's session; `None` where that can't be set.
pub(super) fn is_on() -> Option<bool> {
    system::is_on()
}

/// Has the program start with the user's session, or no longer.
pub(super) fn set(is_on: bool) -> io::Result<()> {
    system::set(is_on)
}

#[cfg(target_os = "linux")]
mod system {
    use std::{
        env, fs, io,
        path::{Path, PathBuf},
    };

    use crate::app::desktop::launch::APP_ID;

    pub(super) fn is_on() -> Option<bool> {
        Some(file()?.is_file())
    }

    pub(super) fn set(is_on: bool) -> io::Result<()> {
        let file = file().ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        set_at(&file, is_on.then(program).transpose()?.as_deref())
    }

    /// Tests must not change how the user's session starts.
    #[cfg(test)]
    fn file() -> Option<PathBuf> {
        None
    }

    #[cfg(not(test))]
    fn file() -> Option<PathBuf> {
        let config = env::var_os("XDG_CONFIG_HOME").map(PathBuf::from).filter(|folder| folder.is_absolute());
        let config = config.or_else(|| Some(env::home_dir()?.join(".config")))?;
        Some(config.join("autostart").join(format!("{APP_ID}.desktop")))
    }

    /// The program as the user starts it. An `AppImage` runs from a folder that is there only while it does.
    fn program() -> io::Result<PathBuf> {
        env::var_os("APPIMAGE").map_or_else(env::current_exe, |image| Ok(image.into()))
    }

    /// Writes the file so that it starts `program`, or removes it.
    pub(super) fn set_at(file: &Path, program: Option<&Path>) -> io::Result<()> {
        let Some(program) = program else {
            return match fs::remove_file(file) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            };
        };
        let program = program.to_str().ok_or_else(|| io::Error::from(io::ErrorKind::InvalidFilename))?;
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder)?;
        }
        let exec = quoted(program);
        fs::write(
            file,
            format!(
                "[Desktop Entry]\nType=Application\nName=Caiman\nExec={exec}\nIcon={APP_ID}\n\
                 X-GNOME-Autostart-enabled=true\n"
            ),
        )
    }

    /// A path as the key `Exec` has it. Both the quotation and the file escape backslashes.
    fn quoted(path: &str) -> String {
        let mut quoted = String::from("\"");
        for letter in path.chars() {
            match letter {
                '\\' => quoted.push_str(r"\\\\"),
                '"' | '`' | '$' => quoted.extend([r"\\", letter.encode_utf8(&mut [0; 4])]),
                '%' => quoted.push_str("%%"),
                '\n' => quoted.push_str(r"\n"),
                letter => quoted.push(letter),
            }
        }
        quoted.push('"');
        quoted
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn the_file_comes_and_goes_with_its_folder() {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("autostart/x.desktop");
            set_at(&file, None).unwrap();
            set_at(&file, Some(Path::new("/opt/my programs/caiman"))).unwrap();
            let text = fs::read_to_string(&file).unwrap();
            assert!(text.contains("\nExec=\"/opt/my programs/caiman\"\n"), "{text}");
            set_at(&file, None).unwrap();
            assert!(!file.exists());
        }

        #[test]
        fn a_path_is_quoted_so_that_no_desktop_takes_it_for_anything_else() {
            assert_eq!(quoted(r#"/a b/$c"d\e%f`"#), r#""/a b/\\$c\\"d\\\\e%%f\\`""#);
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use std::io;

    pub(super) fn is_on() -> Option<bool> {
        None
    }

    pub(super) fn set(_is_on: bool) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
