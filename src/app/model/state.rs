//! Everything that the window shows. Pure: events and the person's doings change it, views read it, and what must happen
//! outside comes back as [`Effect`]s.

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    action::{Action, BannerId, Dialog},
    card::{Bond, Card, News, StartedWith},
    code_field::CodeField,
    settings_form::SettingsForm,
    sheet::Sheet,
    standing::Standstill,
    tone::Tone,
    tree::Tree,
    unfinished::UnfinishedList,
};
use crate::{
    code::{self, CodePhrase},
    engine::{
        Connection, Event, Notice, RelayCheck, RelayChoice, RelayClientError, RelayError, TaskId,
        TransferError, Unfinished,
    },
    history::{Direction, History},
    net::client::RelayAddress,
    protocol::manifest::Manifest,
    settings::{HostRelay, Settings},
};

/// A machine that falls asleep can't find its way back; one that has looked for this long may.
const AWAKE_WHILE_LOST: Duration = Duration::from_mins(10);

/// A sentence at the top of the page that belongs to no card.
#[derive(Debug)]
pub(in crate::app) struct Banner {
    pub(in crate::app) id: BannerId,
    pub(in crate::app) tone: Tone,
    pub(in crate::app) text: String,
    /// What can be done about it, and what that is called.
    pub(in crate::app) way_on: Option<(String, Action)>,
}

/// The relay that this window runs for others.
pub(in crate::app) struct Host {
    pub(in crate::app) id: TaskId,
    /// Where others reach it, once it listens.
    pub(in crate::app) reachable: Option<Vec<RelayAddress>>,
    /// Its ports: the first, then those for data.
    pub(in crate::app) ports: Vec<u16>,
    pub(in crate::app) is_stopping: bool,
    /// What it was started with.
    pub(in crate::app) as_set: HostRelay,
}

/// What is known of a relay.
pub(in crate::app) enum RelayStatus {
    /// An answer is awaited.
    Pending,
    /// It answered.
    Good(RelayCheck),
    /// It can't be used.
    Bad(RelayClientError),
}

/// See the module.
pub(in crate::app) struct State {
    /// The newest first.
    pub(in crate::app) cards: Vec<Card>,
    pub(in crate::app) field: CodeField,
    /// A code that was found on the clipboard and may be the one to type.
    pub(in crate::app) offered_code: Option<String>,
    pub(in crate::app) banners: Vec<Banner>,
    pub(in crate::app) dialog: Option<Dialog>,
    pub(in crate::app) settings: Settings,
    pub(in crate::app) form: SettingsForm,
    /// Where received files go.
    pub(in crate::app) save_folder: PathBuf,
    pub(in crate::app) history: History,
    pub(in crate::app) unfinished: UnfinishedList,
    /// The engine runs: what is under way goes on, and commands are taken.
    pub(in crate::app) has_engine: bool,
    /// A sender has lost its relay or found one.
    has_relay_news: bool,
    pub(in crate::app) host: Option<Host>,
    /// Why the hosted relay isn't running although it was started.
    pub(in crate::app) host_error: Option<RelayError>,
    /// What is known of each relay of the list, and of any that was in use before.
    pub(in crate::app) checked: HashMap<RelayAddress, RelayStatus>,
    /// Relays that are being asked.
    pub(in crate::app) checks: HashMap<TaskId, RelayAddress>,
    /// The first of the things that are held over the window before they are dropped, where the system names them.
    pub(in crate::app) hovering: Vec<PathBuf>,
    /// How many there are.
    pub(in crate::app) hover_count: usize,
    next_banner: BannerId,
}

/// What an event asks of the world outside the window.
pub(in crate::app) enum Effect {
    /// Build the tree of an offer.
    BuildTree(TaskId, Arc<Manifest>),
    /// Somebody has to answer an offer.
    TellAsked(TaskId),
    /// A transfer is over.
    TellEnded(TaskId),
    /// A transfer goes into the history.
    Begin(TaskId),
    /// The history knows how it ended.
    Finish(TaskId),
    /// The sender of a transfer has something more; it waits under this code on this relay.
    Follow(TaskId, Box<(CodePhrase, RelayChoice)>),
    /// An offer is no longer needed. A hundred thousand names take longer to drop than a frame has.
    Drop(Box<Sheet>),
}

impl State {
    /// The state at the start. What is received goes into `save_folder`.
    pub(in crate::app) fn new(settings: Settings, save_folder: PathBuf, history: History) -> Self {
        Self {
            cards: Vec::new(),
            field: CodeField::default(),
            offered_code: None,
            banners: Vec::new(),
            dialog: None,
            form: SettingsForm::new(&settings),
            save_folder,
            settings,
            history,
            unfinished: UnfinishedList::default(),
            has_engine: true,
            has_relay_news: false,
            host: None,
            host_error: None,
            checked: HashMap::new(),
            checks: HashMap::new(),
            hovering: Vec::new(),
            hover_count: 0,
            next_banner: 0,
        }
    }

    /// A new transfer, before its first event.
    pub(in crate::app) fn add(&mut self, id: TaskId, direction: Direction, started_with: StartedWith) {
        self.cards.insert(0, Card::new(id, direction, started_with));
    }

    /// One of several receivers of a send has come.
    fn branch(&mut self, of: TaskId, id: TaskId) {
        let number = self.branches(of).count() + 1;
        let Some(send) = self.card(of) else { return };
        let mut branch = Card::new(id, Direction::Sent, send.started_with.clone());
        branch.bond = Some(Bond::Branch { of, number });
        if let Some(manifest) = send.manifest.clone() {
            branch.know(manifest);
        }
        self.cards.push(branch);
    }

    /// The transfers of a send with each of its receivers, as they came.
    pub(in crate::app) fn branches(&self, of: TaskId) -> impl Iterator<Item = &Card> {
        self.cards.iter().filter(move |card| card.branch_of() == Some(of))
    }

    /// Whether something can still be added to what a send will offer: it is fixed once the first of several has come.
    pub(in crate::app) fn takes_additions(&self, card: &Card) -> bool {
        card.is_waiting() && !card.is_text() && self.branches(card.id).next().is_none()
    }

    /// The card of a transfer.
    pub(in crate::app) fn card(&mut self, id: TaskId) -> Option<&mut Card> {
        self.cards.iter_mut().find(|card| card.id == id)
    }

    /// Shows a sentence at the top.
    pub(in crate::app) fn tell(&mut self, tone: Tone, text: String) {
        self.tell_with(tone, text, None);
    }

    /// Shows a sentence at the top, perhaps with a way on.
    pub(in crate::app) fn tell_with(&mut self, tone: Tone, text: String, way_on: Option<(String, Action)>) {
        // The same trouble twice is one banner.
        self.banners.retain(|banner| banner.text != text);
        self.next_banner += 1;
        self.banners.push(Banner { id: self.next_banner, tone, text, way_on });
    }

    /// Takes an event of the engine.
    pub(in crate::app) fn apply(&mut self, event: Event, now: Instant) -> Vec<Effect> {
        let mut effects = Vec::new();
        match event {
            Event::Started(id, snapshots) => {
                if let Some(card) = self.card(id) {
                    card.follow(snapshots);
                }
            }
            Event::Listening { id, local, data_ports, reachable, .. } => {
                if let Some(host) = self.host.as_mut().filter(|host| host.id == id) {
                    host.ports = std::iter::once(local.port()).chain(data_ports).collect();
                    host.reachable = Some(reachable);
                } else if let Some(card) = self.card(id) {
                    let loopback = RelayAddress::from_socket(([127, 0, 0, 1], local.port()).into());
                    card.hosted = Some(if reachable.is_empty() { vec![loopback] } else { reachable });
                }
            }
            Event::Branch { of, id } => self.branch(of, id),
            Event::Notice(id, Notice::Invited { code, relay }) => {
                effects.push(Effect::Follow(id, Box::new((code, relay))));
            }
            Event::Notice(id, notice) => {
                self.has_relay_news |= matches!(notice, Notice::Reach { .. });
                let Some(card) = self.card(id) else { return effects };
                match card.notice(notice) {
                    News::None => {}
                    News::Asked => {
                        if let Some(manifest) = card.manifest.clone() {
                            effects.push(Effect::BuildTree(id, manifest));
                        }
                        effects.push(Effect::TellAsked(id));
                    }
                    News::Began => {
                        effects.extend(card.sheet.take().map(|sheet| Effect::Drop(Box::new(sheet))));
                        effects.push(Effect::Begin(id));
                    }
                }
            }
            Event::Ended(id, ended) => {
                let is_own_wish = matches!(
                    ended,
                    Err(TransferError::Cancelled | TransferError::Declined | TransferError::GaveWay)
                );
                let has_branches = self.branches(id).next().is_some();
                let Some(card) = self.card(id) else { return effects };
                card.ended(ended, now);
                // Nothing was offered yet, so it is still to be gone on with.
                let resume = card.resume.take().filter(|_| card.manifest.is_none());
                effects.extend(card.sheet.take().map(|sheet| Effect::Drop(Box::new(sheet))));
                effects.push(Effect::Finish(id));
                if has_branches {
                    // Each of them has told.
                } else if !is_own_wish {
                    effects.push(Effect::TellEnded(id));
                } else if card.accepted.is_none() && card.branch_of().is_none() {
                    // Nothing came of it and nobody wants to read about it.
                    self.cards.retain(|card| card.id != id);
                }
                self.unfinished.resume = self.unfinished.resume.take().or(resume);
            }
            Event::RelayEnded(id, ended) => {
                if self.host.as_ref().is_some_and(|host| host.id == id) {
                    self.host = None;
                    self.host_error = ended.err();
                }
            }
            Event::Checked(id, answer) => {
                if let Some(relay) = self.checks.remove(&id) {
                    let checked = match answer {
                        Ok(check) => RelayStatus::Good(check),
                        Err(error) => RelayStatus::Bad(error),
                    };
                    self.checked.insert(relay, checked);
                }
            }
        }
        effects
    }

    /// The engine has stopped, and no event comes any more: what was under way is cut off, and what was asked has no answer.
    pub(in crate::app) fn engine_ended(&mut self, now: Instant) -> Vec<Effect> {
        self.has_engine = false;
        (self.host, self.dialog) = (None, self.dialog.filter(|dialog| *dialog != Dialog::Quit));
        self.checks.clear();
        self.checked.retain(|_, status| !matches!(status, RelayStatus::Pending));
        let sheets = self.cards.iter_mut().filter_map(|card| card.cut_off(now));
        sheets.map(|sheet| Effect::Drop(Box::new(sheet))).collect()
    }

    /// Takes the latest snapshots. Gives whether a transfer has lost its relay or found it again.
    pub(in crate::app) fn tick(&mut self, now: Instant) -> bool {
        let mut has_changed = std::mem::take(&mut self.has_relay_news);
        for card in self.cards.iter_mut().filter(|card| card.end.is_none()) {
            let before = card.progress.connection;
            card.tick(now);
            let after = card.progress.connection;
            has_changed |= (before == Connection::LookingForRelay) != (after == Connection::LookingForRelay);
        }
        // The question has answered itself.
        if self.dialog == Some(Dialog::Quit) && !self.is_under_way() {
            self.dialog = None;
        }
        has_changed
    }

    /// An offer's tree is built.
    pub(in crate::app) fn built(&mut self, id: TaskId, tree: Tree) {
        if let Some(sheet) = self.card(id).and_then(|card| card.sheet.as_mut()) {
            sheet.built(tree);
        }
    }

    /// An offer's tree can't be built.
    pub(in crate::app) fn not_built(&mut self, id: TaskId) {
        if let Some(sheet) = self.card(id).and_then(|card| card.sheet.as_mut()) {
            sheet.has_no_list = true;
        }
    }

    /// The list was read; what lay in `gone` is no longer there.
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

    /// Whether bytes move in any transfer.
    pub(in crate::app) fn is_moving(&self) -> bool {
        self.cards.iter().any(Card::is_moving)
    }

    /// Whether any transfer has begun and is not over, at rest or not.
    pub(in crate::app) fn is_under_way(&self) -> bool {
        self.cards.iter().any(Card::is_under_way)
    }

    /// Whether all that is under way rests because somebody wants it to.
    pub(in crate::app) fn is_paused(&self) -> bool {
        let mut under_way = self.cards.iter().filter(|card| card.is_under_way()).peekable();
        under_way.peek().is_some() && under_way.all(|card| card.paused().is_some())
    }

    /// Whether a transfer that is under way should keep the machine awake: one that moves, or whose connection was lost
    /// a moment ago.
    pub(in crate::app) fn wants_awake(&self, now: Instant) -> bool {
        let is_lost = |card: &Card| {
            card.is_under_way()
                && card.paused().is_none()
                && card.lost(now).is_some_and(|(_, since)| since < AWAKE_WHILE_LOST)
        };
        self.cards.iter().any(|card| card.is_moving() || is_lost(card))
    }

    /// Whether something is shown that changes with the clock alone.
    pub(in crate::app) fn has_clock(&self, now: Instant) -> bool {
        let counts = |standstill| matches!(standstill, Some(Standstill::Lost(..) | Standstill::Stalled(..)));
        self.cards
            .iter()
            .any(|card| card.is_moving() || card.lost(now).is_some() || counts(card.standstill(now)))
    }

    /// How far all that has begun has come, from 0 to 1; `None` while there is no such thing.
    pub(in crate::app) fn fraction(&self) -> Option<f32> {
        let moving = || self.cards.iter().filter(|card| card.is_under_way());
        let total: u64 = moving().filter_map(|card| card.progress.total_bytes).sum();
        let bytes: u64 =
            moving().filter(|card| card.progress.total_bytes.is_some()).map(|c| c.progress.bytes).sum();
        (total > 0).then(|| (bytes as f64 / total as f64) as f32)
    }

    /// Whether this is a code that a card of this window shows, or an invite link with one.
    pub(in crate::app) fn is_own_code(&self, text: &str) -> bool {
        let Ok(invite) = code::parse_any(text) else { return false };
        self.cards.iter().any(|card| card.code.as_ref() == Some(invite.code()))
    }

    /// Whether a card of this window receives, or has received, under this code or invite link.
    pub(in crate::app) fn has_taken_code(&self, text: &str) -> bool {
        let Ok(invite) = code::parse_any(text) else { return false };
        let is_its = |started_with: &StartedWith| matches!(started_with, StartedWith::Code { code, .. } if code == invite.code());
        self.cards.iter().any(|card| is_its(&card.started_with))
    }

    /// Whether a card has ended, so that it may be taken away.
    pub(in crate::app) fn has_ended(&self) -> bool {
        self.cards.iter().any(|card| card.end.is_some() && card.branch_of().is_none())
    }
}

#[cfg(test)]
mod tests;
