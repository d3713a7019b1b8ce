//! Every state of the window in small and large sizes, in each language and with odd names: nothing may stand outside, and no control
//! on another one. With `CAIMAN_PICTURES` set to a folder, pictures of all of them are put there, to be looked at. `CAIMAN_SCENES` may
//! name the beginning of those that are wanted.

mod cast;

use std::{
    collections::BTreeSet,
    env, fs,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant, UNIX_EPOCH},
};

use eframe::egui::{Key, Rect, Role};
use egui_kittest::kittest::NodeT;

use self::cast::{Cast, LONG, PLAIN, RIGHT};
use super::{
    Screen,
    made_up::{self, MIB, failed, manifest, progress},
    painter::Painter,
    screen::name_of,
};
use crate::{
    app::{
        desktop::desk::DeskOutcome,
        model::{action::Dialog, settings_form::Page, tone::Tone},
    },
    crypto::{KnownPair, PairKey, Side},
    engine::{
        Connection, CrocCode, CrocFate, CrocName, CrocNews, Event, FileWatch, MetAt, Notice, Offer, Paused,
        Phase, Presence, Progress, Report, Stall, TaskId, TransferError, Unfinished, WaitsFor,
    },
    history::{Direction, Outcome, PastKind, PastTransfer},
    protocol::{peer::Withdrawal, thumbnail::Thumbnail},
    settings::{Appearance, SavedRelay},
    transfer::{
        error::FileAction,
        file_states::ShownFiles,
        meter::Meter,
        plan::{Plan, Wanted, blocks::BlockSet},
    },
};

type Scene = (&'static str, fn(&mut Screen, &Cast));

const SCENES: &[Scene] = &[
    ("home", |_, _| {}),
    ("first-1", |screen, _| first_step(screen, 0)),
    ("first-2", |screen, _| first_step(screen, 1)),
    ("first-3", |screen, _| first_step(screen, 2)),
    ("internet-told", |screen, _| {
        screen.window().state.settings.internet_told = false;
        screen.settle();
    }),
    ("people", |screen, cast| {
        people(screen, cast);
    }),
    ("banners", banners),
    ("typing", |screen, _| typing(screen, "acid-coy")),
    ("typing-slip", |screen, _| {
        typing(screen, "acid-cojote-mustard-tulip");
        screen.press(Key::Enter);
    }),
    ("typing-bad", |screen, _| {
        typing(screen, "acid-zzzzzz-mustard-tulip");
        screen.press(Key::Enter);
    }),
    ("send-preparing", |screen, cast| {
        let id = screen.made_up(Direction::Sent);
        screen.notice(id, Notice::Listed(manifest(&[(cast.file, 5 * MIB)])));
    }),
    ("send-waiting", |screen, cast| {
        waits(screen, cast);
    }),
    ("send-waiting-qr", |screen, cast| {
        waits(screen, cast);
        screen.click_key("show-qr");
    }),
    ("send-waiting-options", |screen, cast| {
        waits(screen, cast);
        screen.click_key("options");
    }),
    ("send-waiting-list", |screen, cast| {
        waits(screen, cast);
        screen.click_key("show-list");
    }),
    ("send-croc", |screen, cast| {
        let id = waits_for_croc(screen, cast);
        screen.notice(id, Notice::Croc(CrocNews::WrongTry { tries_left: 1 }));
    }),
    ("send-croc-names", |screen, cast| {
        let id = waits_for_croc(screen, cast);
        let fates = [CrocFate::Renamed(format!("_{}", cast.inner[0])), CrocFate::LinkLeftOut];
        let names = fates.map(|fate| CrocName { path: format!("{}/{}", cast.folder, cast.inner[0]), fate });
        screen.notice(id, Notice::Croc(CrocNews::Names(names.to_vec())));
    }),
    ("send-two-waiting", |screen, cast| {
        waits(screen, cast);
        waits(screen, cast);
    }),
    ("send-text", |screen, cast| {
        let id = screen.made_up(Direction::Sent);
        screen.card().started_with = crate::app::model::card::StartedWith::Text(cast.text.to_owned());
        screen.feed(made_up::code_of(id));
        screen.notice(id, Notice::Listed(made_up::text_manifest()));
        screen.progress(Progress { phase: Phase::WaitingForPeer, ..Progress::default() });
        screen.click_key("show-text");
    }),
    ("send-wrong-try", |screen, cast| {
        let id = waits(screen, cast);
        screen.notice(id, Notice::WrongTry { tries_left: 1 });
    }),
    ("send-retired", |screen, cast| {
        let id = waits(screen, cast);
        screen.notice(id, Notice::Retired);
        screen.progress(Progress { phase: Phase::Retired, ..Progress::default() });
    }),
    ("send-answer", |screen, cast| {
        let id = waits(screen, cast);
        screen.notice(id, Notice::Met(MetAt::OwnRelay));
        screen.notice(id, Notice::Peer(cast.person.parse().unwrap()));
        screen.progress(Progress { phase: Phase::WaitingForAnswer, ..Progress::default() });
    }),
    ("send-several", several),
    ("receive-connecting", |screen, _| {
        screen.made_up(Direction::Received);
        screen.progress(Progress { phase: Phase::Connecting, ..Progress::default() });
    }),
    ("offer-one", |screen, cast| {
        let id = screen.made_up(Direction::Received);
        offers(screen, id, cast, &[(cast.file, 2 << 30)], &[]);
    }),
    ("offer-one-taken", |screen, cast| {
        let id = screen.made_up(Direction::Received);
        offers(screen, id, cast, &[(cast.file, 2 << 30)], &[cast.file]);
    }),
    ("offer-picture", |screen, cast| {
        let id = screen.made_up(Direction::Received);
        offers(screen, id, cast, &[(cast.inner[1], 2 * MIB)], &[]);
        screen.click_key("show-picture");
        screen.notice(id, Notice::Thumbnail { entry: 0, thumbnail: Some(picture(64, 48)) });
    }),
    ("offer-few", |screen, cast| {
        let id = screen.made_up(Direction::Received);
        tree(screen, id, cast, &[]);
    }),
    ("offer-conflicts", |screen, cast| {
        let id = screen.made_up(Direction::Received);
        tree(screen, id, cast, &[cast.file, cast.inner[0]]);
    }),
    ("offer-pictures", |screen, cast| {
        let id = screen.made_up(Direction::Received);
        tree(screen, id, cast, &[]);
        screen.click_key("show-pictures");
        screen.notice(id, Notice::Thumbnail { entry: 2, thumbnail: Some(picture(64, 48)) });
    }),
    ("offer-many", |screen, cast| {
        let id = screen.made_up(Direction::Received);
        let names: Vec<String> =
            (1..=200).map(|number| format!("{}/{number} {}", cast.folder, cast.inner[1])).collect();
        let folder = format!("{}/", cast.folder);
        let mut entries = vec![(folder.as_str(), 0)];
        entries.extend(names.iter().map(|name| (name.as_str(), 3 * MIB)));
        entries.push((cast.file, 700 * MIB));
        offers(screen, id, cast, &entries, &[]);
        let open = screen.say_named("open-named", &crate::transfer::show::Shown(cast.folder).to_string());
        screen.click(&open);
    }),
    ("offer-no-room", |screen, cast| {
        let id = screen.made_up(Direction::Received);
        let offer = made_up::offer(&manifest(&[(cast.file, 5 << 30)]), &screen.inbox(), &[]);
        let offer = Arc::into_inner(offer).expect("nobody else has it");
        screen.notice(id, Notice::Peer(cast.person.parse().unwrap()));
        screen.notice(id, Notice::Offer(Arc::new(Offer { free: Some(MIB), ..offer })));
        screen.until_card("the tree", |card| card.sheet.as_ref().is_some_and(|sheet| sheet.tree.is_some()));
    }),
    ("offer-nowhere", |screen, cast| {
        let id = screen.made_up(Direction::Received);
        let gone = screen.folder().join("gone");
        screen.notice(id, Notice::Offer(made_up::offer_for_nowhere(&manifest(&[(cast.file, 5)]), &gone)));
    }),
    ("offer-text", |screen, cast| {
        let id = screen.made_up(Direction::Received);
        screen.notice(id, Notice::Peer(cast.person.parse().unwrap()));
        screen.notice(id, Notice::Offer(Arc::new(Offer::new(made_up::text_manifest()))));
    }),
    ("moving", |screen, cast| {
        moves(screen, cast, Direction::Sent);
    }),
    ("moving-received", |screen, cast| {
        moves(screen, cast, Direction::Received);
    }),
    ("moving-list", |screen, cast| {
        moves(screen, cast, Direction::Received);
        lists(screen, cast);
    }),
    ("moving-stop", |screen, cast| {
        let id = moves(screen, cast, Direction::Sent);
        screen.window().state.card(id).unwrap().folds.stop = true;
        screen.settle();
    }),
    ("moving-paused", |screen, cast| {
        moves(screen, cast, Direction::Sent);
        let paused = Paused { here: true, there: true };
        screen.progress(Progress { paused, lanes: 0, ..progress(Phase::Moving, 2 * MIB, 8 * MIB) });
    }),
    ("moving-lost", |screen, cast| {
        moves(screen, cast, Direction::Received);
        let connection = Connection::LookingForPeer;
        screen.progress(Progress { connection, lanes: 0, ..progress(Phase::Moving, 2 * MIB, 8 * MIB) });
    }),
    ("moving-stalled", |screen, cast| {
        moves(screen, cast, Direction::Sent);
        let since = Instant::now().checked_sub(Duration::from_secs(20)).unwrap();
        let stall = Some(Stall { waits_for: WaitsFor::OtherSide, since });
        screen.progress(Progress { stall, ..progress(Phase::Moving, 2 * MIB, 8 * MIB) });
    }),
    ("moving-full-disk", |screen, cast| {
        moves(screen, cast, Direction::Received);
        screen.progress(Progress { disk_is_full: true, ..progress(Phase::Moving, 2 * MIB, 8 * MIB) });
    }),
    ("moving-storing", |screen, cast| {
        moves(screen, cast, Direction::Received);
        screen.progress(progress(Phase::Storing, 8 * MIB, 8 * MIB));
    }),
    ("moving-many", |screen, cast| {
        for number in 0..7 {
            let direction = if number % 2 == 0 { Direction::Sent } else { Direction::Received };
            let id = moves(screen, cast, direction);
            match number {
                0 => screen.feed(failed(id, TransferError::PeerLost)),
                1 => done(screen, id, &[cast.file], 0),
                _ => {}
            }
        }
    }),
    ("done-sent", |screen, cast| {
        let id = moves(screen, cast, Direction::Sent);
        done(screen, id, &[], 0);
    }),
    ("done-received", |screen, cast| {
        let id = moves(screen, cast, Direction::Received);
        done(screen, id, &[cast.file], 0);
    }),
    ("done-received-folder", |screen, cast| {
        let id = moves(screen, cast, Direction::Received);
        done(screen, id, &[cast.folder, cast.file], 0);
    }),
    ("done-copied-elsewhere", |screen, cast| {
        let id = moves(screen, cast, Direction::Received);
        done(screen, id, &[cast.file], 0);
        let folder = PathBuf::from("/media/ada").join(cast.folder);
        screen.outcome(DeskOutcome::Relocating { id, folder, done: 5 * MIB, total: 13 * MIB });
    }),
    ("done-missing", |screen, cast| {
        let id = moves(screen, cast, Direction::Sent);
        for name in cast.inner.into_iter().chain([cast.file]) {
            let path = screen.file(name, b"it is still here");
            screen.notice(id, Notice::Withdrawn { path, reason: Withdrawal::Changed });
        }
        done(screen, id, &[], 4);
        screen.click_key("show-list");
    }),
    ("done-text", |screen, cast| {
        let id = screen.made_up(Direction::Received);
        screen.notice(id, Notice::Peer(cast.person.parse().unwrap()));
        screen.notice(id, Notice::Accepted { files: 1, bytes: Some(12) });
        screen.notice(id, Notice::Text(cast.text.to_owned()));
        screen.feed(Event::Ended(id, Ok(Report { stored: 1, bytes: 12, ..Report::default() })));
    }),
    ("failed-lost", |screen, cast| {
        let id = moves(screen, cast, Direction::Received);
        let kept = screen.inbox().join(".caiman-1");
        fs::create_dir(&kept).unwrap();
        screen.notice(id, Notice::Kept(kept));
        screen.feed(failed(id, TransferError::PeerLost));
        screen.click_key("show-details");
    }),
    ("unfinished", unfinished),
    ("failed-nobody", |screen, _| {
        let id = screen.made_up(Direction::Received);
        let relays = vec![made_up::relay()];
        let error = TransferError::NobodyThere { relays, looked_locally: true, looked_online: true };
        screen.feed(failed(id, error));
    }),
    ("failed-wrong-code", |screen, _| {
        let id = screen.made_up(Direction::Received);
        screen.feed(failed(id, TransferError::WrongCode { tries_left: Some(2) }));
        screen.click_key("show-details");
    }),
    ("failed-file", |screen, cast| {
        let id = screen.made_up(Direction::Sent);
        let path = PathBuf::from("/home/ada").join(cast.folder).join(cast.file);
        let cause = std::io::ErrorKind::PermissionDenied.into();
        screen.feed(failed(id, TransferError::file(FileAction::Read, path, cause)));
        screen.click_key("show-details");
    }),
    ("failed-stopped", |screen, cast| {
        let id = moves(screen, cast, Direction::Received);
        screen.feed(failed(id, TransferError::PeerCancelled));
    }),
    ("settings-general", |screen, _| settings(screen, Page::General)),
    ("settings-internet", |screen, _| settings(screen, Page::Internet)),
    ("settings-relays", |screen, _| settings(screen, Page::Relays)),
    ("settings-croc", |screen, _| settings(screen, Page::Croc)),
    ("settings-host", |screen, _| settings(screen, Page::Host)),
    ("settings-advanced", |screen, _| settings(screen, Page::Advanced)),
    ("history-empty", |screen, _| screen.click_key("history")),
    ("history", |screen, cast| {
        past(screen, cast);
        screen.click_key("history");
    }),
    ("history-clear", |screen, cast| {
        past(screen, cast);
        screen.click_key("history");
        screen.click_key("history-clear");
    }),
    ("write-text", |screen, cast| {
        screen.window().state.draft = cast.text.to_owned();
        show(screen, Dialog::Text);
    }),
    ("person", |screen, cast| {
        people(screen, cast);
        open_person(screen);
    }),
    ("person-forget", |screen, cast| {
        people(screen, cast);
        open_person(screen);
        screen.click_key("person-forget");
    }),
    ("licences", |screen, _| show(screen, Dialog::Licences)),
    ("quit", |screen, cast| {
        moves(screen, cast, Direction::Sent);
        screen.close();
    }),
    ("drop", |screen, cast| {
        people(screen, cast);
        moves(screen, cast, Direction::Sent);
        let path = screen.folder().join(cast.file);
        screen.point_at(eframe::egui::pos2(100.0, 100.0));
        screen.hold(&[&path]);
    }),
];

fn first_step(screen: &mut Screen, step: usize) {
    let window = screen.window();
    (window.state.settings.first_steps_done, window.state.first_step) = (false, step);
    screen.settle();
}

fn show(screen: &mut Screen, dialog: Dialog) {
    screen.window().state.dialog = Some(dialog);
    screen.settle();
}

fn settings(screen: &mut Screen, page: Page) {
    screen.window().state.form.page = page;
    show(screen, Dialog::Settings);
}

fn typing(screen: &mut Screen, text: &str) {
    let code = screen.say("code");
    screen.click(&code);
    screen.type_text(text);
}

fn banners(screen: &mut Screen, cast: &Cast) {
    let told = screen.say_named("interrupted-send", &crate::transfer::show::Shown(cast.file).to_string());
    let way_on = (screen.say("send-again"), crate::app::model::action::Action::Show(None));
    let state = &mut screen.window().state;
    state.tell_with(Tone::Warning, told, Some(way_on));
    state.offered_code = Some(made_up::CODE.to_owned());
    screen.settle();
}

/// Remembers three people.
fn people(screen: &mut Screen, cast: &Cast) {
    let presences = [Presence::Nearby, Presence::Reachable, Presence::Away];
    let names = [cast.person, "Ben", "Workshop computer"];
    for ((seed, name), presence) in (1..).zip(names).zip(presences) {
        let pair = KnownPair::new(PairKey::from_bytes(&[seed; 32]), Side::Sender);
        let id = screen.made_up(Direction::Sent);
        screen.notice(id, Notice::Acquainted(pair.clone()));
        screen.notice(id, Notice::Peer(name.parse().unwrap()));
        screen.window().remember(id);
        screen.until("the person", |screen| {
            (screen.window().state.people.all().len() == usize::from(seed)).then_some(())
        });
        screen.feed(failed(id, TransferError::Cancelled));
        screen.feed(Event::Presence(pair.id(), presence));
    }
    screen.window().state.cards.clear();
    screen.settle();
}

fn open_person(screen: &mut Screen) {
    let state = &mut screen.window().state;
    let id = state.people.all()[0].pair.id();
    state.people.open(id);
    show(screen, Dialog::Person);
}

/// Adds a send whose code waits.
fn waits(screen: &mut Screen, cast: &Cast) -> TaskId {
    let id = screen.made_up(Direction::Sent);
    screen.feed(made_up::code_of(id));
    screen
        .notice(id, Notice::Listed(manifest(&entries(cast).each_ref().map(|(name, size)| (&**name, *size)))));
    screen.progress(Progress { phase: Phase::WaitingForPeer, ..Progress::default() });
    id
}

/// Adds a send with a code for croc as well.
fn waits_for_croc(screen: &mut Screen, cast: &Cast) -> TaskId {
    let id = waits(screen, cast);
    screen.card().is_for_croc = true;
    let code = CrocCode::new("acid-acorn-acre").unwrap();
    screen.notice(id, Notice::Croc(CrocNews::Code { code, relay: None, needs_password: false }));
    id
}

/// Lists two interrupted transfers, one of them of a person.
fn unfinished(screen: &mut Screen, cast: &Cast) {
    people(screen, cast);
    let listed = |id: &str, names: &[&str], folder: &str| Unfinished {
        id: id.to_owned(),
        offer: [names.len() as u8; 32],
        folder: PathBuf::from("/home/ada").join(folder),
        names: names.iter().map(|name| (*name).to_owned()).collect(),
        count: names.len(),
        is_folder: false,
        bytes: 13 * MIB,
        held: 5 * MIB,
        last: UNIX_EPOCH + Duration::from_secs(1_763_000_000),
    };
    let list = vec![listed("1", &[cast.file], cast.folder), listed("2", &cast.inner, "Downloads")];
    let (digest, folder) = (list[0].offer, list[0].folder.clone());
    let person = screen.window().state.people.all()[0].pair.id();
    screen.window().note_of_people(move |people| people.note_accepted(person, &digest, &folder));
    screen.until("the note", |screen| screen.window().state.people.whose(&digest).is_some().then_some(()));
    screen.outcome(DeskOutcome::Unfinished { list, gone: Vec::new() });
}

/// A folder with three files in it, and a file.
fn entries(cast: &Cast) -> [(String, u64); 5] {
    let inner = |number: usize| format!("{}/{}", cast.folder, cast.inner[number]);
    [
        (format!("{}/", cast.folder), 0),
        (inner(0), 3 * MIB),
        (inner(1), 2 * MIB),
        (inner(2), 7),
        (cast.file.to_owned(), 8 * MIB),
    ]
}

/// Adds a send for three receivers, of whom one receives, one has everything and one has declined.
fn several(screen: &mut Screen, cast: &Cast) {
    let of = screen.made_up(Direction::Sent);
    screen.card().receivers = 4;
    screen.feed(made_up::code_of(of));
    screen.notice(of, Notice::Listed(manifest(&[(cast.file, 8 * MIB)])));
    screen.progress(Progress { phase: Phase::WaitingForPeer, ..Progress::default() });
    let branches = [cast.person, "Ben", "Workshop computer"].map(|name| {
        let id = screen.window().engine.new_id();
        let snapshots = screen.snapshots.subscribe();
        screen.feed(Event::Branch { of, id });
        screen.feed(Event::Started(id, snapshots, FileWatch::default()));
        screen.notice(id, Notice::Peer(name.parse().unwrap()));
        id
    });
    for id in &branches[..2] {
        screen.notice(*id, Notice::Accepted { files: 1, bytes: Some(8 * MIB) });
    }
    let report = Report { stored: 1, bytes: 8 * MIB, receivers: 1, seconds: 2.0, ..Report::default() };
    screen.feed(Event::Ended(branches[1], Ok(report)));
    screen.feed(failed(branches[2], TransferError::PeerDeclined));
    screen.progress(progress(Phase::Moving, 2 * MIB, 8 * MIB));
}

fn offers(screen: &mut Screen, id: TaskId, cast: &Cast, entries: &[(&str, u64)], taken: &[&str]) {
    screen.notice(id, Notice::Peer(cast.person.parse().unwrap()));
    screen.notice(id, Notice::Offer(made_up::offer(&manifest(entries), &screen.inbox(), taken)));
    screen.until_card("the tree", |card| card.sheet.as_ref().is_some_and(|sheet| sheet.tree.is_some()));
}

/// Offers a folder with three files in it, and a file; of its names, `taken` are taken.
fn tree(screen: &mut Screen, id: TaskId, cast: &Cast, taken: &[&str]) {
    let entries = entries(cast);
    let taken: Vec<&str> = entries
        .iter()
        .filter(|(path, _)| taken.iter().any(|name| path.ends_with(name)))
        .map(|(path, _)| &**path)
        .collect();
    offers(screen, id, cast, &entries.each_ref().map(|(name, size)| (&**name, *size)), &taken);
    let open = screen.say_named("open-named", &crate::transfer::show::Shown(cast.folder).to_string());
    if screen.control(&open).is_some() {
        screen.click(&open);
    }
}

fn picture(width: u16, height: u16) -> Arc<Thumbnail> {
    let pixel = |at: u16| [(at % width * 3) as u8, (at / width * 5) as u8, 160];
    Arc::new(Thumbnail::new(width, (0..width * height).flat_map(pixel).collect()).unwrap())
}

/// Adds a transfer that has moved a part of its files for a while.
fn moves(screen: &mut Screen, cast: &Cast, direction: Direction) -> TaskId {
    let id = screen.made_up(direction);
    screen.notice(id, Notice::Met(MetAt::OwnRelay));
    screen.notice(id, Notice::Peer(cast.person.parse().unwrap()));
    screen
        .notice(id, Notice::Listed(manifest(&entries(cast).each_ref().map(|(name, size)| (&**name, *size)))));
    screen.notice(id, Notice::Accepted { files: 4, bytes: Some(13 * MIB + 7) });
    let now = Instant::now();
    let mut meter = Meter::new();
    for second in 0..30 {
        let at = now.checked_sub(Duration::from_secs(30 - second)).expect("the machine runs for longer");
        meter.note(second * 200_000 + (second % 5) * 40_000, Some(13 * MIB), at);
    }
    screen.window().state.card(id).unwrap().meter = meter;
    screen.progress(Progress { file: Some(2), files: 1, ..progress(Phase::Moving, 6 * MIB, 13 * MIB + 7) });
    id
}

/// Opens the list of the files of the newest transfer.
fn lists(screen: &mut Screen, cast: &Cast) {
    let offered = manifest(&entries(cast).each_ref().map(|(name, size)| (&**name, *size)));
    let id = screen.card().id;
    let (watch, snapshots) = (FileWatch::default(), screen.snapshots.subscribe());
    screen.feed(Event::Started(id, snapshots, watch.clone()));
    let wanted = Wanted::all();
    let plan = Arc::new(Plan::new(&offered, |_| true));
    let mut list = ShownFiles::new(watch, Arc::clone(&plan), wanted);
    screen.click_key("show-details");
    let mut stored = BlockSet::default();
    stored.insert_range(plan.blocks_of(1));
    let moving = plan.blocks_of(2);
    stored.insert_range(moving.start..u64::midpoint(moving.start, moving.end));
    list.show(&offered, || stored, &BTreeSet::from([3]));
    screen.settle();
}

fn done(screen: &mut Screen, id: TaskId, placed: &[&str], missing: u64) {
    let folder = screen.inbox();
    let report = Report {
        stored: 4,
        bytes: 13 * MIB,
        missing,
        seconds: 12.0,
        receivers: 1,
        is_new: true,
        placed: placed.iter().map(|name| folder.join(name)).collect(),
        folder: (!placed.is_empty()).then_some(folder),
        ..Report::default()
    };
    screen.notice(id, Notice::Acquainted(KnownPair::new(PairKey::from_bytes(&[9; 32]), Side::Sender)));
    screen.feed(Event::Ended(id, Ok(report)));
}

fn past(screen: &mut Screen, cast: &Cast) {
    let outcomes = [
        (PastKind::File, Outcome::Done),
        (PastKind::Folder, Outcome::Partial { missing: 3 }),
        (PastKind::Several, Outcome::Cancelled),
        (PastKind::Text, Outcome::Declined),
        (PastKind::File, Outcome::Failed { reason: screen.say("err-peer-lost") }),
        (PastKind::File, Outcome::Interrupted),
    ];
    let folder = screen.inbox();
    for (number, (kind, outcome)) in (0..).zip(outcomes) {
        let entry = PastTransfer {
            id: 0,
            what: if number % 2 == 0 { cast.file } else { cast.folder }.to_owned(),
            kind,
            direction: if number % 2 == 0 { Direction::Received } else { Direction::Sent },
            peer: (number < 4).then(|| cast.person.to_owned()),
            started: 1_763_000_000 + number * 90_000,
            ended: Some(1_763_000_100 + number * 90_000),
            folder: Some(folder.clone()),
            paths: vec![folder.join(cast.file)],
            files: number + 1,
            bytes: MIB << number,
            outcome,
            kept: None,
            room: None,
        };
        screen.window().state.history.begin(entry);
    }
}

/// How the window is set up.
struct Setup {
    width: f32,
    height: f32,
    scale: f32,
    appearance: Appearance,
    language: &'static str,
    cast: &'static Cast,
}

impl Setup {
    fn open(&self, painter: Painter) -> Screen {
        Screen::painted_by(painter, [self.width, self.height], self.scale, |settings| {
            settings.language = Some(self.language.to_owned());
            settings.appearance = self.appearance;
            settings.relays = vec![SavedRelay::new("127.0.0.1:1".parse().unwrap())];
        })
    }

    fn name(&self) -> String {
        let appearance = if self.appearance == Appearance::Dark { "dark" } else { "light" };
        format!(
            "{}x{}@{}-{appearance}-{}-{}",
            self.width, self.height, self.scale, self.language, self.cast.name
        )
    }
}

const fn setup(
    size: (f32, f32),
    appearance: Appearance,
    language: &'static str,
    cast: &'static Cast,
) -> Setup {
    Setup { width: size.0, height: size.1, scale: 1.0, appearance, language, cast }
}

/// Controls that stand outside of the window or on each other.
fn faults_of(screen: &Screen, setup: &Setup) -> Vec<String> {
    let mut faults = Vec::new();
    let controls: Vec<(String, Rect)> = screen
        .controls()
        .iter()
        .filter(|node| !matches!(node.accesskit_node().role(), Role::ScrollBar | Role::Tree | Role::List))
        .map(|node| (name_of(node), node.rect()))
        .collect();
    for (number, (name, rect)) in controls.iter().enumerate() {
        if rect.left() < 0.0 || rect.right() > setup.width {
            faults.push(format!("{name} is outside: {rect}"));
        }
        for (other, at) in &controls[..number] {
            let both = rect.intersect(*at);
            // A control may be a part of another one.
            let is_part = rect.contains_rect(*at) || at.contains_rect(*rect);
            if !is_part && both.width() > 1.0 && both.height() > 1.0 {
                faults.push(format!("{name} is on {other}: {rect} {at}"));
            }
        }
    }
    faults
}

#[test]
fn every_state_of_the_window_is_in_order() {
    let pictures = env::var_os("CAIMAN_PICTURES").map(PathBuf::from);
    let only = env::var("CAIMAN_SCENES").unwrap_or_default();
    let setups = [
        setup((640.0, 480.0), Appearance::Light, "fr", &LONG),
        setup((900.0, 700.0), Appearance::Dark, "de", &PLAIN),
        setup((900.0, 700.0), Appearance::Light, "en", &RIGHT),
        Setup { scale: 2.0, ..setup((640.0, 480.0), Appearance::Dark, "en", &RIGHT) },
        setup((1600.0, 1000.0), Appearance::Light, "en", &PLAIN),
        setup((900.0, 700.0), Appearance::Light, "de", &LONG),
    ];
    let mut faults = Vec::new();
    // Without pictures, those with the least room are enough.
    let count = if pictures.is_some() { setups.len() } else { 1 };
    for setup in &setups[..count] {
        for (name, scene) in SCENES.iter().filter(|(name, _)| name.starts_with(&only)) {
            let mut screen = setup.open(Painter::of_any_script());
            scene(&mut screen, setup.cast);
            for fault in faults_of(&screen, setup) {
                faults.push(format!("{name} {}: {fault}", setup.name()));
            }
            if let Some(folder) = &pictures {
                let folder = folder.join(setup.name());
                fs::create_dir_all(&folder).unwrap();
                screen.save_picture(&folder.join(format!("{name}.png")));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
