//! One transfer as the window knows it: the engine's events and the user's actions change it.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::watch;

use super::{
    action::{Copied, Recipient, Resume},
    file_list::FileList,
    for_croc::ForCroc,
    people::Parting,
    pictures::Pictures,
    sheet::Sheet,
};
use crate::{
    code::CodePhrase,
    engine::{
        CallState, Connection, CrocNews, FoundCode, Internet, InvitationChain, KnownPair, MetAt, NotAdded,
        NotKept, Notice, Offer, OnlineState, PairId, PeerName, Phase, Progress, Report, TaskId,
        TransferError,
    },
    history::{Direction, PastKind},
    net::client::RelayAddress,
    protocol::{
        manifest::{EntryKind, Manifest, OfferKind},
        peer::Withdrawal,
    },
    transfer::{meter::Meter, notice::LeftOutReason},
};

/// How many names at the top of a transfer its card is called by; the rest is counted. Three fit on a card's line.
const NAMES_SHOWN: usize = 3;
/// How many things that one transfer left behind are kept by name; the rest is only counted. Nobody reads more, and a
/// folder of special files could hold millions.
const MAX_LEFT_BEHIND: usize = 500;

/// How long a button says that it has copied something, before it offers to copy again.
const SAYS_COPIED: Duration = Duration::from_secs(2);

/// What a transfer was started with; enough to start it again.
#[derive(Clone)]
pub(in crate::app) enum StartedWith {
    /// Files and folders.
    Paths(Vec<PathBuf>),
    /// A text.
    Text(String),
    /// A code, and the relay if an invite link named one.
    Code { code: CodePhrase, server: Option<RelayAddress> },
    /// A code of croc, with what else the line or the link around it said.
    Croc(FoundCode),
    /// The invitation of a sender to whom this window is already connected.
    Invitation,
    /// A person's call, under whose code that person waits.
    Call(CodePhrase),
}

/// How a send is bound to another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::app) enum Bond {
    /// It goes to the receiver of that send, who is asked without a code.
    After(TaskId),
    /// It is the part of that send that goes to one of its receivers. `number` counts them from 1, in the order in
    /// which they came.
    Branch { of: TaskId, number: usize },
}

/// Something that was to be sent and doesn't arrive.
#[derive(Debug)]
pub(in crate::app) enum LeftBehind {
    /// It was chosen and can't be offered.
    LeftOut { path: PathBuf, reason: LeftOutReason },
    /// It was offered and then couldn't be sent.
    Withdrawn { path: PathBuf, reason: Withdrawal },
    /// It arrived and couldn't be stored under its name.
    NotStored { error: TransferError },
    /// The paths couldn't be added to a waiting send.
    NotAdded { paths: Vec<PathBuf>, reason: NotAdded },
}

/// How a transfer ended.
pub(in crate::app) enum CardEnd {
    /// It ran to its end, with everything or nearly everything in place.
    Done(Report),
    /// It ended early.
    Failed(TransferError),
    /// The engine has stopped, and the transfer with it.
    CutOff,
}

impl CardEnd {
    /// Whether everything is in place.
    pub(in crate::app) fn is_whole(&self) -> bool {
        matches!(self, Self::Done(report) if report.missing == 0)
    }

    /// Whether the transfer is over for both users, as opposed to one that is to go on when the other computer comes again.
    fn is_final(&self) -> bool {
        match self {
            Self::Done(_) => true,
            Self::CutOff => false,
            Self::Failed(error) => matches!(
                error,
                TransferError::Cancelled
                    | TransferError::PeerCancelled
                    | TransferError::Declined
                    | TransferError::PeerDeclined
            ),
        }
    }
}

/// The parts of a card that the user can fold out, and whether they are.
#[expect(clippy::struct_excessive_bools, reason = "each is a question of its own")]
#[derive(Default)]
pub(in crate::app) struct Folds {
    /// The QR code of the invite link, as rows of dark and light modules, while it is shown.
    pub(in crate::app) qr: Option<Vec<Vec<bool>>>,
    /// The list of what is being sent, or the text.
    pub(in crate::app) list: bool,
    /// What can be set for this send by itself.
    pub(in crate::app) options: bool,
    /// The whole of a received text.
    pub(in crate::app) text: bool,
    /// The list of what is left behind.
    pub(in crate::app) left_behind: bool,
    /// Which way the bytes take, or what else there is to say about the end.
    pub(in crate::app) details: bool,
    /// The question whether it is to be stopped.
    pub(in crate::app) stop: bool,
    /// The card is new or asks something, so its first control takes the keyboard.
    pub(in crate::app) wants_focus: bool,
}

/// One transfer.
pub(in crate::app) struct Card {
    pub(in crate::app) id: TaskId,
    pub(in crate::app) direction: Direction,
    pub(in crate::app) started_with: StartedWith,
    /// The send that this one is bound to; `None` for a transfer by itself.
    pub(in crate::app) bond: Option<Bond>,
    /// How many receivers its code is good for.
    pub(in crate::app) receivers: u16,
    /// The limit on the speed of a send, in bytes a second.
    pub(in crate::app) limit: Option<u64>,
    /// After which time a send that still waits ends, and when that is.
    pub(in crate::app) expires: Option<(Duration, Instant)>,
    /// The folder that what arrives goes into.
    pub(in crate::app) folder: Option<PathBuf>,
    /// The code, once others can use it.
    pub(in crate::app) code: Option<CodePhrase>,
    /// The relay in use; `None` while there is none, and on the local network.
    pub(in crate::app) relay: Option<RelayAddress>,
    /// The addresses at which others reach the relay that runs here for this transfer; there may be none.
    pub(in crate::app) hosted: Option<Vec<RelayAddress>>,
    /// The address at which programs on this computer reach that relay. It is told to nobody.
    pub(in crate::app) loopback: Option<RelayAddress>,
    /// Why the code of a waiting send is on no relay although one is set.
    pub(in crate::app) off_relay: Option<TransferError>,
    /// What it may use of the internet; `None` for nothing.
    pub(in crate::app) internet: Option<Internet>,
    /// Whether the code of a waiting send can be found over the internet; `None` while that is not known, or not wanted.
    pub(in crate::app) online: Option<OnlineState>,
    /// Where the two sides have met.
    pub(in crate::app) met_at: Option<MetAt>,
    /// The version of croc that the other side has, if it has that.
    pub(in crate::app) croc: Option<u8>,
    /// Whether a send is to have a code for croc too.
    pub(in crate::app) is_for_croc: bool,
    /// How it is with that code.
    pub(in crate::app) for_croc: ForCroc,
    /// What the other computer calls itself, if it has said that.
    pub(in crate::app) peer: Option<PeerName>,
    /// The person at the other end, if it was met as one.
    pub(in crate::app) person: Option<PairId>,
    /// How the call of that person is doing, while it is called.
    pub(in crate::app) call: Option<CallState>,
    /// By what the other side can be found again, once both know that they are to be.
    pub(in crate::app) pair: Option<KnownPair>,
    /// The digest of a person's offer, unless only a part of it was accepted.
    pub(in crate::app) offer: Option<[u8; 32]>,
    /// With which paths a send to a person is kept, so that it goes on when the program starts again.
    pub(in crate::app) kept_send: Vec<PathBuf>,
    /// What is being sent or received, once it is known.
    pub(in crate::app) manifest: Option<Arc<Manifest>>,
    /// The first names at the top of the manifest, and how many there are in all.
    top: Option<(Vec<String>, usize)>,
    pub(in crate::app) sheet: Option<Sheet>,
    /// How many wrong codes may still be tried; `None` before the first one.
    pub(in crate::app) tries_left: Option<u8>,
    /// The chain of invitations to which it belongs, if it follows one.
    pub(in crate::app) chain: Option<InvitationChain>,
    /// How many have answered in the sender's place without knowing the code.
    pub(in crate::app) strangers: usize,
    /// The version of a peer that came with another one.
    pub(in crate::app) other_version: Option<u16>,
    /// Whether the last receiver was lost before it answered, so that the code is up again.
    pub(in crate::app) lost_one: bool,
    /// The wished port for direct connections, if it could not be had, and the port that is used instead.
    pub(in crate::app) refused_port: Option<(u16, u16)>,
    pub(in crate::app) left_behind: Vec<LeftBehind>,
    /// What of the files in place the disk could not keep.
    pub(in crate::app) not_kept: NotKept,
    /// How many things are left behind in all, named or not.
    pub(in crate::app) left_behind_count: usize,
    /// How many files and bytes are to move, once the offer is accepted.
    pub(in crate::app) accepted: Option<(u64, Option<u64>)>,
    pub(in crate::app) progress: Progress,
    /// Since when the connection has been lost.
    pub(in crate::app) lost_since: Option<Instant>,
    pub(in crate::app) meter: Meter,
    /// The received text.
    pub(in crate::app) text: Option<String>,
    /// The staging folder that keeps what arrived of a transfer that broke off.
    pub(in crate::app) kept: Option<PathBuf>,
    /// What it was started to resume.
    pub(in crate::app) resume: Option<Resume>,
    pub(in crate::app) end: Option<CardEnd>,
    /// Its entry in the history.
    pub(in crate::app) history: Option<u64>,
    pub(in crate::app) folds: Folds,
    /// Which of its texts was copied last, and when.
    pub(in crate::app) copied: Option<(Copied, Instant)>,
    pub(in crate::app) is_cancelling: bool,
    /// How far what has arrived has been copied to another disk, while it is.
    pub(in crate::app) relocation: Option<Relocation>,
    snapshots: Option<watch::Receiver<Progress>>,
    /// How far each file has come, while the user looks at that.
    pub(in crate::app) file_list: FileList,
}

/// How far a copy to another disk is.
pub(in crate::app) struct Relocation {
    pub(in crate::app) folder: PathBuf,
    /// How many bytes have been copied, and how many there are.
    pub(in crate::app) done: u64,
    pub(in crate::app) total: u64,
}

/// What has to follow from a notice.
#[derive(Debug)]
pub(in crate::app) enum FollowUp {
    /// Nothing but a new frame.
    None,
    /// This offer waits for an answer.
    Asked(Arc<Offer>),
    /// Bytes begin to move.
    Began,
}

impl Card {
    pub(in crate::app) fn new(id: TaskId, direction: Direction, started_with: StartedWith) -> Self {
        Self {
            id,
            direction,
            started_with,
            bond: None,
            receivers: 1,
            limit: None,
            expires: None,
            folder: None,
            code: None,
            relay: None,
            hosted: None,
            loopback: None,
            off_relay: None,
            internet: None,
            online: None,
            met_at: None,
            croc: None,
            is_for_croc: false,
            for_croc: ForCroc::default(),
            peer: None,
            person: None,
            call: None,
            pair: None,
            offer: None,
            kept_send: Vec::new(),
            manifest: None,
            top: None,
            sheet: None,
            tries_left: None,
            chain: None,
            strangers: 0,
            other_version: None,
            lost_one: false,
            refused_port: None,
            left_behind: Vec::new(),
            left_behind_count: 0,
            not_kept: NotKept::default(),
            accepted: None,
            progress: Progress::default(),
            lost_since: None,
            meter: Meter::new(),
            text: None,
            kept: None,
            resume: None,
            end: None,
            history: None,
            folds: Folds::default(),
            copied: None,
            is_cancelling: false,
            relocation: None,
            snapshots: None,
            file_list: FileList::default(),
        }
    }

    /// Follows the snapshots of a transfer that has begun.
    pub(in crate::app) fn follow(&mut self, snapshots: watch::Receiver<Progress>) {
        self.snapshots = Some(snapshots);
    }

    /// Takes the latest snapshot of the progress.
    pub(in crate::app) fn tick(&mut self, now: Instant) {
        if let Some(snapshots) = &mut self.snapshots {
            self.progress = *snapshots.borrow_and_update();
        }
        self.file_list.tick();
        self.lost_since = match self.progress.connection {
            Connection::Up => None,
            Connection::LookingForRelay | Connection::LookingForPeer => Some(self.lost_since.unwrap_or(now)),
        };
        // What an earlier transfer left is no speed of this one.
        if self.is_moving() && self.progress.phase != Phase::OpeningLanes {
            self.meter.note(self.progress.bytes, self.progress.total_bytes, now);
        } else {
            self.meter.rest();
        }
    }

    /// Whether the user has not decided about its offer yet. A text is received without a decision, and counts as decided
    /// when it is over.
    pub(in crate::app) fn is_unanswered(&self) -> bool {
        self.end.is_none() && (self.accepted.is_none() || self.is_text())
    }

    /// Takes something that the transfer reports, and says what has to follow.
    pub(in crate::app) fn notice(&mut self, notice: Notice) -> FollowUp {
        match notice {
            Notice::Code { code, relay } => {
                self.code = Some(code);
                self.relay = relay;
            }
            #[cfg(feature = "croc")]
            Notice::Reach { relay, why } => {
                (self.relay, self.off_relay) = (relay, why);
                self.renew_qr();
            }
            Notice::Online(online) => {
                self.online = Some(online);
                self.renew_qr();
            }
            Notice::Met(place) => {
                let relay = if let MetAt::Relay(relay) = &place { Some(relay.clone()) } else { None };
                (self.relay, self.off_relay, self.met_at) = (relay, None, Some(place));
                // What others tried before says nothing about this one, which has the right code and version.
                self.lost_one = false;
                self.forget_peer();
                (self.tries_left, self.other_version) = (None, None);
            }
            Notice::Croc(CrocNews::Peer { version }) => self.croc = Some(version),
            Notice::Croc(news) => self.for_croc.hear(news),
            // A person goes by the name that the user knows.
            Notice::Peer(name) => {
                self.peer = self.peer.take().filter(|_| self.person.is_some()).or(Some(name));
            }
            Notice::Unanswered => {
                (self.relay, self.met_at, self.croc, self.lost_one) = (None, None, None, true);
                self.forget_peer();
            }
            Notice::Closed(why) => (self.relay, self.off_relay) = (None, Some(why)),
            Notice::WrongTry { tries_left } => self.tries_left = Some(tries_left),
            Notice::Strangers { count } => self.strangers = count,
            Notice::Retired => self.tries_left = Some(0),
            Notice::OtherVersion { theirs } => self.other_version = Some(theirs),
            Notice::PortRefused { wished, used } => self.refused_port = Some((wished, used)),
            Notice::Listed(manifest) => self.know(manifest),
            Notice::Removed(path) => {
                if let StartedWith::Paths(all) = &mut self.started_with {
                    all.retain(|kept| *kept != path);
                }
            }
            Notice::LeftOut(items) => {
                for item in items {
                    self.leave_behind(1, LeftBehind::LeftOut { path: item.path, reason: item.reason });
                }
            }
            Notice::NotAdded { paths, reason } => {
                if let StartedWith::Paths(all) = &mut self.started_with {
                    all.retain(|path| !paths.contains(path));
                }
                self.leave_behind(paths.len(), LeftBehind::NotAdded { paths, reason });
            }
            Notice::Offer(offer) => {
                self.know(Arc::clone(&offer.manifest));
                self.folder.clone_from(&offer.folder);
                let Some(before) = self.sheet.take() else {
                    let mut sheet = Sheet::new(Arc::clone(&offer));
                    if self.croc.is_some() {
                        // croc has none to show.
                        sheet.pictures = Pictures::default();
                    }
                    self.sheet = Some(sheet);
                    return FollowUp::Asked(offer);
                };
                // The button that had the keyboard is gone.
                self.folds.wants_focus |= before.offer.unusable.is_some();
                self.sheet = Some(before.held_against(offer));
            }
            Notice::AlreadyHere(here) => {
                if let Some(sheet) = &mut self.sheet {
                    sheet.learn(here);
                }
            }
            Notice::Thumbnail { entry, thumbnail } => {
                if let Some(sheet) = &mut self.sheet {
                    sheet.pictures.learn(entry, thumbnail);
                }
            }
            Notice::CantUse(error) => {
                if let Some(sheet) = &mut self.sheet {
                    (sheet.unusable, sheet.is_looking) = (Some(error), false);
                }
            }
            Notice::Accepted { files, bytes } => {
                self.accepted = Some((files, bytes));
                return FollowUp::Began;
            }
            Notice::Withdrawn { path, reason } => {
                self.leave_behind(1, LeftBehind::Withdrawn { path, reason });
            }
            Notice::NotStored { path: _, error } => self.leave_behind(1, LeftBehind::NotStored { error }),
            Notice::NotKept(not_kept) => self.not_kept = not_kept,
            Notice::Text(text) => self.text = Some(text),
            Notice::Kept(folder) => self.kept = Some(folder),
            Notice::Acquainted(pair) => self.pair = Some(pair),
            // An invitation isn't for this card: the window answers it with a new one.
            Notice::Invited(_) => {}
        }
        FollowUp::None
    }

    /// Forgets who was at the other end, unless that is a person, which is the only one that can be there.
    fn forget_peer(&mut self) {
        if self.person.is_none() {
            self.peer = None;
        }
    }

    /// Takes how the call of the person is doing to whom this goes.
    pub(super) fn is_called(&mut self, state: CallState) {
        if let CallState::Lost(_) = state {
            self.accepted = None;
        }
        self.call = Some(state);
    }

    fn leave_behind(&mut self, count: usize, left: LeftBehind) {
        self.left_behind_count += count;
        if self.left_behind.len() < MAX_LEFT_BEHIND {
            self.left_behind.push(left);
        }
    }

    /// Ends the transfer with the engine, unless it is over already. Returns the offer that waited for an answer.
    pub(super) fn cut_off(&mut self, now: Instant) -> Option<Sheet> {
        if self.end.is_none() {
            self.tick(now);
            self.snapshots = None;
            self.end = Some(CardEnd::CutOff);
        }
        self.sheet.take()
    }

    /// Takes the end of the transfer.
    pub(in crate::app) fn ended(&mut self, ended: Result<Report, TransferError>, now: Instant) {
        self.tick(now);
        self.file_list = FileList::default();
        self.snapshots = None;
        self.end = Some(match ended {
            Ok(report) => CardEnd::Done(report),
            Err(error) => CardEnd::Failed(error),
        });
    }

    /// What is to be noted of the person with whom this has ended.
    pub(super) fn parting(&self) -> Option<Parting> {
        let (person, end) = (self.person?, self.end.as_ref()?);
        let offer = self.offer.filter(|_| end.is_final());
        Some(Parting { person, offer, sent: self.kept_send.clone() })
    }

    /// Whether it began with a call and has ended before anything was accepted.
    pub(in crate::app) fn came_to_nothing(&self) -> bool {
        matches!(self.started_with, StartedWith::Call(_)) && self.end.is_some() && self.accepted.is_none()
    }

    /// Whether it has ended in the middle, and goes on by itself once the person at the other end is back.
    pub(in crate::app) fn goes_on(&self) -> bool {
        self.offer.is_some()
            && self.accepted.is_some()
            && self.end.as_ref().is_some_and(|end| !end.is_final())
    }

    /// Whether it is about this offer of this person.
    pub(in crate::app) fn is_of(&self, person: PairId, digest: &[u8; 32]) -> bool {
        self.person == Some(person) && self.offer.as_ref() == Some(digest)
    }

    /// The send that this is a part of, if it goes to one of several receivers.
    pub(in crate::app) fn branch_of(&self) -> Option<TaskId> {
        match self.bond? {
            Bond::Branch { of, .. } => Some(of),
            Bond::After(_) => None,
        }
    }

    /// Whether it is a send under a code of its own whose bytes don't move yet.
    pub(in crate::app) fn is_offered_by_code(&self) -> bool {
        self.direction == Direction::Sent
            && self.end.is_none()
            && self.accepted.is_none()
            && self.bond.is_none()
            && self.person.is_none()
    }

    /// Whether three wrong codes were tried, so that its code is of no use.
    pub(in crate::app) fn is_retired(&self) -> bool {
        self.tries_left == Some(0)
    }

    /// Whether an offer waits for an answer.
    pub(in crate::app) fn is_asking(&self) -> bool {
        self.sheet.as_ref().is_some_and(|sheet| !sheet.is_answered)
    }

    /// How far it has come, from 0 to 1; `None` for a stream, whose size is unknown.
    pub(in crate::app) fn fraction(&self) -> Option<f32> {
        let total = self.progress.total_bytes?;
        Some(if total == 0 { 1.0 } else { (self.progress.bytes as f64 / total as f64) as f32 })
    }

    /// To whom a send goes that is started once more.
    pub(in crate::app) fn recipient(&self) -> Recipient {
        self.person.map_or(Recipient::ByCode, Recipient::Person)
    }

    /// The code that it was started with, if the user has typed or pasted one.
    pub(in crate::app) fn typed_code(&self) -> Option<&CodePhrase> {
        match &self.started_with {
            StartedWith::Code { code, .. } => Some(code),
            _ => None,
        }
    }

    /// The words of the code that it was started with, Caiman's or croc's.
    pub(in crate::app) fn typed_words(&self) -> Option<String> {
        match &self.started_with {
            StartedWith::Code { code, .. } => Some(code.to_string()),
            StartedWith::Croc(found) => Some(found.code.as_str().to_owned()),
            _ => None,
        }
    }

    /// Whether it is a receive that has failed before anything was offered, so that the next attempt takes its place.
    pub(in crate::app) fn is_failed_attempt(&self) -> bool {
        self.typed_words().is_some()
            && self.manifest.is_none()
            && matches!(self.end, Some(CardEnd::Failed(_) | CardEnd::CutOff))
    }

    /// The file that moves, as its path in the offer.
    pub(in crate::app) fn moving_file(&self) -> Option<&str> {
        let entry = self.manifest.as_ref()?.entries().get(self.progress.file? as usize)?;
        Some(entry.path.as_str())
    }

    /// How many files the receiver has left out of what this side offered; 0 as long as that isn't known.
    pub(in crate::app) fn left_out_there(&self) -> u64 {
        let (Some(manifest), Some((accepted, _)), Some(CardEnd::Done(report))) =
            (&self.manifest, self.accepted, &self.end)
        else {
            return 0;
        };
        if self.direction == Direction::Received || self.receivers > 1 {
            return 0;
        }
        manifest.files().saturating_sub(accepted).saturating_sub(report.here)
    }

    /// Whether it is a text rather than files.
    pub(in crate::app) fn is_text(&self) -> bool {
        matches!(self.started_with, StartedWith::Text(_))
            || self.text.is_some()
            || self.manifest.as_ref().is_some_and(|manifest| manifest.kind() == OfferKind::Text)
    }

    /// What it moves, as far as that is known.
    pub(in crate::app) fn kind(&self) -> PastKind {
        let first = self.manifest.as_ref().and_then(|manifest| manifest.entries().first());
        if self.is_text() {
            PastKind::Text
        } else if self.names().1 > 1 {
            PastKind::Several
        } else if first.is_some_and(|entry| matches!(entry.kind, EntryKind::Folder { .. })) {
            PastKind::Folder
        } else {
            PastKind::File
        }
    }

    /// Takes the manifest. The names at its top are found once, because a view would search for them in every frame.
    pub(in crate::app) fn know(&mut self, manifest: Arc<Manifest>) {
        let mut top = manifest.entries().iter().filter(|entry| entry.path.names().nth(1).is_none());
        let names: Vec<String> =
            top.by_ref().take(NAMES_SHOWN).map(|entry| entry.path.name().to_owned()).collect();
        let count = names.len() + top.count();
        self.top = Some((names, count));
        self.manifest = Some(manifest);
    }

    /// The first names at the top of what is sent or received, and how many there are in all.
    pub(in crate::app) fn names(&self) -> (Vec<String>, usize) {
        if let Some(top) = &self.top {
            return top.clone();
        }
        match &self.started_with {
            StartedWith::Paths(paths) => {
                let name = |path: &PathBuf| {
                    path.file_name()
                        .map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into())
                };
                (paths.iter().take(NAMES_SHOWN).map(name).collect(), paths.len())
            }
            StartedWith::Text(_)
            | StartedWith::Code { .. }
            | StartedWith::Croc(_)
            | StartedWith::Invitation
            | StartedWith::Call(_) => (Vec::new(), 0),
        }
    }

    /// Which text was copied a moment ago, so that its button says so.
    pub(in crate::app) fn just_copied(&self, now: Instant) -> Option<Copied> {
        self.copied.filter(|(_, when)| now.duration_since(*when) < SAYS_COPIED).map(|(copied, _)| copied)
    }

    /// Whether this text was copied a moment ago.
    pub(in crate::app) fn has_copied(&self, what: Copied, now: Instant) -> bool {
        self.just_copied(now) == Some(what)
    }

    /// The files that didn't leave, so that they can be sent by themselves; none if some of them are only counted.
    pub(in crate::app) fn missing(&self) -> Vec<PathBuf> {
        let path = |left: &LeftBehind| match left {
            LeftBehind::Withdrawn { path, .. } => Some(path.clone()),
            _ => None,
        };
        let is_whole = self.left_behind.len() == self.left_behind_count;
        if self.direction == Direction::Received || !is_whole {
            return Vec::new();
        }
        self.left_behind.iter().filter_map(path).collect()
    }

    /// The folder that files were received into, and what arrived in it, once the transfer is done.
    pub(in crate::app) fn placed(&self) -> Option<(&Path, &[PathBuf])> {
        match &self.end {
            Some(CardEnd::Done(report)) => {
                report.folder.as_deref().map(|folder| (folder, report.placed.as_slice()))
            }
            _ => None,
        }
    }
}
