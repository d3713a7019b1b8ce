//! A value of the key `Run` in the user's registry. The system's settings and its task manager keep beside it what the user has
//! turned off there.

use std::{
    env, io,
    path::{Path, PathBuf},
};

use windows_registry::{CURRENT_USER, Key};

const RUN: &str = r"Software\Microsoft\Windows\CurrentVersion\Run";
const APPROVED: &str = r"Software\Microsoft\Windows\CurrentVersion\Explorer\StartupApproved\Run";
/// The name of the value, which the uninstaller removes.
const NAME: &str = "Caiman";

pub(super) fn is_on() -> Option<bool> {
    Some(is_on_in(root()?))
}

pub(super) fn set(is_on: bool) -> io::Result<()> {
    let root = root().ok_or_else(|| io::Error::from(io::ErrorKind::Unsupported))?;
    set_in(root, is_on.then(program).transpose()?.as_deref())
}

/// Tests must not change how the user's session starts.
fn root() -> Option<&'static Key> {
    (!cfg!(test)).then_some(CURRENT_USER)
}

/// The program that opens the window without a terminal, if it is there.
fn program() -> io::Result<PathBuf> {
    let program = env::current_exe()?;
    let windowed = program.with_file_name("caimanw.exe");
    Ok(if windowed.is_file() { windowed } else { program })
}

fn is_on_in(root: &Key) -> bool {
    let has_value = root.open(RUN).is_ok_and(|key| key.get_value(NAME).is_ok());
    let approved = root.open(APPROVED).and_then(|key| key.get_value(NAME));
    // The first byte is odd for what is turned off.
    has_value && !approved.is_ok_and(|value| value.first().is_some_and(|byte| byte % 2 == 1))
}

/// Writes the value so that it starts `program`, or removes it. Either way nothing is left of what the user has turned off.
fn set_in(root: &Key, program: Option<&Path>) -> io::Result<()> {
    if let Some(program) = program {
        let program = program.to_str().ok_or_else(|| io::Error::from(io::ErrorKind::InvalidFilename))?;
        root.create(RUN)?.set_string(NAME, format!("\"{program}\""))?;
    } else {
        remove(root, RUN)?;
    }
    remove(root, APPROVED)
}

/// Removes the value from a key, if both are there.
fn remove(root: &Key, key: &str) -> io::Result<()> {
    if root.open(key).is_ok_and(|key| key.get_type(NAME).is_ok()) {
        root.options().write().open(key)?.remove_value(NAME)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A key of the registry that is gone after the test.
    struct MadeUp(&'static str);

    impl MadeUp {
        fn root(&self) -> Key {
            CURRENT_USER.create(self.0).unwrap()
        }
    }

    impl Drop for MadeUp {
        fn drop(&mut self) {
            let _ = CURRENT_USER.remove_tree(self.0);
        }
    }

    #[test]
    fn the_value_comes_and_goes() {
        let made_up = MadeUp(r"Software\Caiman test of login");
        let root = made_up.root();
        set_in(&root, None).unwrap();
        assert!(!is_on_in(&root));
        set_in(&root, Some(Path::new(r"C:\My Programs\caimanw.exe"))).unwrap();
        assert!(is_on_in(&root));
        let value = root.open(RUN).unwrap().get_string(NAME).unwrap();
        assert_eq!(value, r#""C:\My Programs\caimanw.exe""#);
        set_in(&root, None).unwrap();
        assert!(!is_on_in(&root));
    }

    #[test]
    fn what_is_turned_off_in_the_task_manager_counts_until_it_is_turned_on_here() {
        let made_up = MadeUp(r"Software\Caiman test of approval");
        let root = made_up.root();
        let program = Path::new(r"C:\caimanw.exe");
        set_in(&root, Some(program)).unwrap();
        let approve = |first: u8| {
            let value = [first, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
            root.create(APPROVED).unwrap().set_bytes(NAME, windows_registry::Type::Bytes, &value).unwrap();
        };
        approve(3);
        assert!(!is_on_in(&root));
        approve(2);
        assert!(is_on_in(&root));
        approve(3);
        set_in(&root, Some(program)).unwrap();
        assert!(is_on_in(&root));
    }
}
