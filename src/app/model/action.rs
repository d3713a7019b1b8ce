//! What a view asks for. Views read the state and return these; the window carries them out.

use std::path::{Path, PathBuf};

use crate::{
    engine::{OnConflict, TaskId},
    net::client::RelayAddress,
};

/// Something that a person did.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::app) enum Action {
    /// Ask for files to send.
    PickFiles,
    /// Ask for a folder to send.
    PickFolder,
    /// Send what is on the clipboard.
    Paste,
    /// Add files to a waiting send.
    PickFilesFor(TaskId),
    /// Receive with what stands in the code field.
    Receive,
    /// Put this into the code field.
    FillCode(String),
    /// Put the keyboard into the code field.
    FocusCode,
    /// Don't offer the code on the clipboard any more.
    ForgetOffered,
    /// Ask for the folder where an offer goes, or by default everything.
    PickDestination(Option<TaskId>),
    /// Copy something of a card.
    Copy(TaskId, Copied),
    /// Copy a text.
    CopyText(String),
    /// Show or hide the QR code.
    FoldQr(TaskId),
    /// Show or hide the list.
    FoldList(TaskId),
    /// Show or hide the rest of a text.
    FoldText(TaskId),
    /// Show or hide what doesn't arrive.
    FoldLeftBehind(TaskId),
    /// The control that wanted the keyboard has it.
    Focused(TaskId),
    /// Change how an offer is taken.
    Sheet(TaskId, SheetAction),
    /// Take the offer.
    Accept(TaskId),
    /// Don't take it.
    Decline(TaskId),
    /// Let a transfer rest, or go on as far as this side is concerned.
    Pause(TaskId, bool),
    /// End a transfer.
    Cancel(TaskId),
    /// Start a failed transfer again.
    Again(TaskId),
    /// Go on with what was interrupted, as soon as there is a code for it.
    Resume(Resume),
    /// The next receive is for something else.
    ForgetResume,
    /// Ask whether what is here of this interrupted transfer may be removed.
    AskDiscard(String),
    /// Remove what the question was about; it is called so.
    Discard(String),
    /// Send these.
    Send(Vec<PathBuf>),
    /// Take an ended card away.
    Dismiss(TaskId),
    /// Take all ended cards away.
    DismissEnded,
    /// Open a file or folder with its program.
    OpenPath(PathBuf),
    /// Show a file in its folder.
    Reveal(PathBuf),
    /// Take a banner away.
    CloseBanner(BannerId),
    /// Open a dialog, or close the one that is open.
    Show(Option<Dialog>),
    /// Ask the relay in use whether it is there.
    CheckRelay,
    /// Close the window although transfers are under way.
    Quit,
    /// Forget a finished transfer.
    ForgetHistory(u64),
    /// Forget all of them.
    ClearHistory,
    /// The settings have changed.
    Settings(SettingsAction),
}

/// What a person did to an offer. Entries of its tree go by their node's number.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::app) enum SheetAction {
    /// Tick a node, or take its tick away.
    Tick(u32, bool),
    /// Tick everything or nothing.
    TickAll(bool),
    /// Open or close a folder.
    Open(u32),
    /// Show only what has this in its path.
    Search(String),
    /// What happens to names that are taken.
    OnConflict(OnConflict),
    /// The same for one entry of the manifest.
    Exception(u32, OnConflict),
}

/// What a person did in the settings.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::app) enum SettingsAction {
    /// Something may have changed: take over what is valid.
    Changed,
    /// Ask whether this relay of the list is there.
    Test(RelayAddress),
    /// Run a relay in this window.
    StartRelay,
    /// Let it finish what it carries.
    StopRelay,
}

/// Which text of a card was copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::app) enum Copied {
    Code,
    Link,
    Text,
    Report,
}

/// Names a banner.
pub(in crate::app) type BannerId = u64;

/// What lies over the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::app) enum Dialog {
    Settings,
    History,
    /// What is here of an interrupted transfer is about to be removed.
    Discard,
    /// Transfers are under way and the window was asked to close.
    Quit,
}

/// Something that a person wants to go on with. The sender has to offer it again, under a new code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::app) struct Resume {
    /// What it is called.
    pub(in crate::app) name: String,
    /// Where what is here of it lies.
    pub(in crate::app) staging: PathBuf,
}

impl Resume {
    /// The folder that it has to be received into, so that what is here is found.
    pub(in crate::app) fn folder(&self) -> &Path {
        self.staging.parent().unwrap_or(&self.staging)
    }
}
