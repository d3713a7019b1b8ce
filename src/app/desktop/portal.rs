//! The desktop portal (xdg-desktop-portal), which shows file dialogs and knows what other programs hand over. A portal
//! may run without a file chooser, as it does on many small desktops, or hang. So each step of a question has a time
//! limit, but for the one in which the user chooses.

use std::{
    collections::HashMap,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use zbus::{
    MatchRule, Message,
    blocking::{Connection, MessageIterator, connection::Builder},
    message::Type,
    zvariant::{OwnedObjectPath, OwnedValue, Value},
};

use super::uri;

const PORTAL: &str = "org.freedesktop.portal.Desktop";
const PORTAL_PATH: &str = "/org/freedesktop/portal/desktop";
const CHOOSER: &str = "org.freedesktop.portal.FileChooser";
const REQUEST: &str = "org.freedesktop.portal.Request";
const DOCUMENTS: &str = "org.freedesktop.portal.Documents";
const DOCUMENTS_PATH: &str = "/org/freedesktop/portal/documents";
const TRANSFER: &str = "org.freedesktop.portal.FileTransfer";

/// How long the portal may take to answer. The bus may have to start it first.
const ANSWER_LIMIT: Duration = Duration::from_secs(4);
/// A user takes longer than this to find the button that closes a dialog. A portal whose dialog fails doesn't.
const SHORTEST_LOOK: Duration = Duration::from_secs(1);
/// The first version of the file chooser that can ask for a folder.
const FOLDERS_SINCE: u32 = 3;
/// How many answers may wait to be looked at; the portal gives one.
const QUEUE: usize = 16;

/// What came of a dialog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum DialogAnswer {
    /// These paths were chosen; none if the user cancelled.
    Chosen(Vec<PathBuf>),
    /// The portal said that its dialog failed, or nothing was chosen before a user could have read the dialog.
    Failed,
}

/// The portal's file chooser.
pub(super) struct Chooser {
    bus: Connection,
    version: u32,
}

impl Chooser {
    /// The file chooser, if the portal has one and answers.
    pub(super) fn find() -> zbus::Result<Self> {
        let bus = session()?;
        let reply = bus.call_method(
            Some(PORTAL),
            PORTAL_PATH,
            Some("org.freedesktop.DBus.Properties"),
            "Get",
            &(CHOOSER, "version"),
        )?;
        let version: OwnedValue = reply.body().deserialize()?;
        Ok(Self { version: u32::try_from(version)?, bus })
    }

    /// Whether it can ask for a folder.
    pub(super) fn knows_folders(&self) -> bool {
        self.version >= FOLDERS_SINCE
    }

    /// Asks for any number of files, or for one folder, and waits for the user.
    pub(super) fn ask(
        &self,
        is_folder: bool,
        title: &str,
        start: Option<&Path>,
    ) -> zbus::Result<DialogAnswer> {
        let rule = MatchRule::builder()
            .msg_type(Type::Signal)
            .interface(REQUEST)?
            .member("Response")?
            .build()
            .to_owned();
        // The portal may answer before it says under which name.
        let answers = MessageIterator::for_match_rule(rule, &self.bus, Some(QUEUE))?;
        let asked = Instant::now();
        let folder = start.map(|start| [start.as_os_str().as_bytes(), b"\0"].concat());
        let kind = if is_folder { "directory" } else { "multiple" };
        let mut options = HashMap::from([(kind, Value::from(true))]);
        options.extend(folder.map(|folder| ("current_folder", Value::from(folder))));
        let request: OwnedObjectPath = self
            .bus
            .call_method(Some(PORTAL), PORTAL_PATH, Some(CHOOSER), "OpenFile", &("", title, options))?
            .body()
            .deserialize()?;
        for answer in answers {
            let answer = answer?;
            if answer.header().path() == Some(&*request) {
                return read(&answer, asked.elapsed());
            }
        }
        Err(zbus::Error::InvalidReply)
    }
}

/// Reads the portal's answer, which came after `elapsed`.
fn read(answer: &Message, elapsed: Duration) -> zbus::Result<DialogAnswer> {
    const CHOSEN: u32 = 0;
    const CANCELLED: u32 = 1;
    let body = answer.body();
    let (code, mut results): (u32, HashMap<String, OwnedValue>) = body.deserialize()?;
    Ok(match code {
        CHOSEN => {
            let uris = results.remove("uris").ok_or(zbus::Error::InvalidReply)?;
            let uris = Vec::<String>::try_from(uris)?;
            DialogAnswer::Chosen(uris.iter().filter_map(|uri| uri::path_of(uri.as_bytes())).collect())
        }
        CANCELLED if elapsed >= SHORTEST_LOOK => DialogAnswer::Chosen(Vec::new()),
        _ => DialogAnswer::Failed,
    })
}

/// The files that another program hands over under `key`. That can be asked once.
pub(super) fn retrieve(key: &str) -> zbus::Result<Vec<PathBuf>> {
    let options = HashMap::<&str, Value<'_>>::new();
    let reply = session()?.call_method(
        Some(DOCUMENTS),
        DOCUMENTS_PATH,
        Some(TRANSFER),
        "RetrieveFiles",
        &(key, options),
    )?;
    let paths: Vec<String> = reply.body().deserialize()?;
    Ok(paths.into_iter().map(PathBuf::from).collect())
}

/// The session bus, on which each call waits for its answer no longer than [`ANSWER_LIMIT`].
pub(super) fn session() -> zbus::Result<Connection> {
    Builder::session()?.method_timeout(ANSWER_LIMIT).build()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(code: u32, uris: &[&str], elapsed: Duration) -> DialogAnswer {
        let results = HashMap::from([("uris", Value::from(uris))]);
        let message = Message::signal("/a", REQUEST, "Response").unwrap().build(&(code, results)).unwrap();
        read(&message, elapsed).unwrap()
    }

    #[test]
    fn what_was_chosen_is_told_from_a_dialog_that_was_never_seen() {
        let chosen = DialogAnswer::Chosen(vec!["/a b".into()]);
        assert_eq!(answer(0, &["file:///a%20b", "sftp://nas/c"], Duration::ZERO), chosen);
        assert_eq!(answer(1, &[], SHORTEST_LOOK), DialogAnswer::Chosen(Vec::new()));
        assert_eq!(answer(1, &[], SHORTEST_LOOK / 2), DialogAnswer::Failed);
        assert_eq!(answer(2, &[], SHORTEST_LOOK), DialogAnswer::Failed);
    }
}
