//! The output of the headless commands: lines and a progress bar for the user, or one JSON object per line for a script.

use std::{
    io::{self, IsTerminal},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::{bar::Gauge, exit::Exit, output};
use crate::{
    engine::{Connection, Paused, PeerName, Phase, Progress, Route, Stall, TransferError, WaitsFor, Work},
    transfer::show::Shown,
};

/// The time between two lines of progress without a terminal: a log stays short.
const LINE_EVERY: Duration = Duration::from_secs(5);
/// The time between two JSON objects of progress: a script can show movement.
const JSON_EVERY: Duration = Duration::from_millis(500);

/// Reports one transfer to the user or to a script.
#[expect(clippy::struct_excessive_bools, reason = "each is about another thing that was said")]
pub(super) struct Reporter {
    voice: Voice,
    is_sender: bool,
    /// The number of the receiver that it reports about, and how many receivers there are.
    receiver: Option<(u16, u16)>,
    /// The person it reports about, where there may be several.
    person: Option<String>,
    /// What the other side's computer calls itself, fit to be shown.
    name: Option<String>,
    gauge: Gauge,
    last_progress: Option<Instant>,
    last_phase: Option<Phase>,
    connection: Connection,
    paused: Paused,
    disk_is_full: bool,
    is_tampering_told: bool,
    are_lost_packets_told: bool,
    waits_for: Option<WaitsFor>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Voice {
    Lines,
    JsonToOutput,
    JsonToError,
}

impl Reporter {
    /// A reporter for a sender.
    pub(super) fn for_sender(json: bool) -> Self {
        Self { is_sender: true, ..Self::for_receiver(json, false) }
    }

    /// A reporter for a receiver. With `output_is_data`, standard output carries a file, and nothing else may go there.
    pub(super) fn for_receiver(json: bool, output_is_data: bool) -> Self {
        let voice = match (json, output_is_data) {
            (false, _) => Voice::Lines,
            (true, false) => Voice::JsonToOutput,
            (true, true) => Voice::JsonToError,
        };
        Self {
            voice,
            is_sender: false,
            receiver: None,
            person: None,
            name: None,
            gauge: Gauge::new(),
            last_progress: None,
            last_phase: None,
            connection: Connection::Up,
            paused: Paused::default(),
            disk_is_full: false,
            is_tampering_told: false,
            are_lost_packets_told: false,
            waits_for: None,
        }
    }

    /// A reporter for another transfer of the same call.
    pub(super) fn another(&self) -> Self {
        let (voice, is_sender) = (self.voice, self.is_sender);
        Self { voice, is_sender, ..Self::for_receiver(false, false) }
    }

    /// A reporter for the transfer with one of several receivers.
    pub(super) fn of_receiver(&self, number: u16, of: u16) -> Self {
        Self { receiver: Some((number, of)), ..self.another() }
    }

    /// A reporter for a transfer with a person.
    pub(super) fn of_person(&self, name: &str) -> Self {
        Self { person: Some(name.to_owned()), ..self.another() }
    }

    /// Reports and notes what the other side's computer calls itself.
    pub(super) fn meet(&mut self, name: &PeerName) {
        let shown = Shown(name.as_str()).to_string();
        let line = match (self.receiver, self.is_sender) {
            (Some(_), _) => format!("is called {shown}."),
            (None, true) => format!("The receiver's computer is called {shown}."),
            // The user reads it in the offer.
            (None, false) => String::new(),
        };
        self.say(&line, "peer", json!({ "name": name.as_str() }));
        self.name = Some(shown);
    }

    /// Forgets a receiver that is gone.
    pub(super) fn part(&mut self) {
        self.name = None;
    }

    /// What the other side's computer calls itself, fit to be shown.
    pub(super) fn name(&self) -> Option<String> {
        self.name.clone()
    }

    /// The other side within a sentence: by its name, or as what it does.
    pub(super) fn who(&self) -> String {
        let role = if self.is_sender { "the receiver" } else { "the sender" };
        self.name.clone().unwrap_or_else(|| role.to_owned())
    }

    /// The other side at the start of a sentence.
    pub(super) fn subject(&self) -> String {
        let role = if self.is_sender { "The receiver" } else { "The sender" };
        self.name.clone().unwrap_or_else(|| role.to_owned())
    }

    /// Makes a sentence of what happened.
    fn sentence_about(&self, happened: &str) -> String {
        match &self.name {
            // A name is written as it is.
            Some(name) if happened.starts_with(name) => format!("{happened}."),
            _ => sentence(happened),
        }
    }

    /// Whether the output is for a script.
    pub(super) fn is_json(&self) -> bool {
        self.voice != Voice::Lines
    }

    /// Reports something, as a line to the user or as an object to a script.
    pub(super) fn say(&self, line: &str, event: &str, fields: Value) {
        if self.is_json() {
            // A script that has stopped reading is no reason to stop the transfer.
            drop(self.object(event, fields));
        } else {
            self.line(line);
        }
    }

    /// Reports something to a script. What comes of writing it is told later, if it goes to standard output.
    pub(super) fn object(&self, event: &str, mut fields: Value) -> Option<oneshot::Receiver<io::Result<()>>> {
        fields["event"] = event.into();
        if let Some((number, _)) = self.receiver {
            fields["receiver"] = number.into();
        }
        if let Some(name) = &self.person {
            fields["person"] = name.as_str().into();
        }
        if self.voice == Voice::JsonToError {
            output::line(fields);
            return None;
        }
        Some(output::data(format!("{fields}\n").into_bytes()))
    }

    /// Says something to the user, and nothing to a script.
    pub(super) fn line(&self, line: &str) {
        if self.is_json() || line.is_empty() {
            return;
        }
        let whose = match (self.receiver, &self.person) {
            (Some((number, of)), _) => {
                let name = self.name.as_ref().map_or_else(String::new, |name| format!(" ({name})"));
                Some(format!("Receiver {number} of {of}{name}"))
            }
            (None, Some(name)) => Some(Shown(name).to_string()),
            (None, None) => None,
        };
        let text = match whose {
            Some(whose) => {
                let lines = line.lines().map(|line| format!("{whose}: {line}"));
                lines.collect::<Vec<_>>().join("\n")
            }
            None => line.to_owned(),
        };
        match self.gauge.bar() {
            Some(bar) => output::line_above(bar.clone(), &text),
            None => output::line(text),
        }
    }

    /// Shows a snapshot of the progress.
    pub(super) fn progress(&mut self, progress: Progress) {
        if self.last_phase.replace(progress.phase) != Some(progress.phase) {
            self.enter(progress);
        }
        let before = std::mem::replace(&mut self.connection, progress.connection);
        // A sender that has gone back to its code looks for any receiver, and has not found the lost one.
        let is_given_up = before == Connection::LookingForPeer && progress.phase == Phase::WaitingForPeer;
        if before != progress.connection && !is_given_up {
            self.tell_connection(progress);
        }
        if std::mem::replace(&mut self.paused, progress.paused) != progress.paused {
            self.tell_pause(progress.paused);
        }
        if std::mem::replace(&mut self.disk_is_full, progress.disk_is_full) != progress.disk_is_full {
            self.tell_space(progress.disk_is_full);
        }
        if progress.is_tampered_with() && !std::mem::replace(&mut self.is_tampering_told, true) {
            self.tell_tampering(progress.forgeries);
        }
        if progress.large_packets_are_lost && !std::mem::replace(&mut self.are_lost_packets_told, true) {
            self.tell_lost_packets();
        }
        let waits_for = progress.stall.map(|stall| stall.waits_for);
        if std::mem::replace(&mut self.waits_for, waits_for) != waits_for {
            self.tell_stall(progress);
        }
        let now = Instant::now();
        self.gauge.take(progress, now);
        if !matches!(progress.phase, Phase::Moving | Phase::Repairing) || self.gauge.bar().is_some() {
            return;
        }
        let pause = if self.is_json() { JSON_EVERY } else { LINE_EVERY };
        // The user needs no line at the very start; a script may wait for the first sign of movement.
        let is_due = self.last_progress.map_or(self.is_json(), |last| now - last >= pause);
        if is_due || self.last_progress.is_none() {
            self.last_progress = Some(now);
        }
        if is_due {
            let fields = json!({
                "bytes": progress.bytes,
                "total": progress.total_bytes,
                "bytes_per_second": self.gauge.speed(now),
                "seconds_left": self.gauge.time_left(now).map(|left| left.as_secs()),
                "lanes": progress.lanes,
                "route": match progress.route {
                    Route::Relay => "relay",
                    Route::IrohRelay => "iroh-relay",
                    Route::Direct => "direct",
                },
                "round_trip_ms": progress.round_trip.map(|time| time.as_secs_f64() * 1e3),
            });
            self.say(&self.gauge.line(now), "progress", fields);
        }
    }

    /// Shows how much time is left and how fast it goes, although nothing has happened.
    pub(super) fn refresh(&self) {
        self.gauge.draw(Instant::now());
    }

    /// Removes the progress bar, because nothing moves any more.
    pub(super) fn end_progress(&mut self) {
        self.gauge.close_bar();
    }

    /// Reports why a transfer ended early, and returns the exit code for it.
    pub(super) fn error(&mut self, error: &TransferError) -> Exit {
        self.end_progress();
        let exit = Exit::of(error);
        let message = error.naming(&self.who());
        // What a receiver is told of the files that it has is nothing to a sender.
        let advice =
            if self.is_sender && matches!(error, TransferError::PeerCancelled) { "" } else { error.advice() };
        // The end of one of several transfers isn't the end of the program.
        let mut line =
            if self.receiver.is_some() { self.sentence_about(&message) } else { failure(&message) };
        if !advice.is_empty() {
            line = format!("{line}\n{advice}");
        }
        let fields = json!({
            "message": message,
            "advice": advice,
            "kind": format!("{exit:?}").to_lowercase(),
            "exit": exit as u8,
        });
        self.say(&line, "error", fields);
        exit
    }

    fn enter(&mut self, progress: Progress) {
        let name = match progress.phase {
            Phase::Connecting => "connecting",
            Phase::WaitingForPeer => "waiting for the other side",
            Phase::Handshake => "agreeing on keys",
            Phase::Listing => "listing files",
            Phase::WaitingForAnswer => "waiting for an answer",
            Phase::OpeningLanes => "opening connections",
            Phase::Moving => "moving",
            Phase::Storing => "checking and storing",
            Phase::Repairing => "sending damaged parts again",
            Phase::Confirming => "telling the sender that everything has arrived",
            Phase::Retired => "retired",
            Phase::Branches => "sending to those who came",
        };
        if self.is_json() {
            self.say("", "phase", json!({ "phase": name }));
            return;
        }
        match progress.phase {
            Phase::WaitingForAnswer if self.is_sender => self.line("Connected. Waiting for an answer…"),
            // The bars of several receivers would overwrite each other.
            Phase::Moving
                if self.gauge.bar().is_none() && self.receiver.is_none() && io::stderr().is_terminal() =>
            {
                let now = Instant::now();
                self.gauge.take(progress, now);
                self.gauge.open_bar(now);
            }
            // The user knows already that the connection is lost, but not that everything is in place.
            Phase::Confirming if progress.connection != Connection::Up => self.tell_connection(progress),
            _ => {}
        }
    }

    fn tell_connection(&self, progress: Progress) {
        let who = self.who();
        let (line, name) = match progress.connection {
            Connection::Up => ("Connected again.".to_owned(), "up"),
            Connection::LookingForRelay => (
                "The connection is lost, and the relay can't be reached. Trying again; nothing is lost."
                    .to_owned(),
                "looking for the relay",
            ),
            Connection::LookingForPeer if progress.phase == Phase::Confirming => (
                format!(
                    "Everything has arrived, but {who} can't be reached to be told so. Trying for two minutes; Ctrl-C ends \
                     that."
                ),
                "looking for the other side",
            ),
            Connection::LookingForPeer => (
                format!("The connection is lost. Looking for {who}; nothing is lost."),
                "looking for the other side",
            ),
        };
        self.say(&line, "connection", json!({ "connection": name }));
    }

    fn tell_pause(&self, paused: Paused) {
        let line = match (paused.here, paused.there) {
            (false, false) => "Going on.".to_owned(),
            (true, _) => "Paused.".to_owned(),
            (false, true) => format!("{} has paused the transfer.", self.subject()),
        };
        self.say(&line, "pause", json!({ "here": paused.here, "there": paused.there }));
    }

    fn tell_space(&self, disk_is_full: bool) {
        let line = match (disk_is_full, self.is_sender) {
            (true, true) => {
                format!("The disk of {} is full. It goes on by itself when there is room again.", self.who())
            }
            (true, false) => {
                "The disk is full. Make room, and it goes on by itself; nothing is lost.".to_owned()
            }
            (false, _) => "There is room again. Going on.".to_owned(),
        };
        self.say(&line, "room", json!({ "lacks": disk_is_full }));
    }

    fn tell_tampering(&self, records: u32) {
        let line =
            "Something between the two computers changes what is sent. It is sent again; nothing is lost.";
        self.say(line, "tampering", json!({ "records": records }));
    }

    fn tell_lost_packets(&self) {
        let line = "Large packets get lost on the way, perhaps because of a VPN. Going on with small ones.";
        self.say(line, "small-packets", json!({}));
    }

    fn tell_stall(&self, progress: Progress) {
        let Some(Stall { waits_for, since }) = progress.stall else {
            // If something else holds the transfer up now, another line says so.
            let rests = progress.paused.here || progress.paused.there || progress.disk_is_full;
            let line = if rests || progress.connection != Connection::Up { "" } else { "Going on." };
            return self.tell_stall_as(line, None, 0);
        };
        let seconds = since.elapsed().as_secs();
        let line = format!("Nothing has moved for {seconds} s: {}", reason(waits_for, &self.who()));
        self.tell_stall_as(&line, Some(waits_for), seconds);
    }

    fn tell_stall_as(&self, line: &str, waits_for: Option<WaitsFor>, seconds: u64) {
        let (place, what) = match waits_for {
            Some(WaitsFor::Here(work)) => (Some("here"), Some(name(work))),
            Some(WaitsFor::There(work)) => (Some("there"), Some(name(work))),
            Some(WaitsFor::OtherSide) => (Some("there"), Some("answer")),
            Some(WaitsFor::Relay) => (None, Some("relay")),
            Some(WaitsFor::Network) => (None, Some("network")),
            None => (None, None),
        };
        let fields = json!({ "waits_for": what, "where": place, "seconds": seconds });
        if self.is_json() || !line.is_empty() {
            self.say(line, "stall", fields);
        }
    }
}

/// The name of the work for a script.
fn name(work: Work) -> &'static str {
    match work {
        Work::Disk => "disk",
        Work::Hashing => "hashing",
        Work::Input => "input",
        Work::Output => "output",
        Work::Limit => "limit",
    }
}

/// Why nothing moves, and what happens about it. `who` is the other side.
fn reason(waits_for: WaitsFor, who: &str) -> String {
    let line = match waits_for {
        WaitsFor::Here(Work::Disk) => "the disk on this side is slow. Waiting for it.",
        WaitsFor::There(Work::Disk) => return format!("the disk of {who} is slow. Waiting for it."),
        WaitsFor::Here(Work::Hashing) => {
            "files that are already on this side are being read. The transfer goes on after that."
        }
        WaitsFor::There(Work::Hashing) => {
            return format!(
                "{who} is reading files that are already there. The transfer goes on after that."
            );
        }
        WaitsFor::Here(Work::Input) => "standard input brings nothing. Waiting for it.",
        WaitsFor::There(Work::Input) => {
            return format!("the program whose output {who} sends writes nothing. Waiting for it.");
        }
        WaitsFor::Here(Work::Output) => {
            "the program that reads standard output takes nothing. Waiting for it."
        }
        WaitsFor::There(Work::Output) => {
            return format!("the program to which {who} passes what arrives takes nothing. Waiting for it.");
        }
        WaitsFor::Here(Work::Limit) => "the speed limit on this side allows no more.",
        WaitsFor::There(Work::Limit) => return format!("the speed limit of {who} allows no more."),
        WaitsFor::OtherSide => {
            return format!("{who} doesn't answer. It may be asleep or without a network; waiting for it.");
        }
        WaitsFor::Relay => "no connection for data can be made through the relay. Trying again.",
        WaitsFor::Network => {
            "what is sent doesn't arrive. Check the network on both sides; it goes on as soon as it can."
        }
    };
    line.to_owned()
}

/// What the program says when it ends because of a problem: its name, and the problem as a sentence. What follows the problem on
/// further lines stays as it is.
pub(super) fn failure(problem: &str) -> String {
    let (first, more) = problem.split_at(problem.find('\n').unwrap_or(problem.len()));
    let stop = if first.ends_with(['.', '!', '?', ':']) { "" } else { "." };
    format!("caiman: {first}{stop}{more}")
}

/// Makes a sentence of a text: an upper-case letter at the start, a full stop at the end.
pub(super) fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first: String = chars.next().into_iter().flat_map(char::to_uppercase).collect();
    let stop = if text.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{first}{}{stop}", chars.as_str())
}
