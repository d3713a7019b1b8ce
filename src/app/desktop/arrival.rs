//! What a start of the program brings: files to send or an invite to take, read from the arguments. `instance` hands
//! it to a window that is already running. Files are looked for here and never opened.
//!
//! A web page can start the program, with a link to `caiman:`. So such an argument is never a file, whatever is on the
//! disk, and nothing stands beside it: a browser that passes on quotation marks must not turn the rest of a link into
//! files that are sent.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::uri;
use crate::{
    code::{self, CodeError, Invite, SCHEME},
    transfer::show::Shown,
};

/// Files, an invite, or both; empty if the user only wants the window.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "ArrivalMessage", into = "ArrivalMessage")]
pub(in crate::app) struct Arrival {
    paths: Vec<PathBuf>,
    invite: Option<Invite>,
    /// Files that don't exist, as the arguments name them.
    missing: Vec<String>,
}

/// Why the arguments make no sense.
#[derive(Debug, thiserror::Error)]
pub enum ArrivalError {
    /// An argument is neither a file nor a code. The source says what is wrong with it as a code.
    #[error("“{}” is neither a file nor a code", Shown(argument))]
    Neither {
        /// The argument.
        argument: String,
        /// What is wrong with it as a code.
        source: CodeError,
    },
    /// An argument is the address or the name of a file that doesn't exist.
    #[error("“{}” doesn't exist, so it can't be sent", Shown(argument))]
    Missing {
        /// The argument.
        argument: String,
    },
    /// An argument is an invite link that can't be read, or a code with a slip in it.
    #[error(transparent)]
    BadCode(#[from] CodeError),
    /// There is an invite link and something else.
    #[error("an invite link can't be opened together with anything else; open only the link")]
    LinkNotAlone,
    /// The arguments hold more than one code or link.
    #[error("there are several codes; give only the one you want")]
    SeveralCodes,
}

impl Arrival {
    /// Reads the program's arguments. Relative paths start at `folder`, which has to be absolute. Symbolic links are
    /// not followed. A file that doesn't exist is an error only if nothing else is brought.
    pub(in crate::app) fn from_args(
        folder: &Path,
        args: impl IntoIterator<Item = OsString>,
    ) -> Result<Self, ArrivalError> {
        let mut arrival = Self::default();
        let args: Vec<OsString> = args.into_iter().collect();
        if args.len() > 1 && args.iter().any(|argument| has_scheme(&argument.to_string_lossy(), SCHEME)) {
            return Err(ArrivalError::LinkNotAlone);
        }
        let mut missing = None;
        for argument in args {
            let argument = match Argument::read(folder, &argument) {
                Err(ArrivalError::Missing { argument: name }) => {
                    arrival.missing.push(name.clone());
                    missing.get_or_insert(ArrivalError::Missing { argument: name });
                    continue;
                }
                argument => argument?,
            };
            match argument {
                Argument::Path(path) => arrival.paths.push(path),
                Argument::Invite(_) if arrival.invite.is_some() => return Err(ArrivalError::SeveralCodes),
                Argument::Invite(invite) => arrival.invite = Some(invite),
            }
        }
        match missing {
            Some(error) if arrival.paths.is_empty() && arrival.invite.is_none() => Err(error),
            _ => Ok(arrival),
        }
    }

    /// The paths, the invite, and the names of files that don't exist.
    pub(in crate::app) fn into_parts(self) -> (Vec<PathBuf>, Option<Invite>, Vec<String>) {
        (self.paths, self.invite, self.missing)
    }
}

/// What one argument is.
enum Argument {
    Path(PathBuf),
    Invite(Invite),
}

impl Argument {
    fn read(folder: &Path, argument: &OsString) -> Result<Self, ArrivalError> {
        let text = argument.to_string_lossy();
        let missing = || ArrivalError::Missing { argument: text.clone().into_owned() };
        // On some systems a link is also a path: Windows finds `caiman:/../x`.
        if has_scheme(&text, SCHEME) {
            return Ok(Self::Invite(code::parse_any(&text)?));
        }
        if has_scheme(&text, "file:") {
            let path = uri::path_of(argument.as_encoded_bytes()).filter(|path| is_there(path));
            return path.map(Self::Path).ok_or_else(missing);
        }
        let path = folder.join(argument);
        if !argument.is_empty() && is_there(&path) {
            return Ok(Self::Path(path));
        }
        // The name of a missing file may have four parts, and so could be taken for a sender's own code.
        if text.contains(['/', '\\', '.']) {
            return Err(missing());
        }
        match code::parse_any(&text) {
            Ok(invite) => Ok(Self::Invite(invite)),
            Err(slip @ CodeError::Unknown { suggestion: Some(_), .. }) => Err(slip.into()),
            Err(source) => Err(ArrivalError::Neither { argument: text.into_owned(), source }),
        }
    }
}

/// Whether there is a file, folder or link at this path. A link counts even if it leads nowhere.
fn is_there(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

fn has_scheme(text: &str, scheme: &str) -> bool {
    text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
}

/// An arrival as it is handed to another start. Paths are sent as the system writes them, which need not be UTF-8.
#[derive(Serialize, Deserialize)]
struct ArrivalMessage {
    paths: Vec<OsString>,
    invite: Option<String>,
    missing: Vec<String>,
}

impl From<Arrival> for ArrivalMessage {
    fn from(arrival: Arrival) -> Self {
        Self {
            paths: arrival.paths.into_iter().map(PathBuf::into_os_string).collect(),
            invite: arrival.invite.map(|invite| invite.to_string()),
            missing: arrival.missing,
        }
    }
}

/// Why a handed-over arrival is refused.
#[derive(Debug, thiserror::Error)]
enum ArrivalMessageError {
    #[error("a path is not absolute")]
    Relative,
    #[error(transparent)]
    Code(#[from] CodeError),
}

impl TryFrom<ArrivalMessage> for Arrival {
    type Error = ArrivalMessageError;

    fn try_from(wire: ArrivalMessage) -> Result<Self, ArrivalMessageError> {
        let paths: Vec<PathBuf> = wire.paths.into_iter().map(PathBuf::from).collect();
        if !paths.iter().all(|path| path.is_absolute()) {
            return Err(ArrivalMessageError::Relative);
        }
        let invite = wire.invite.map(|invite| code::parse_any(&Zeroizing::new(invite))).transpose()?;
        Ok(Self { paths, invite, missing: wire.missing })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODE: &str = "acid-coyote-mustard-tulip";

    fn read(folder: &Path, args: &[&str]) -> Result<Arrival, ArrivalError> {
        Arrival::from_args(folder, args.iter().map(OsString::from))
    }

    fn folder_with(name: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(name), "x").unwrap();
        folder
    }

    #[test]
    fn files_codes_and_links_are_told_apart() {
        let folder = folder_with("a b.txt");
        let file = folder.path().join("a b.txt");
        let arrival = read(folder.path(), &["a b.txt", file.to_str().unwrap(), CODE]).unwrap();
        assert_eq!(arrival.paths, [file.clone(), file]);
        assert_eq!(arrival.invite.as_ref().unwrap().code().to_string(), CODE);
        let link = format!("CAIMAN:{CODE}?server=relay.example:27001");
        let arrival = read(folder.path(), &[&link]).unwrap();
        assert_eq!(arrival.invite.as_ref().unwrap().server(), Some("relay.example:27001"));
        let (paths, invite, _) = read(folder.path(), &["blue-horse-7731-kitchen"]).unwrap().into_parts();
        assert!(paths.is_empty());
        assert_eq!(invite.unwrap().code().to_string(), "blue-horse-7731-kitchen");
        assert!(read(folder.path(), &[]).unwrap() == Arrival::default());
    }

    #[test]
    fn a_file_that_is_named_like_a_code_is_a_file() {
        let folder = folder_with(CODE);
        assert_eq!(read(folder.path(), &[CODE]).unwrap().paths, [folder.path().join(CODE)]);
    }

    /// A browser may start the program in any folder, and a page may have put a file there before.
    #[cfg(unix)]
    #[test]
    fn a_link_is_never_a_file() {
        let link = format!("caiman:{CODE}");
        for name in [link.as_str(), "caiman:x", "CAIMAN:x", "caiman:"] {
            let folder = folder_with(name);
            let read = read(folder.path(), &[name]);
            assert!(read.as_ref().is_ok_and(|arrival| arrival.paths.is_empty()) || read.is_err(), "{name}");
        }
        let folder = folder_with("file:");
        assert!(matches!(read(folder.path(), &["file:"]), Err(ArrivalError::Missing { .. })));
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("caiman:")).unwrap();
        fs::write(folder.path().join("x"), "x").unwrap();
        assert!(matches!(read(folder.path(), &["caiman:/../x"]), Err(ArrivalError::BadCode(_))));
    }

    /// Catches a link with a quotation mark in it, which Windows turns into several arguments.
    #[test]
    fn nothing_stands_beside_a_link() {
        let folder = folder_with("secret");
        let link = format!("caiman:{CODE}");
        for args in [&[&link, "secret"][..], &["secret", &link], &[&link, CODE], &[&link, &link]] {
            assert!(matches!(read(folder.path(), args), Err(ArrivalError::LinkNotAlone)), "{args:?}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn file_addresses_are_paths_and_dangling_links_are_there() {
        let folder = folder_with("a b");
        let uri = format!("file://{}/a%20b", folder.path().display());
        assert_eq!(read(folder.path(), &[&uri]).unwrap().paths, [folder.path().join("a b")]);
        std::os::unix::fs::symlink("nowhere", folder.path().join("link")).unwrap();
        assert_eq!(read(folder.path(), &["link"]).unwrap().paths, [folder.path().join("link")]);
    }

    /// Catches a window that doesn't open for the files that are there, because one of them is not.
    #[test]
    fn what_is_there_arrives_and_what_is_missing_is_named() {
        let folder = folder_with("good.jpg");
        let arrival = read(folder.path(), &["good.jpg", "missing.txt", "file:///no/such"]).unwrap();
        let bytes = postcard::to_stdvec(&arrival).unwrap();
        for arrival in [arrival, postcard::from_bytes(&bytes).unwrap()] {
            let (paths, invite, missing) = arrival.into_parts();
            assert_eq!(paths, [folder.path().join("good.jpg")]);
            assert!(invite.is_none());
            assert_eq!(missing, ["missing.txt", "file:///no/such"]);
        }
        let nothing = read(folder.path(), &["missing.txt", "other.txt"]);
        assert!(matches!(nothing, Err(ArrivalError::Missing { argument }) if argument == "missing.txt"));
    }

    #[test]
    fn what_is_wrong_is_said() {
        let folder = tempfile::tempdir().unwrap();
        for (argument, said) in [
            ("nothing", "“nothing” is neither a file nor a code"),
            ("", "“” is neither a file nor a code"),
            ("a\u{1b}[2J", "“a\\u{1b}[2J” is neither a file nor a code"),
            (
                "our-holiday-photos-2024.zip",
                "“our-holiday-photos-2024.zip” doesn't exist, so it can't be sent",
            ),
            ("file:///no/such", "“file:///no/such” doesn't exist, so it can't be sent"),
            ("caiman:%ff", "this invite link is damaged; ask for it again, or type the code"),
            (
                "acid-coyote-mustrad-tulip",
                "“mustrad” is not one of the code words; did you mean acid-coyote-mustard-tulip?",
            ),
        ] {
            assert_eq!(read(folder.path(), &[argument]).unwrap_err().to_string(), said);
        }
        let twice = read(folder.path(), &[CODE, CODE]);
        assert!(matches!(twice, Err(ArrivalError::SeveralCodes)));
    }

    #[test]
    fn an_arrival_survives_being_handed_over() {
        let folder = folder_with("a");
        let link = format!("caiman:{CODE}?server=relay.example");
        for args in [&["a", CODE][..], &[link.as_str()], &["a"], &[CODE], &[]] {
            let arrival = read(folder.path(), args).unwrap();
            let bytes = postcard::to_stdvec(&arrival).unwrap();
            assert_eq!(postcard::from_bytes::<Arrival>(&bytes).unwrap(), arrival);
        }
    }

    #[cfg(unix)]
    #[test]
    fn names_that_are_no_text_survive_it_too() {
        use std::os::unix::ffi::OsStringExt;

        let folder = tempfile::tempdir().unwrap();
        let name = OsString::from_vec(b"\xff\xfe".to_vec());
        fs::write(folder.path().join(&name), "x").unwrap();
        let arrival = Arrival::from_args(folder.path(), [name]).unwrap();
        let bytes = postcard::to_stdvec(&arrival).unwrap();
        assert_eq!(postcard::from_bytes::<Arrival>(&bytes).unwrap(), arrival);
    }

    #[test]
    fn a_handed_over_arrival_is_checked() {
        for wire in [
            ArrivalMessage { paths: vec!["relative".into()], invite: None, missing: vec![] },
            ArrivalMessage { paths: vec![], invite: Some("no code".to_owned()), missing: vec![] },
        ] {
            let bytes = postcard::to_stdvec(&wire).unwrap();
            assert!(postcard::from_bytes::<Arrival>(&bytes).is_err());
        }
    }
}
