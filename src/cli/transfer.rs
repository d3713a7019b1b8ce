//! One transfer of a headless command as the user sees it: its lines, its questions and its end.

use std::{
    io::{self, IsTerminal},
    path::PathBuf,
    rc::Rc,
    sync::Arc,
};

use serde_json::{Value, json};
use tokio::{
    sync::{oneshot, watch},
    task::{JoinHandle, spawn_blocking},
};

#[cfg(feature = "croc")]
use super::croc;
use super::{
    exit::Exit,
    offer::{
        MAX_TOPS, OfferQuestion, ReceivePolicy, UserReply, describe, fields, here_line, left_out_line,
        not_kept_lines,
    },
    output,
    people::{PersonLink, remember},
    report::{Reporter, sentence},
};
use crate::{
    code::{CodePhrase, Invite},
    engine::{
        self, AlreadyHere, Answer, CallState, Choices, Command, Engine, KnownPair, MetAt, NotKept, Notice,
        Offer, OnConflict, OnMerge, OnlineState, Progress, Report, TaskId, Top, TransferError,
    },
    net::client::RelayAddress,
    protocol::manifest::OfferKind,
    transfer::{
        error::FileAction,
        show::{self, Shown},
    },
};

/// How to answer the questions of a transfer, as the arguments say.
pub(super) enum Policy {
    Send {
        /// Relays that require a password.
        guarded: Vec<RelayAddress>,
        /// What to say if no relay is in use.
        without_relay: &'static str,
        /// Whether the code is to work from anywhere without a relay.
        goes_online: bool,
        /// How many receivers may use the code.
        receivers: u16,
        /// Under which name to remember the receiver.
        remember: Option<String>,
        /// Whether a code for croc is to follow the code.
        is_for_croc: bool,
    },
    Receive(ReceivePolicy),
}

impl Policy {
    /// How many receivers may use the code.
    pub(super) fn receivers(&self) -> u16 {
        if let Self::Send { receivers, .. } = self { *receivers } else { 1 }
    }

    /// Under which name to remember the other side.
    fn remember(&self) -> Option<&str> {
        match self {
            Self::Send { remember, .. } => remember.as_deref(),
            Self::Receive(policy) => policy.remember.as_deref(),
        }
    }
}

/// One transfer of a headless command.
pub(super) struct CliTransfer {
    engine: Rc<Engine>,
    id: TaskId,
    reporter: Reporter,
    policy: Rc<Policy>,
    snapshots: Option<watch::Receiver<Progress>>,
    /// Addresses of the relay that runs inside this program.
    hosted: Vec<RelayAddress>,
    /// The code, once it is shown.
    code: Option<CodePhrase>,
    question: Option<(JoinHandle<UserReply>, OfferQuestion, Choices)>,
    /// The offer that the question is about.
    asked: Option<Arc<Offer>>,
    /// An offer that is accepted as soon as it is known which of its files are here already.
    compared: Option<Arc<Offer>>,
    troubles: u64,
    /// The staging folder of a transfer that broke off.
    kept: Option<PathBuf>,
    /// Whether another attempt in the same folder would fail in the same way.
    will_repeat: bool,
    /// The exit code if no further receivers can come.
    gone: Option<Exit>,
    /// By what the other side can be found again, once the offer is accepted.
    pair: Option<KnownPair>,
    /// The person at the other end, if this computer knows it.
    person: Option<PersonLink>,
    /// What comes of writing a text that has arrived.
    text: Option<oneshot::Receiver<io::Result<()>>>,
}

impl CliTransfer {
    pub(super) fn new(engine: Rc<Engine>, id: TaskId, reporter: Reporter, policy: Rc<Policy>) -> Self {
        Self {
            engine,
            id,
            reporter,
            policy,
            snapshots: None,
            hosted: Vec::new(),
            code: None,
            question: None,
            asked: None,
            compared: None,
            troubles: 0,
            kept: None,
            will_repeat: false,
            gone: None,
            pair: None,
            person: None,
            text: None,
        }
    }

    /// Says that this person is at the other end, which this computer knows.
    pub(super) fn with_person(mut self, person: &KnownPair) -> Self {
        self.person = Some(PersonLink::new(person));
        self
    }

    /// Whether the user is asked, or may yet be asked.
    pub(super) fn may_ask(&self) -> bool {
        !matches!(&*self.policy, Policy::Receive(policy) if policy.accepts)
    }

    pub(super) fn id(&self) -> TaskId {
        self.id
    }

    /// The other side at the start of a sentence.
    pub(super) fn subject(&self) -> String {
        self.reporter.subject()
    }

    /// Says something about the transfer.
    pub(super) fn say(&self, line: &str, event: &str, fields: Value) {
        self.reporter.say(line, event, fields);
    }

    /// Takes the snapshots of the transfer, which has begun.
    pub(super) fn follow(&mut self, snapshots: watch::Receiver<Progress>) {
        self.snapshots = Some(snapshots);
    }

    /// Notes at which addresses others reach the relay inside this program; there may be none.
    pub(super) fn hosts(&mut self, reachable: Vec<RelayAddress>) {
        self.hosted = reachable;
    }

    /// Says how a call is doing.
    pub(super) fn calling(&self, state: &CallState) {
        let (line, event, why) = match state {
            CallState::Heard => ("The other side has heard the call.".to_owned(), "heard", None),
            CallState::Away(why) => (
                "Nobody answers: the other computer is off, or no Caiman waits there for people, or it has forgotten this one. It \
                 is called again and again; Ctrl-C ends that."
                    .to_owned(),
                "away",
                Some(why.to_string()),
            ),
            CallState::Lost(why) => (
                format!("{} It is called again, and goes on where it stood.", sentence(&why.to_string())),
                "lost",
                Some(why.to_string()),
            ),
        };
        self.reporter.say(&line, event, json!({ "why": why }));
    }

    /// Shows the latest snapshot, if it is a new one.
    pub(super) fn tick(&mut self) {
        let Some(snapshots) = &mut self.snapshots else { return };
        // The last snapshot may come when its sender is gone already.
        if snapshots.has_changed().unwrap_or(false) {
            let progress = *snapshots.borrow_and_update();
            self.reporter.progress(progress);
        }
    }

    /// Shows the progress anew, although there is no new snapshot.
    pub(super) fn refresh(&self) {
        self.reporter.refresh();
    }

    /// Ends the transfer because the program ends.
    pub(super) fn stop(&self) {
        self.command(Command::Stop(self.id));
    }

    /// Handles a notice of the transfer.
    pub(super) fn notice(&mut self, notice: Notice) {
        match notice {
            Notice::Code { code, relay } => {
                self.show_code(&code, relay.as_ref());
                self.code = Some(code);
            }
            #[cfg(feature = "croc")]
            Notice::Croc(news) => croc::show(&news, &self.reporter),
            Notice::Reach { relay, why } => self.show_reach(relay.as_ref(), why.as_ref()),
            Notice::Closed(why) => {
                self.gone = Some(Exit::of(&why));
                let why = why.to_string();
                let line = format!(
                    "{} No further receivers can come; transfers that have begun go on.",
                    sentence(&why)
                );
                self.reporter.say(&line, "closed", json!({ "why": why }));
            }
            // No code is shown to which this could refer.
            Notice::Online(_) if self.person.is_some() => {}
            Notice::Online(online) => self.show_online(&online),
            Notice::Met(place) => self.show_met(&place),
            Notice::Peer(name) => self.reporter.meet(&name),
            Notice::Unanswered => {
                self.reporter.part();
                let line = match &self.person {
                    Some(_) => "The receiver is gone and has not answered. It is called again.",
                    None => {
                        "The receiver is gone and has not answered. The code works again. Waiting for a receiver…"
                    }
                };
                self.reporter.say(line, "unanswered", json!({}));
            }
            Notice::Strangers { count } => self.show_strangers(count),
            Notice::PortRefused { wished, used } => {
                let line = format!(
                    "Port {wished} can't be used for direct connections here, perhaps because another program uses it. This \
                     transfer listens on port {used} instead."
                );
                self.reporter.say(&line, "port_refused", json!({ "wished": wished, "used": used }));
            }
            Notice::WrongTry { tries_left } => {
                let left = show::count(u64::from(tries_left), "more try", "more tries");
                let line = match tries_left {
                    0 => "A wrong code was tried for the third time.".to_owned(),
                    _ => format!("A wrong code was tried. After {left} this code is retired."),
                };
                self.reporter.say(&line, "wrong_try", json!({ "tries_left": tries_left }));
            }
            Notice::Retired => {
                self.gone = Some(Exit::Code);
                let line = "This code is retired. For a minute, receivers that try it are told so; Ctrl-C ends that.";
                self.reporter.say(line, "retired", json!({}));
            }
            Notice::OtherVersion { theirs } => {
                let line =
                    "A receiver came with another version of Caiman. Both sides need the same version.";
                self.reporter.say(line, "other_version", json!({ "theirs": theirs }));
            }
            Notice::LeftOut(left_out) => {
                for item in left_out {
                    let path = item.path.to_string_lossy();
                    let line = format!("Not sent: {} {}.", Shown(&path), item.reason);
                    self.trouble(&line, "left_out", &path, &item.reason.to_string());
                }
            }
            // The headless commands add no paths, look at no other folder and show no pictures, and the conversation handles
            // invitations.
            Notice::Listed(_)
            | Notice::Removed(_)
            | Notice::NotAdded { .. }
            | Notice::CantUse(_)
            | Notice::Thumbnail { .. }
            | Notice::Invited { .. } => {}
            Notice::Acquainted(pair) => self.pair = Some(pair),
            Notice::Offer(offer) => self.take_in(offer),
            Notice::AlreadyHere(here) => self.learn(&here),
            Notice::Accepted { files: 0, bytes } => {
                self.reporter.say("Nothing has to move.", "accepted", json!({ "files": 0, "bytes": bytes }));
            }
            Notice::Accepted { files, bytes } => {
                let size = bytes.map_or_else(String::new, |bytes| format!(", {}", show::bytes(bytes)));
                let line = format!("Moving {}{size}.", show::count(files, "file", "files"));
                self.reporter.say(&line, "accepted", json!({ "files": files, "bytes": bytes }));
            }
            Notice::Withdrawn { path, reason } => {
                let path = path.to_string_lossy();
                let line = format!("Missing: {} {reason}.", Shown(&path));
                self.trouble(&line, "withdrawn", &path, &reason.to_string());
            }
            Notice::NotStored { path, error } => {
                let reason = error.to_string();
                self.will_repeat |= error.will_repeat();
                self.trouble(&sentence(&reason), "not_stored", &path.to_string_lossy(), &reason);
            }
            Notice::NotKept(not_kept) => {
                let NotKept { times, executable, private } = not_kept;
                let line = not_kept_lines(not_kept).join("\n");
                let fields = json!({ "times": times, "executable": executable, "private": private });
                self.reporter.say(&line, "not_kept", fields);
            }
            Notice::Text(text) => self.show_text(&text),
            Notice::Kept(folder) => self.kept = Some(folder),
        }
    }

    /// Shows where the two have met.
    fn show_met(&self, place: &MetAt) {
        let (line, relay) = match place {
            MetAt::Relay(relay) => (format!("Met through the relay {relay}."), Some(relay.to_string())),
            MetAt::OwnRelay if self.is_sending() => ("Met on this computer's own relay.".to_owned(), None),
            MetAt::OwnRelay => ("Met on the local network.".to_owned(), None),
            MetAt::Internet => ("Met over the internet.".to_owned(), None),
        };
        let internet = *place == MetAt::Internet;
        self.reporter.say(&line, "met", json!({ "relay": relay, "internet": internet }));
    }

    /// Says what is kept of what has arrived, and what it is good for.
    fn show_kept(&self) {
        let Some(folder) = &self.kept else { return };
        let path = folder.to_string_lossy();
        let advice = if self.will_repeat {
            "Another attempt in the same folder would end in the same way."
        } else {
            "To resume, have the same files sent again and receive them into the same folder."
        };
        let line = format!(
            "What has arrived is kept in {}. {advice} The command caiman unfinished --discard frees the space.",
            Shown(&path)
        );
        self.reporter.say(&line, "kept", json!({ "folder": path }));
    }

    fn trouble(&mut self, line: &str, event: &str, path: &str, reason: &str) {
        self.troubles += 1;
        self.reporter.say(line, event, json!({ "path": path, "reason": reason }));
    }

    fn show_code(&self, code: &CodePhrase, relay: Option<&RelayAddress>) {
        let mut text = vec![format!("Code:  {code}"), String::new()];
        let (ways, fields) = self.ways(code, relay);
        text.extend(ways);
        if let (None, Policy::Send { without_relay, .. }) = (relay, &*self.policy) {
            text.extend([String::new(), (*without_relay).to_owned()]);
        }
        if !matches!(&*self.policy, Policy::Send { is_for_croc: true, .. }) {
            text.push("Waiting for the receiver…".to_owned());
        }
        self.reporter.say(&text.join("\n"), "code", fields);
    }

    /// Shows how the receiver gets here from now on, or why it can only come from the local network.
    fn show_reach(&self, relay: Option<&RelayAddress>, why: Option<&TransferError>) {
        let Some(code) = &self.code else { return };
        let (ways, mut fields) = self.ways(code, relay);
        let why = why.map(ToString::to_string);
        let lines = match (relay, &why) {
            (Some(relay), _) => {
                let first = format!("The code can now be found on the relay {relay}.");
                [vec![first], ways].concat()
            }
            (None, Some(why)) => vec![sentence(why), "Only the local network works for now.".to_owned()],
            (None, None) => vec!["Only the local network works for now.".to_owned()],
        };
        fields["why"] = why.into();
        self.reporter.say(&lines.join("\n"), "reach", fields);
    }

    /// Shows how many have answered in the sender's place.
    fn show_strangers(&self, count: usize) {
        let line = match count {
            1 => "Something has answered in the sender's place and does not know this code. It could try one guess at the \
                  code, and learned nothing else."
                .to_owned(),
            _ => format!(
                "{count} times, something has answered in the sender's place that does not know this code. Each time it could \
                 try one guess at the code, and learned nothing else."
            ),
        };
        self.reporter.say(&line, "strangers", json!({ "count": count }));
    }

    /// Shows whether receivers can come over the internet.
    fn show_online(&self, online: &OnlineState) {
        let (line, state) = match online {
            OnlineState::Reachable { .. } => ("The code now works from anywhere.", "reachable"),
            OnlineState::NoRelay => (
                "No relay on the internet answers, so the code does not work over the internet yet. They are tried again and again.",
                "no_relay",
            ),
            OnlineState::Taken => (
                "Another sender waits under the same words on the internet. If your receiver is not on the local network, \
                 cancel this and send again, with a new code.",
                "taken",
            ),
        };
        self.reporter.say(line, "online", json!({ "state": state }));
    }

    /// How the receiver gets here: as lines for the user, and as fields for a script.
    fn ways(&self, code: &CodePhrase, relay: Option<&RelayAddress>) -> (Vec<String>, Value) {
        let Policy::Send { guarded, goes_online, .. } = &*self.policy else {
            return (Vec::new(), Value::Null);
        };
        // Where the words alone lead here, no address of this machine need be passed on. Without an address that others could
        // use, the words are all that there is.
        let servers: Vec<Option<RelayAddress>> = match relay {
            Some(relay) => vec![Some(relay.clone())],
            None if *goes_online || self.hosted.is_empty() => vec![None],
            None => self.hosted.iter().cloned().map(Some).collect(),
        };
        let place = if engine::has_network() {
            "On the other computer:"
        } else {
            "This computer has no network, so no other one can receive. On this computer:"
        };
        let mut text = vec![place.to_owned()];
        let mut links = Vec::new();
        for server in &servers {
            let password = if server.as_ref().is_some_and(|server| guarded.contains(server)) {
                " --password …"
            } else {
                ""
            };
            let option =
                server.as_ref().map_or_else(String::new, |server| format!(" --server {server}{password}"));
            text.push(format!("  caiman receive {code}{option}"));
            let server = server.as_ref().map(ToString::to_string);
            if let Ok(invite) = Invite::new(code.clone(), server.as_deref()) {
                text.push(format!("  {invite}"));
                links.push(invite.to_string());
            }
        }
        let servers: Vec<String> = servers.iter().flatten().map(ToString::to_string).collect();
        let fields = json!({
            "code": code.to_string(), "servers": servers, "links": links, "hosted": relay.is_none(),
        });
        (text, fields)
    }

    /// Handles an offer. If it is accepted in advance, files that are here already are compared first, because reading them takes
    /// less time than most networks do.
    fn take_in(&mut self, offer: Arc<Offer>) {
        let Policy::Receive(policy) = &*self.policy else { return };
        let waits = policy.accepts && policy.resumes && policy.on_conflict != OnConflict::Skip;
        if waits && offer.here.is_growing() {
            self.reporter.line("Comparing with the files that are here already…");
            self.compared = Some(offer);
        } else {
            self.consider(&offer, &offer.here);
        }
    }

    /// Handles news about the files of an offer that are here already.
    fn learn(&mut self, here: &AlreadyHere) {
        if here.is_growing() {
            return;
        }
        if let Some(offer) = self.compared.take() {
            return self.consider(&offer, here);
        }
        let resumes = matches!(&*self.policy, Policy::Receive(policy) if policy.resumes);
        if let Some((_, question, _)) = &self.question
            && resumes
            && here.files() > 0
        {
            // The question is already on the last line of the terminal.
            let line = format!("\n{}\n{question}", here_line(here));
            self.reporter.say(&line, "here", json!({ "here": here.files(), "here_bytes": here.bytes() }));
        }
    }

    /// Shows an offer and decides, or asks.
    fn consider(&mut self, offer: &Arc<Offer>, here: &AlreadyHere) {
        let policy = Rc::clone(&self.policy);
        let Policy::Receive(policy) = &*policy else { return };
        let is_excluded = |index: usize| {
            let entry = offer.manifest.entries().get(index);
            entry.is_some_and(|entry| policy.excludes(entry.path.as_str()))
        };
        let here = here.only(&offer.manifest, |index| policy.resumes && !is_excluded(index));
        let tops = offer.tops(&here);
        let is_left_out = |top: &&Top<'_>| policy.leaves_out(top) && !policy.excludes(top.name);
        let left_out: Vec<&str> = tops.iter().filter(is_left_out).map(|top| top.name).collect();
        let choices = policy.choices((0..offer.manifest.entries().len()).filter(|index| is_excluded(*index)));
        self.reporter.say(
            &describe(offer, self.reporter.name().as_deref(), &tops, &here, policy).join("\n"),
            "offer",
            fields(offer, &tops, &here, policy),
        );
        let merges = tops.iter().any(|top| top.merges && !policy.leaves_out(top));
        if !left_out.is_empty() {
            self.troubles += left_out.len() as u64;
            let names = &left_out[..left_out.len().min(MAX_TOPS)];
            let count = left_out.len();
            self.reporter.say(
                &left_out_line(&left_out),
                "hidden_left_out",
                json!({ "names": names, "count": count }),
            );
        }
        let before = self.person.as_mut().and_then(|person| person.accepted_before(offer));
        if let Some(folder) = before.filter(|_| choices.unwanted.is_empty()) {
            let line = "This was accepted before, and goes on.";
            self.reporter.say(line, "goes_on", json!({ "folder": folder }));
            let choices = Choices { folder: Some(folder), ..choices };
            self.command(Command::Answer(self.id, Answer::Accept(choices)));
        } else if policy.accepts || offer.manifest.kind() == OfferKind::Text {
            self.accept(offer, choices);
        } else {
            let question = if merges && policy.on_merge == OnMerge::KeepBoth {
                OfferQuestion::Merge
            } else {
                OfferQuestion::Plain
            };
            self.question = Some((spawn_blocking(move || question.ask()), question, choices));
            self.asked = Some(Arc::clone(offer));
        }
    }

    /// Whether a question was asked.
    pub(super) fn is_asking(&self) -> bool {
        self.question.is_some()
    }

    /// Waits for the answer to a question; for ever, if none was asked.
    pub(super) async fn answered(&mut self) -> UserReply {
        match &mut self.question {
            Some((asking, ..)) => asking.await.unwrap_or(UserReply::No),
            None => std::future::pending().await,
        }
    }

    /// Handles the user's answer.
    pub(super) fn answer(&mut self, reply: UserReply) {
        if let (Some((.., choices)), Some(offer)) = (self.question.take(), self.asked.take()) {
            match reply {
                UserReply::No => self.command(Command::Answer(self.id, Answer::Decline)),
                UserReply::Yes => self.accept(&offer, choices),
                UserReply::Merge => self.accept(&offer, Choices { on_merge: OnMerge::Merge, ..choices }),
            }
        }
    }

    fn accept(&self, offer: &Offer, choices: Choices) {
        if let Some(person) = &self.person {
            person.note_accepted(offer, &choices);
        }
        self.command(Command::Answer(self.id, Answer::Accept(choices)));
    }

    fn show_text(&mut self, text: &str) {
        self.text = if self.reporter.is_json() {
            self.reporter.object("text", json!({ "text": text }))
        } else if io::stdout().is_terminal() {
            // A stranger's text must not be able to control the terminal.
            let lines: String =
                text.lines().flat_map(|line| [Shown(line).to_string(), "\n".to_owned()]).collect();
            Some(output::data(lines.into_bytes()))
        } else {
            Some(output::data(text.as_bytes().to_vec()))
        };
    }

    /// Reports that the transfer has ended early.
    pub(super) fn fail(&mut self, error: &TransferError) -> Exit {
        self.will_repeat |= error.will_repeat();
        if let Some(person) = &self.person {
            // The other side's user has ended it; here an interrupt only ends the program.
            let is_over = matches!(
                error,
                TransferError::Declined | TransferError::PeerDeclined | TransferError::PeerCancelled
            );
            person.note_end(!is_over);
        }
        self.show_kept();
        self.reporter.error(error)
    }

    /// Reports that the transfer has reached its end.
    pub(super) fn done(&mut self, report: &Report) -> Exit {
        // A text that isn't written yet counts as shown: then the end of the program tells.
        if let Some(Ok(Err(cause))) = self.text.take().map(|mut text| text.try_recv()) {
            return self.reporter.error(&TransferError::file(FileAction::WriteOutput, "", cause));
        }
        self.reporter.end_progress();
        self.show_kept();
        if let Some(person) = &self.person {
            person.note_end(false);
        }
        let average = report.bytes as f64 / report.seconds.max(0.001);
        let place = report
            .folder
            .as_ref()
            .map_or_else(String::new, |folder| format!(" in {}", Shown(&folder.to_string_lossy())));
        let mut line = format!(
            "Done: {}{place}, {} in {:.1} s ({}/s).",
            show::count(report.stored, "entry", "entries"),
            show::bytes(report.bytes),
            report.seconds,
            show::bytes(average as u64),
        );
        if report.here > 0 && report.bytes == 0 {
            line = format!("Done{place}: nothing had to be sent.");
        }
        if report.here > 0 {
            let was = if report.here == 1 { "was" } else { "were" };
            let place = if self.is_sending() { "there" } else { "here" };
            let files = show::count(report.here, "file", "files");
            line = format!("{line}\n{files}, {}, {was} {place} already.", show::bytes(report.here_bytes));
        }
        let missing = report.missing.max(self.troubles);
        if missing > 0 {
            line = format!(
                "{line}\n{} missing; see above.",
                sentence(&show::count(missing, "entry is", "entries are")).trim_end_matches('.')
            );
        }
        let fields = json!({
            "stored": report.stored, "bytes": report.bytes, "missing": missing, "seconds": report.seconds,
            "here": report.here, "here_bytes": report.here_bytes,
            "folder": report.folder,
        });
        self.reporter.say(&line, "done", fields);
        if let (Some(name), Some(pair)) = (self.policy.remember(), &self.pair) {
            remember(name, self.reporter.name().as_deref(), pair, &self.reporter);
        }
        if missing > 0 { Exit::Partial } else { Exit::Done }
    }

    /// Reports the end of a send for several receivers, of which `came` came and at least one got everything.
    pub(super) fn done_with_all(&mut self, report: &Report, came: u16) -> Exit {
        let receivers = self.policy.receivers();
        let (got, all) = (report.receivers, show::count(receivers.into(), "receiver", "receivers"));
        let line = match (got == receivers, came == receivers) {
            (true, _) => format!("All {all} got everything: {} in all.", show::bytes(report.bytes)),
            (false, true) => format!("{got} of {all} got everything; see above."),
            (false, false) => format!("{got} of {all} got everything; {came} came."),
        };
        let fields = json!({
            "receivers": receivers, "came": came, "got": got, "stored": report.stored, "bytes": report.bytes,
            "missing": report.missing, "here": report.here, "here_bytes": report.here_bytes,
        });
        self.reporter.say(&line, "done", fields);
        if got == receivers {
            return if report.missing.max(self.troubles) > 0 { Exit::Partial } else { Exit::Done };
        }
        // The transfers with those that came have exit codes of their own.
        if came == receivers { Exit::Done } else { self.gone.unwrap_or(Exit::Peer) }
    }

    fn is_sending(&self) -> bool {
        matches!(*self.policy, Policy::Send { .. })
    }

    fn command(&self, command: Command) {
        // An engine that takes no command has ended, and its last event will come.
        let _ = self.engine.command(command);
    }
}
