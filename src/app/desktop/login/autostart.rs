//! A desktop entry in the folder `autostart` of the user's configuration. It outlives the package, so it names the program that
//! has to be there: without that, desktops ignore it.

use std::{
    env, io,
    path::{Path, PathBuf},
};

use super::file::keep;
use crate::app::desktop::launch::APP_ID;

pub(super) fn is_on() -> Option<bool> {
    Some(file()?.is_file())
}

pub(super) fn set(is_on: bool) -> io::Result<()> {
    let file = file().ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
    let text = is_on.then(|| entry(&program()?)).transpose()?;
    keep(&file, text.as_deref())
}

/// Tests must not change how the user's session starts.
#[cfg(test)]
fn file() -> Option<PathBuf> {
    None
}

#[cfg(not(test))]
fn file() -> Option<PathBuf> {
    // No desktop reads the folder that a sandbox of Flatpak has for it.
    if Path::new("/.flatpak-info").exists() {
        return None;
    }
    let config = env::var_os("XDG_CONFIG_HOME").map(PathBuf::from).filter(|folder| folder.is_absolute());
    let config = config.or_else(|| Some(env::home_dir()?.join(".config")))?;
    Some(config.join("autostart").join(format!("{APP_ID}.desktop")))
}

/// The program as the user starts it. An `AppImage` runs from a folder that is there only while it does.
fn program() -> io::Result<PathBuf> {
    env::var_os("APPIMAGE").map_or_else(|| env::current_exe().map(present), |image| Ok(image.into()))
}

/// The path of a program that may have been replaced while it runs, which Linux marks.
fn present(program: PathBuf) -> PathBuf {
    let replaced = program.to_str().and_then(|path| path.strip_suffix(" (deleted)"));
    match replaced {
        Some(path) if !program.exists() => path.into(),
        _ => program,
    }
}

/// The entry that starts `program`.
fn entry(program: &Path) -> io::Result<String> {
    let program = program.to_str().ok_or_else(|| io::Error::from(io::ErrorKind::InvalidFilename))?;
    let (exec, try_exec) = (quoted(program), escaped(program));
    Ok(format!(
        "[Desktop Entry]\nType=Application\nName=Caiman\nTryExec={try_exec}\nExec={exec}\nIcon={APP_ID}\n\
         X-GNOME-Autostart-enabled=true\n"
    ))
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

/// A path as the key `TryExec` has it: only the file escapes it.
fn escaped(path: &str) -> String {
    path.replace('\\', r"\\").replace('\n', r"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches an entry that starts nothing, or that desktops complain about once the program has been removed.
    #[test]
    fn the_entry_starts_the_program_for_as_long_as_it_is_there() {
        let text = entry(Path::new("/opt/my programs/caiman")).unwrap();
        let keys: Vec<&str> = text.lines().filter(|line| line.contains("Exec=")).collect();
        assert_eq!(keys, ["TryExec=/opt/my programs/caiman", "Exec=\"/opt/my programs/caiman\""]);
    }

    /// Catches an entry that starts nothing because the program was upgraded before the setting was changed.
    #[test]
    fn a_program_that_was_replaced_is_named_as_the_new_one() {
        assert_eq!(present("/usr/bin/caiman (deleted)".into()), Path::new("/usr/bin/caiman"));
        let folder = tempfile::tempdir().unwrap();
        let odd = folder.path().join("caiman (deleted)");
        std::fs::write(&odd, "").unwrap();
        assert_eq!(present(odd.clone()), odd);
    }

    #[test]
    fn a_path_is_quoted_so_that_no_desktop_takes_it_for_anything_else() {
        let path = r#"/a b/$c"d\e%f`"#;
        assert_eq!(quoted(path), r#""/a b/\\$c\\"d\\\\e%%f\\`""#);
        assert_eq!(escaped(path), r#"/a b/$c"d\\e%f`"#);
    }
}
