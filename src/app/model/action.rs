//! What the user can ask for. Views read the state and return these; `perform` carries them out.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    settings_form::Page,
    tree::{Order, Walk},
};
use crate::{
    engine::{IrohRelay, OnConflict, OnMerge, PairId, TaskId},
    net::client::RelayAddress,
};

/// Something that the user did.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::app) enum Action {
    /// Ask for files to send.
    PickFiles,
    /// Ask for a folder to send.
    PickFolder,
    /// Take what is on the clipboard: send its files, or show its text before that is sent.
    Paste,
    /// Show the text that is to be sent, to be typed or changed.
    WriteText,
    /// Send that text.
    SendText,
    /// Remember who is at the other end of this transfer.
    Remember(TaskId),
    /// Something about a person.
    Person(PairId, PersonAction),
    /// Add files to a waiting send.
    PickFilesFor(TaskId),
    /// Receive with the code in the code field.
    Receive,
    /// Put this text into the code field.
    FillCode(String),
    /// Put the code of a failed receive into the code field, and the keyboard on the words that are likely to be wrong.
    CorrectCode(TaskId),
    /// Look for the sender of the code in the field everywhere, not only at the relay that its link named.
    ForgetServer,
    /// Put the keyboard into the code field.
    FocusCode,
    /// Stop offering the code that is on the clipboard.
    ForgetOffered,
    /// Ask for the folder to save this offer in, or everything from now on.
    PickDestination(Option<TaskId>),
    /// Ask for another folder for what has arrived.
    PickRelocation(TaskId),
    /// Leave what has arrived where it is, although it is being copied to another disk.
    StopRelocating(TaskId),
    /// Copy one of a card's texts.
    Copy(TaskId, Copied),
    /// Copy a text.
    CopyText(String),
    /// Show or hide the QR code of a send.
    FoldQr(TaskId),
    /// Show or hide the list of what is being sent.
    FoldList(TaskId),
    /// Show or hide what can be set for a send by itself.
    FoldOptions(TaskId),
    /// Take the entry of this name at the top of the list out of a waiting send.
    RemoveEntry(TaskId, String),
    /// Limit the speed of a send, in bytes a second; `None` for no limit.
    Limit(TaskId, Option<u64>),
    /// Send the same under a new code that is good for this many receivers.
    Receivers(TaskId, u16),
    /// Whether a waiting send has a code for croc too. It gets a new code of its own with it.
    ForCroc(TaskId, bool),
    /// End a send that still waits after this time; `None` for never.
    Expire(TaskId, Option<Duration>),
    /// Show or hide the rest of a received text.
    FoldText(TaskId),
    /// Show or hide the list of what is left behind.
    FoldLeftBehind(TaskId),
    /// Show or hide the details of a transfer, or of how it ended.
    FoldDetails(TaskId),
    /// The control of this card that wanted the keyboard has it.
    Focused(TaskId),
    /// Change the choices about an offer.
    Sheet(TaskId, SheetAction),
    /// Accept an offer.
    Accept(TaskId),
    /// Decline an offer.
    Decline(TaskId),
    /// Pause a transfer, or resume it as far as this side is concerned.
    Pause(TaskId, bool),
    /// Pause everything under way, or resume it as far as this side is concerned.
    PauseAll(bool),
    /// Ask whether a transfer is to be stopped, or stop asking.
    AskStop(TaskId, bool),
    /// End a transfer.
    Cancel(TaskId),
    /// Start a failed transfer again, as it was started.
    Again(TaskId),
    /// Give up the code of a waiting send, and send the same under a new one.
    Renew(TaskId),
    /// Resume an interrupted transfer as soon as there is a code for it.
    Resume(Resume),
    /// Don't resume anything: the next receive is for something else.
    ForgetResume,
    /// Ask whether what has arrived of this interrupted transfer may be deleted.
    AskDiscard(String),
    /// Delete what the question was about. The name is what the transfer is called.
    Discard(String),
    /// Send these files and folders.
    Send(Vec<PathBuf>, Recipient),
    /// Remove an ended transfer from the page.
    Dismiss(TaskId),
    /// Remove all ended transfers from the page.
    DismissEnded,
    /// Open a file or folder with its program.
    OpenPath(PathBuf),
    /// Show a file in its folder, with the file manager.
    Reveal(PathBuf),
    /// Close a banner.
    CloseBanner(BannerId),
    /// Open a dialog, or close the one that is open.
    Show(Option<Dialog>),
    /// Open the settings at this page.
    ShowSettings(Page),
    /// Go to the first step of this number, or past the last one.
    FirstStep(usize),
    /// Never show the first steps again.
    EndFirstSteps,
    /// Don't tell again who runs the public relays on the internet.
    InternetTold,
    /// Check the relay in use again.
    CheckRelay,
    /// Show this address in the system's browser.
    Browse(String),
    /// Close the window although that ends something.
    Quit,
    /// Go on without the window.
    KeepRunning,
    /// Start the program with the user's session, or no longer.
    StartAtLogin(bool),
    /// Remove a transfer from the history.
    ForgetHistory(u64),
    /// Clear the history, after the question about it.
    ClearHistory,
    /// Something in the settings dialog.
    Settings(SettingsAction),
}

/// What the user did to a person.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::app) enum PersonAction {
    /// Ask for files to send.
    PickFiles,
    /// Ask for a folder to send.
    PickFolder,
    /// Ask for the folder into which what the person sends is received without asking.
    PickTrusted,
    /// Open the person's settings.
    Open,
    /// Write a text to the person.
    WriteText,
    /// Give the person another name.
    Rename(String),
    /// Ask again about what the person sends.
    AlwaysAsk,
    /// Hear nothing of the person any more, or hear of it again.
    Block(bool),
    /// Ask whether the person is to be forgotten.
    AskForget,
    /// Forget the person.
    Forget,
}

/// What the user did to an offer. Nodes of its tree go by their number there, entries by their place in the manifest.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::app) enum SheetAction {
    /// Receive although there seems to be too little free space.
    IgnoreSpace,
    /// Tick or untick a node and everything in it.
    Tick(u32, bool),
    /// Tick everything, or nothing; while there is a search, only of what it has found.
    TickAll(bool),
    /// Take the keyboard through the tree, or act where it is.
    Walk(Walk),
    /// Sort the tree.
    Sort(Order),
    /// Open or close a folder.
    Open(u32),
    /// Show thumbnails of pictures, or no longer.
    ShowPictures(bool),
    /// These pictures have come into sight, by entry.
    InSight(Vec<u32>),
    /// Show only entries with this text in their path.
    Search(String),
    /// How to resolve all name conflicts.
    OnConflict(OnConflict),
    /// How to resolve the name conflict of this entry.
    Exception(u32, OnConflict),
    /// What to do about all folders that are already there.
    OnMerge(OnMerge),
    /// What to do about this folder, which is already there.
    MergeException(u32, OnMerge),
}

/// What the user did in the settings dialog.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::app) enum SettingsAction {
    /// A setting may have changed; what is valid takes effect.
    Changed,
    /// Check this relay.
    Test(RelayAddress),
    /// Check this iroh relay.
    TestIroh(IrohRelay),
    /// Run a relay in this window.
    StartRelay,
    /// Stop the window's relay once it has finished what it carries.
    StopRelay,
}

/// To whom something goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::app) enum Recipient {
    /// To those who type its code.
    ByCode,
    /// To the receiver of this send, without a code.
    After(TaskId),
    /// To a person that the user has remembered, without a code.
    Person(PairId),
}

/// One of the texts that a card offers to copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::app) enum Copied {
    Code,
    /// The code for croc.
    CrocCode,
    /// A text for a person who may not have Caiman: where to get it, the code and the link.
    Invitation,
    Text,
    Report,
}

/// Identifies a banner.
pub(in crate::app) type BannerId = u64;

/// A dialog over the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::app) enum Dialog {
    Settings,
    History,
    /// The notices of what others made, which Settings lead to.
    Licences,
    /// The question before what has arrived of an interrupted transfer is deleted.
    Discard,
    /// The question before the window closes while that would end something.
    Quit,
    /// The text that is to be sent.
    Text,
    /// The question before the history is cleared.
    ClearHistory,
    /// What can be done with a person, and what is set for it.
    Person,
    /// The question before a person is forgotten.
    ForgetPerson,
}

/// An interrupted transfer that the user wants to resume. The sender has to offer it again, under a new code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::app) struct Resume {
    /// The transfer's name.
    pub(in crate::app) name: String,
    /// The staging folder that holds what has arrived.
    pub(in crate::app) staging: PathBuf,
}

impl Resume {
    /// The folder to receive it into. The engine finds what has arrived only there.
    pub(in crate::app) fn folder(&self) -> &Path {
        self.staging.parent().unwrap_or(&self.staging)
    }
}
