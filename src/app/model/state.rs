//! Everything that the window shows. Events and the user's actions change it, views read it, and what has to happen
//! outside is returned as [`Effect`]s.

use std::{
    collections::{HashMap, VecDeque},
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    action::{Action, BannerId, Dialog},
    card::{Bond, Card, FollowUp, StartedWith},
    code_field::CodeField,
    people::{Parting, PeopleList},
    settings_form::SettingsForm,
    sheet::Sheet,
    standing::Standstill,
    tone::Tone,
    tree::Tree,
    unfinished::UnfinishedList,
};
use crate::{
    code,
    engine::{
        AccessPassword, Called, Connection, Event, Internet, Invited, IrohCheck, IrohCheckError, IrohRelay,
        Notice, Offer, OnlineState, PairId, PathMode, RelayCheck, RelayClientError, RelayError, TaskId,
        TransferError, TypedCode, Unfinished, read_code,
    },
    history::{Direction, History},
    net::client::RelayAddress,
    panics::PanicReport,
    protocol::manifest::Manifest,
    settings::{HostRelay, Settings},
};

/// How long a lost connection keeps the computer awake. A sleeping computer can't reconnect, but one that has tried
/// for this long may sleep.
const AWAKE_WHILE_LOST: Duration = Duration::from_mins(10);

/// The most transfers with one person at a time that begin with a call.
const MAX_OF_ONE: usize = 4;

/// A message at the top of the page that belongs to no card.
#[derive(Debug)]
pub(in crate::app) struct Banner {
    pub(in crate::app) id: BannerId,
    pub(in crate::app) tone: Tone,
    pub(in crate::app) text: String,
    /// What can be done about it: a link's text, and what the link does.
    pub(in crate::app) way_on: Option<(String, Action)>,
}

/// The relay that this window hosts for others.
pub(in crate::app) struct Host {
    pub(in crate::app) id: TaskId,
    /// The addresses at which others reach it; `None` until it listens.
    pub(in crate::app) reachable: Option<Vec<RelayAddress>>,
    /// Its ports: the control port first, then the data ports.
    pub(in crate::app) ports: Vec<u16>,
    pub(in crate::app) is_stopping: bool,
    /// The settings that it was started with.
    pub(in crate::app) as_set: HostRelay,
}

/// What is known about something that was tried.
pub(in crate::app) enum TestState<G, B> {
    /// It was asked and hasn't answered yet.
    Pending,
    /// It answered and can be used.
    Good(G),
    /// It can't be used.
    Bad(B),
}

impl<G, B> From<Result<G, B>> for TestState<G, B> {
    fn from(answer: Result<G, B>) -> Self {
        match answer {
            Ok(good) => Self::Good(good),
            Err(bad) => Self::Bad(bad),
        }
    }
}

/// What is known about a relay.
pub(in crate::app) type RelayStatus = TestState<RelayCheck, RelayClientError>;
/// What is known about an iroh relay.
pub(in crate::app) type IrohStatus = TestState<IrohCheck, IrohCheckError>;

/// How far the codes of this window lead, unless a relay of the user's carries them further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::app) enum CodesLead {
    /// Anywhere, over the internet. It is certain once the code that was drawn last was found there.
    Anywhere { is_certain: bool },
    /// To computers on the same network.
    Nearby(WhyNearby),
}

/// Why codes don't lead over the internet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::app) enum WhyNearby {
    /// This program was built without it.
    NotBuiltIn,
    /// The user has switched it off.
    SwitchedOff,
    /// The user wants the local network only.
    PathMode,
    /// No relay on the internet answers.
    NoRelay,
}

/// What closing the window would end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools)]
pub(in crate::app) struct AtStake {
    /// How many codes wait for receivers.
    pub(in crate::app) codes: usize,
    /// Whether the window's own relay runs.
    pub(in crate::app) has_relay: bool,
    /// Whether transfers are under way.
    pub(in crate::app) is_under_way: bool,
    /// Whether what has arrived is being copied to another disk.
    pub(in crate::app) is_copying: bool,
    /// Whether people could send to this computer.
    pub(in crate::app) has_people: bool,
}

impl AtStake {
    /// Whether closing would end anything.
    pub(in crate::app) fn is_any(self) -> bool {
        self != Self::default()
    }

    /// Whether closing would end something that is being done now. The user is asked about that whatever the settings say.
    pub(in crate::app) fn is_busy(self) -> bool {
        self.is_under_way || self.is_copying
    }
}

/// The state of the window.
#[allow(clippy::struct_excessive_bools)]
pub(in crate::app) struct State {
    /// The transfers on the page, the newest first.
    pub(in crate::app) cards: Vec<Card>,
    pub(in crate::app) field: CodeField,
    /// A code that was found on the clipboard and may be the one to type.
    pub(in crate::app) offered_code: Option<String>,
    pub(in crate::app) banners: Vec<Banner>,
    pub(in crate::app) dialog: Option<Dialog>,
    /// Whether the dialog has just opened, so that one of its controls is to have the keyboard.
    pub(in crate::app) dialog_opens: bool,
    pub(in crate::app) settings: Settings,
    pub(in crate::app) form: SettingsForm,
    /// Whether Settings have taken the place of the licences, so that they don't fade in.
    pub(in crate::app) replaces_licences: bool,
    /// Which of the first steps is shown, as long as the user has not gone through them.
    pub(in crate::app) first_step: usize,
    /// The text that the user writes, or has pasted, and has not sent yet.
    pub(in crate::app) draft: String,
    /// The person to whom that text goes; `None` for a code.
    pub(in crate::app) text_for: Option<PairId>,
    /// Whether the answer to what closing means is to hold from then on.
    pub(in crate::app) remembers_closing: bool,
    /// Whether the program starts with the user's session; `None` where that can't be set.
    pub(in crate::app) starts_at_login: Option<bool>,
    /// The folder that received files go into.
    pub(in crate::app) save_folder: PathBuf,
    pub(in crate::app) people: PeopleList,
    pub(in crate::app) history: History,
    pub(in crate::app) unfinished: UnfinishedList,
    /// Whether the engine runs. Once it has stopped, nothing goes on and no command is taken.
    pub(in crate::app) has_engine: bool,
    /// Whether a sender has lost its relay or found one since the last frame.
    has_relay_news: bool,
    pub(in crate::app) host: Option<Host>,
    /// Why the hosted relay stopped, if it did so by itself.
    pub(in crate::app) host_error: Option<RelayError>,
    /// What is known about each relay of the list, and about relays that were in use before.
    pub(in crate::app) checked: HashMap<RelayAddress, RelayStatus>,
    /// The password with which each of them was checked last.
    pub(in crate::app) checked_with: HashMap<RelayAddress, Option<AccessPassword>>,
    /// The checks that wait for an answer, each with its relay.
    pub(in crate::app) checks: HashMap<TaskId, RelayAddress>,
    /// What is known about each iroh relay that was tried.
    pub(in crate::app) checked_iroh: HashMap<IrohRelay, IrohStatus>,
    /// The checks of iroh relays that wait for an answer.
    pub(in crate::app) iroh_checks: HashMap<TaskId, IrohRelay>,
    /// The first of the files that are held over the window before a drop, where the system names them.
    pub(in crate::app) hovering: Vec<PathBuf>,
    /// How many files are held over the window.
    pub(in crate::app) hover_count: usize,
    next_banner: BannerId,
    /// Where senders have more to offer, each with the transfer in which it said so.
    invitations: VecDeque<(TaskId, Invited)>,
}

/// What has to happen outside the state.
pub(in crate::app) enum Effect {
    /// Ask the user about this offer.
    Ask(TaskId, Arc<Manifest>),
    /// Find out whether this offer of a person is to be accepted without asking.
    Recognise(TaskId, Arc<Offer>),
    /// Note with which person a transfer has ended, and what of it needs no longer be kept.
    Part(Parting),
    /// Receive from a person that has called.
    Receive(Called),
    /// Report that no person can send to this computer, because waiting for them broke off.
    WaitBroke(PanicReport),
    /// Notify the user that a transfer is over.
    TellEnded(TaskId),
    /// Write a transfer into the history.
    Begin(TaskId),
    /// Write the end of a transfer into the history.
    Finish(TaskId),
    /// Receive what the sender of this transfer has besides.
    Follow(TaskId, Box<Invited>),
    /// Drop an offer that is no longer needed. Dropping a hundred thousand names takes longer than a frame has.
    Drop(Box<Sheet>),
}

impl State {
    /// The state of a window that has just opened. Received files go into `save_folder`.
    pub(in crate::app) fn new(settings: Settings, save_folder: PathBuf, history: History) -> Self {
        Self {
            cards: Vec::new(),
            field: CodeField::default(),
            offered_code: None,
            banners: Vec::new(),
            dialog: None,
            form: SettingsForm::new(&settings),
            dialog_opens: false,
            replaces_licences: false,
            first_step: 0,
            draft: String::new(),
            text_for: None,
            remembers_closing: false,
            starts_at_login: None,
            save_folder,
            settings,
            people: PeopleList::default(),
            history,
            unfinished: UnfinishedList::default(),
            has_engine: true,
            has_relay_news: false,
            host: None,
            host_error: None,
            checked: HashMap::new(),
            checked_with: HashMap::new(),
            checks: HashMap::new(),
            checked_iroh: HashMap::new(),
            iroh_checks: HashMap::new(),
            hovering: Vec::new(),
            hover_count: 0,
            next_banner: 0,
            invitations: VecDeque::new(),
        }
    }

    /// Adds a transfer, before its first event.
    pub(in crate::app) fn add(&mut self, id: TaskId, direction: Direction, started_with: StartedWith) {
        self.cards.insert(0, Card::new(id, direction, started_with));
    }

    /// Adds the part of a send that goes to a receiver who has just come.
    fn branch(&mut self, of: TaskId, id: TaskId) {
        let number = self.branches(of).count() + 1;
        let Some(send) = self.card(of) else { return };
        let mut branch = Card::new(id, Direction::Sent, send.started_with.clone());
        branch.bond = Some(Bond::Branch { of, number });
        branch.internet.clone_from(&send.internet);
        if let Some(manifest) = send.manifest.clone() {
            branch.know(manifest);
        }
        self.cards.push(branch);
    }

    /// The parts of a send for several receivers, in the order in which they came.
    pub(in crate::app) fn branches(&self, of: TaskId) -> impl Iterator<Item = &Card> {
        self.cards.iter().filter(move |card| card.branch_of() == Some(of))
    }

    /// Whether files can still be added to a send. The offer is fixed once the first receiver has come.
    pub(in crate::app) fn takes_additions(&self, card: &Card) -> bool {
        card.is_waiting() && !card.is_text() && self.branches(card.id).next().is_none()
    }

    /// The card of this transfer.
    pub(in crate::app) fn card(&mut self, id: TaskId) -> Option<&mut Card> {
        self.cards.iter_mut().find(|card| card.id == id)
    }

    /// Shows a message at the top of the page.
    pub(in crate::app) fn tell(&mut self, tone: Tone, text: String) {
        self.tell_with(tone, text, None);
    }

    /// Shows a message at the top of the page, perhaps with a link. A message that is already there moves to the end
    /// instead of being shown twice.
    pub(in crate::app) fn tell_with(&mut self, tone: Tone, text: String, way_on: Option<(String, Action)>) {
        self.banners.retain(|banner| banner.text != text);
        self.next_banner += 1;
        self.banners.push(Banner { id: self.next_banner, tone, text, way_on });
    }

    /// Takes an event of the engine.
    pub(in crate::app) fn apply(&mut self, event: Event, now: Instant) -> Vec<Effect> {
        let mut effects = Vec::new();
        match event {
            Event::Started(id, snapshots, files) => {
                if let Some(card) = self.card(id) {
                    card.follow(snapshots);
                    card.file_list.follow(files);
                }
            }
            Event::Listening { id, local, data_ports, reachable, .. } => {
                if let Some(host) = self.host.as_mut().filter(|host| host.id == id) {
                    host.ports = std::iter::once(local.port()).chain(data_ports).collect();
                    host.reachable = Some(reachable);
                } else if let Some(card) = self.card(id) {
                    let loopback = RelayAddress::from_socket(([127, 0, 0, 1], local.port()).into());
                    (card.hosted, card.loopback) = (Some(reachable), Some(loopback));
                }
            }
            Event::Branch { of, id } => self.branch(of, id),
            Event::Notice(id, Notice::Invited(invited)) => self.invitations.push_back((id, invited)),
            Event::Notice(id, notice) => {
                self.has_relay_news |= matches!(notice, Notice::Reach { .. });
                let Some(card) = self.card(id) else { return effects };
                match card.notice(notice) {
                    FollowUp::None => {}
                    FollowUp::Asked(offer) if card.person.is_some() && !card.is_text() => {
                        effects.push(Effect::Recognise(id, offer));
                    }
                    FollowUp::Asked(offer) => effects.push(Effect::Ask(id, Arc::clone(&offer.manifest))),
                    FollowUp::Began => {
                        effects.extend(card.sheet.take().map(|sheet| Effect::Drop(Box::new(sheet))));
                        effects.push(Effect::Begin(id));
                    }
                }
            }
            Event::Ended(id, ended) => {
                let is_own_wish = matches!(
                    ended,
                    Err(TransferError::Cancelled | TransferError::Declined | TransferError::Superseded)
                );
                // A person that was lost has called again, and the transfer goes on under that call.
                let is_continued = matches!(ended, Err(TransferError::Superseded))
                    && self.card(id).is_some_and(|card| card.person.is_some());
                let has_branches = self.branches(id).next().is_some();
                let Some(card) = self.card(id) else { return effects };
                card.ended(ended, now);
                effects.extend(card.parting().map(Effect::Part));
                // If nothing was offered, what was to be resumed is still to be resumed.
                let resume = card.resume.take().filter(|_| card.manifest.is_none());
                effects.extend(card.sheet.take().map(|sheet| Effect::Drop(Box::new(sheet))));
                effects.push(Effect::Finish(id));
                if has_branches {
                    // Each of its parts has notified the user.
                } else if !is_own_wish {
                    effects.push(Effect::TellEnded(id));
                } else if (card.accepted.is_none() || is_continued) && card.branch_of().is_none() {
                    // Nothing came of it, and the user knows why.
                    self.cards.retain(|card| card.id != id);
                }
                self.unfinished.resume = self.unfinished.resume.take().or(resume);
            }
            Event::Called(called) => effects.extend(self.hears(&called).then_some(Effect::Receive(called))),
            Event::Calling(id, state) => {
                if let Some(card) = self.card(id) {
                    card.is_called(state);
                }
            }
            Event::Presence(person, presence) => self.people.note(person, presence),
            Event::WaitBroke(report) => effects.push(Effect::WaitBroke(report)),
            Event::Stopped(_) => effects = self.engine_ended(now),
            Event::RelayEnded(id, ended) => {
                if self.host.as_ref().is_some_and(|host| host.id == id) {
                    self.host = None;
                    self.host_error = ended.err();
                }
            }
            Event::Checked(id, answer) => {
                if let Some(relay) = self.checks.remove(&id) {
                    self.checked.insert(relay, answer.into());
                }
            }
            Event::CheckedIroh(id, answer) => {
                if let Some(relay) = self.iroh_checks.remove(&id) {
                    self.checked_iroh.insert(relay, answer.into());
                }
            }
        }
        effects.extend(self.next_invitation());
        effects
    }

    /// Whether something is received from a caller: a person that is welcome, with a call that isn't answered yet, and not with one
    /// of too many at once.
    fn hears(&self, Called { person, code, .. }: &Called) -> bool {
        let mut running = self.cards.iter().filter(|card| card.end.is_none() && card.person == Some(*person));
        let is_known = |card: &Card| matches!(&card.started_with, StartedWith::Call(known) if known == code);
        self.people.of(*person).is_some_and(|person| !person.is_blocked)
            && running.clone().count() < MAX_OF_ONE
            && !running.any(is_known)
    }

    /// The next invitation to be followed. Each sender gets one answer before it may ask again, so that nobody can flood the
    /// page; the others wait.
    fn next_invitation(&mut self) -> Option<Effect> {
        let is_free = |(_, invited): &(TaskId, Invited)| {
            let is_its = |card: &&Card| card.chain.as_ref().is_some_and(|chain| chain.is(&invited.chain));
            self.cards.iter().filter(is_its).all(|card| !card.is_unanswered())
        };
        let at = self.invitations.iter().position(is_free)?;
        let (from, invited) = self.invitations.remove(at)?;
        Some(Effect::Follow(from, Box::new(invited)))
    }

    /// Takes the end of the engine, after which no event comes: what was under way is cut off, and checks stay
    /// without an answer.
    pub(in crate::app) fn engine_ended(&mut self, now: Instant) -> Vec<Effect> {
        self.has_engine = false;
        (self.host, self.dialog) = (None, self.dialog.filter(|dialog| *dialog != Dialog::Quit));
        self.checks.clear();
        self.checked.retain(|_, status| !matches!(status, RelayStatus::Pending));
        self.iroh_checks.clear();
        self.checked_iroh.retain(|_, status| !matches!(status, IrohStatus::Pending));
        let sheets = self.cards.iter_mut().filter_map(|card| card.cut_off(now));
        sheets.map(|sheet| Effect::Drop(Box::new(sheet))).collect()
    }

    /// Takes the latest snapshots. Returns whether a transfer has lost its relay or found it again.
    pub(in crate::app) fn tick(&mut self, now: Instant) -> bool {
        let mut has_changed = std::mem::take(&mut self.has_relay_news);
        for card in self.cards.iter_mut().filter(|card| card.end.is_none()) {
            let before = card.progress.connection;
            card.tick(now);
            let after = card.progress.connection;
            has_changed |= (before == Connection::LookingForRelay) != (after == Connection::LookingForRelay);
        }
        // There is nothing left to ask about.
        if self.dialog == Some(Dialog::Quit) && !self.at_stake().is_any() {
            self.dialog = None;
        }
        has_changed
    }

    /// Takes the tree of an offer.
    pub(in crate::app) fn built(&mut self, id: TaskId, tree: Tree) {
        if let Some(sheet) = self.card(id).and_then(|card| card.sheet.as_mut()) {
            sheet.built(tree);
        }
    }

    /// Notes that the tree of an offer can't be built.
    pub(in crate::app) fn not_built(&mut self, id: TaskId) {
        if let Some(sheet) = self.card(id).and_then(|card| card.sheet.as_mut()) {
            sheet.has_no_list = true;
        }
    }

    /// Takes the list of unfinished transfers. What lay in the folders `gone` is no longer there.
    pub(in crate::app) fn listed(&mut self, list: Vec<Unfinished>, gone: &[PathBuf]) {
        self.unfinished.list = list;
        self.unfinished.resume.take_if(|resume| gone.contains(&resume.staging));
        for card in &mut self.cards {
            card.kept.take_if(|kept| gone.contains(kept));
        }
        if self.dialog == Some(Dialog::Discard) && self.unfinished.asked().is_none() {
            self.dialog = None;
        }
    }

    /// What transfers may use of the internet, as the settings are.
    pub(in crate::app) fn internet(&self) -> Option<Internet> {
        self.settings.internet().filter(|_| self.settings.path_mode != PathMode::LocalOnly)
    }

    /// How far codes lead, as far as the settings and the newest code that waits show it.
    pub(in crate::app) fn codes_lead(&self) -> CodesLead {
        let newest = self.cards.iter().find(|card| card.is_waiting() && card.internet.is_some());
        if self.settings.path_mode == PathMode::LocalOnly {
            return CodesLead::Nearby(WhyNearby::PathMode);
        }
        if !Internet::IS_BUILT_IN {
            return CodesLead::Nearby(WhyNearby::NotBuiltIn);
        }
        if !self.settings.internet {
            return CodesLead::Nearby(WhyNearby::SwitchedOff);
        }
        match newest.and_then(|card| card.online.as_ref()) {
            Some(OnlineState::NoRelay) => CodesLead::Nearby(WhyNearby::NoRelay),
            Some(OnlineState::Reachable { .. } | OnlineState::Taken) => {
                CodesLead::Anywhere { is_certain: true }
            }
            None => CodesLead::Anywhere { is_certain: false },
        }
    }

    /// Whether the user is still to be told who runs the public relays on the internet.
    pub(in crate::app) fn tells_of_internet(&self) -> bool {
        self.settings.first_steps_done
            && !self.settings.internet_told
            && self.internet().is_some_and(|internet| internet.is_public())
    }

    /// What closing the window would end.
    pub(in crate::app) fn at_stake(&self) -> AtStake {
        let waits = |card: &&Card| card.is_offered_by_code() && card.code.is_some() && !card.is_retired();
        AtStake {
            codes: self.cards.iter().filter(waits).count(),
            has_relay: self.host.as_ref().is_some_and(|host| !host.is_stopping),
            is_under_way: self.is_under_way(),
            is_copying: self.is_copying(),
            has_people: self.people.has_welcome(),
        }
    }

    /// What is known about this relay with this password, as it is being edited.
    pub(in crate::app) fn checked_as(&self, address: &RelayAddress, password: &str) -> Option<&RelayStatus> {
        let with = self.checked_with.get(address)?;
        let is_same = with.as_ref().map_or("", AccessPassword::as_str) == password;
        self.checked.get(address).filter(|_| is_same)
    }

    /// The sends that have waited as long as the user wants, and how long until the next one has.
    pub(in crate::app) fn expiring(&self, now: Instant) -> (Vec<TaskId>, Option<Duration>) {
        let waiting = self.cards.iter().filter(|card| card.is_waiting() && !card.is_cancelling);
        let ends = waiting.filter_map(|card| Some((card.id, card.expires?.1)));
        let (over, left): (Vec<_>, Vec<_>) = ends.partition(|(_, at)| *at <= now);
        let next = left.iter().map(|(_, at)| at.saturating_duration_since(now)).min();
        (over.into_iter().map(|(id, _)| id).collect(), next)
    }

    /// Whether bytes move in any transfer.
    pub(in crate::app) fn is_moving(&self) -> bool {
        self.cards.iter().any(Card::is_moving)
    }

    /// Whether any transfer has begun and is not over, moving or not.
    pub(in crate::app) fn is_under_way(&self) -> bool {
        self.cards.iter().any(Card::is_under_way)
    }

    /// Whether anything that has arrived is being copied to another disk.
    pub(in crate::app) fn is_copying(&self) -> bool {
        self.cards.iter().any(|card| card.relocation.is_some())
    }

    /// Whether everything under way is paused.
    pub(in crate::app) fn is_paused(&self) -> bool {
        let mut under_way = self.cards.iter().filter(|card| card.is_under_way()).peekable();
        under_way.peek().is_some() && under_way.all(|card| card.paused().is_some())
    }

    /// Whether the computer should stay awake: for a transfer that moves or lost its connection a moment ago, or for a copy to another
    /// disk.
    pub(in crate::app) fn wants_awake(&self, now: Instant) -> bool {
        let is_lost = |card: &Card| {
            card.is_under_way()
                && card.paused().is_none()
                && card.lost(now).is_some_and(|(_, since)| since < AWAKE_WHILE_LOST)
        };
        self.is_copying() || self.cards.iter().any(|card| card.is_moving() || is_lost(card))
    }

    /// Whether the page shows something that changes with the clock alone.
    pub(in crate::app) fn has_clock(&self, now: Instant) -> bool {
        let counts = |standstill| matches!(standstill, Some(Standstill::Lost(..) | Standstill::Stalled(..)));
        self.cards.iter().any(|card| {
            card.is_moving()
                || card.lost(now).is_some()
                || counts(card.standstill(now))
                || card.just_copied(now).is_some()
        })
    }

    /// How far all transfers under way have come together, from 0 to 1; `None` if none has a known size.
    pub(in crate::app) fn fraction(&self) -> Option<f32> {
        let moving = || self.cards.iter().filter(|card| card.is_under_way());
        let total: u64 = moving().filter_map(|card| card.progress.total_bytes).sum();
        let bytes: u64 =
            moving().filter(|card| card.progress.total_bytes.is_some()).map(|c| c.progress.bytes).sum();
        (total > 0).then(|| (bytes as f64 / total as f64) as f32)
    }

    /// Whether a card of this window shows the code in this text, which may be an invite link.
    pub(in crate::app) fn is_own_code(&self, text: &str) -> bool {
        let Ok(invite) = code::parse_any(text) else { return false };
        self.cards.iter().any(|card| card.code.as_ref() == Some(invite.code()))
    }

    /// Whether a card of this window receives, or has received, under the code in this text, which may be an invite
    /// link.
    pub(in crate::app) fn has_taken_code(&self, text: &str) -> bool {
        let is_its = |started_with: &StartedWith| match (started_with, read_code(text)) {
            (
                StartedWith::Code { code, .. },
                Ok(TypedCode::Caiman(invite) | TypedCode::Either(invite, _)),
            ) => code == invite.code(),
            (StartedWith::Croc(taken), Ok(TypedCode::Croc(found))) => taken.code == found.code,
            _ => false,
        };
        self.cards.iter().any(|card| is_its(&card.started_with))
    }

    /// What is under way together: how many transfers, at how many bytes a second, and how long the longest of them
    /// takes, as far as that is known.
    pub(in crate::app) fn totals(&self, now: Instant) -> (usize, f64, Option<Duration>) {
        let under_way = || self.cards.iter().filter(|card| card.is_under_way());
        let moving = under_way().filter(|card| card.is_moving());
        let speed = moving.clone().map(|card| card.meter.speed(now)).sum();
        let left = moving.filter(|card| card.progress.total_bytes.is_some());
        (under_way().count(), speed, left.filter_map(|card| card.meter.time_left(now)).max())
    }

    /// The interrupted transfers that no card on the page shows.
    pub(in crate::app) fn unfinished_apart(&self) -> impl Iterator<Item = &Unfinished> {
        let has_card = |unfinished: &&Unfinished| {
            let staging = unfinished.staging();
            !self.cards.iter().any(|card| card.kept.as_ref() == Some(&staging))
        };
        self.unfinished.list.iter().filter(has_card)
    }

    /// The interrupted transfer that the staging folder of this card holds, as soon as it is listed.
    pub(in crate::app) fn unfinished_of(&self, card: &Card) -> Option<&Unfinished> {
        let kept = card.kept.as_ref()?;
        self.unfinished.list.iter().find(|unfinished| unfinished.staging() == *kept)
    }

    /// Whether a transfer has ended, so that it can be removed from the page.
    pub(in crate::app) fn has_ended(&self) -> bool {
        self.cards.iter().any(|card| card.end.is_some() && card.branch_of().is_none())
    }
}

#[cfg(test)]
mod tests;
