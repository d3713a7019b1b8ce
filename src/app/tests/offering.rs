//! The offer: ticks, search, conflicts, destination, and the answer.

use std::sync::Arc;

use eframe::egui::Key;

use super::{Screen, made_up};
use crate::{
    app::desktop::{
        desk::{DeskOutcome, PickPurpose},
        dialogs::Picked,
    },
    engine::{AlreadyHere, Choices, Notice, Offer, OnConflict, OnMerge, TransferError},
    history::Direction,
    protocol::{RelPath, manifest::Manifest, thumbnail::Thumbnail},
    transfer::{error::FileAction, offer::ExistingFile, plan::placement::Target},
};

/// Ten pictures in a folder and three files beside it: enough to be searched.
fn pictures() -> Arc<Manifest> {
    let names: Vec<String> = (0..10).map(|n| format!("pictures/{n}.jpg")).collect();
    let mut entries = vec![("pictures/", 0)];
    entries.extend(names.iter().map(|name| (name.as_str(), 100)));
    entries.extend([("a.txt", 1), ("b.txt", 2), ("c.txt", 3)]);
    made_up::manifest(&entries)
}

fn choices(screen: &mut Screen) -> Choices {
    let sheet = screen.card().sheet.as_ref().expect("the answer is on its way");
    assert!(sheet.is_answered);
    sheet.choices()
}

#[test]
fn an_offer_for_which_the_disk_seems_too_small_can_be_received_anyway() {
    let mut screen = Screen::new();
    let id = screen.made_up(Direction::Received);
    let offer = made_up::offer(&made_up::manifest(&[("large.bin", 100)]), &screen.inbox(), &[]);
    let offer = Arc::into_inner(offer).expect("nobody else has it");
    let offer = Arc::new(Offer { free: Some(10), ..offer });
    screen.notice(id, Notice::Offer(offer));
    screen.until_card("the tree", |card| card.sheet.as_ref().is_some_and(|sheet| sheet.tree.is_some()));
    screen.click_key("receive-anyway");
    assert!(choices(&mut screen).ignores_space);
}

#[test]
fn ticks_searches_and_policies_become_the_answer() {
    let mut screen = Screen::new();
    screen.offered(&pictures(), &["a.txt", "b.txt"]);
    assert!(screen.shows(&screen.say("taken")));
    let open = screen.say_named("open-named", "pictures");
    assert_eq!(screen.control("3.jpg").map(|_| ()), None, "the folder is closed");
    screen.click(&open);
    screen.click("3.jpg");
    assert_eq!(screen.is_on("3.jpg"), Some(false));
    assert_eq!(screen.is_on("pictures"), None, "some of it is wanted, and that is told");

    let search = screen.say("search");
    screen.fill(&search, "2.JPG");
    assert!(screen.control("a.txt").is_none());
    screen.click("pictures/2.jpg");
    screen.fill(&search, "nothing is called like this");
    assert!(screen.shows(&screen.say("nothing-found")));
    screen.fill(&search, "");
    assert_eq!((screen.is_on("2.jpg"), screen.is_on("1.jpg")), (Some(false), Some(true)));

    screen.click_key("skip");
    assert!(screen.shows(&screen.say("skip-means")));
    let of_a = screen.say_named("conflict-named", "a.txt");
    screen.click(&of_a);
    let replace = screen.say("replace");
    screen.click_last(&replace);
    // b.txt is skipped, and so doesn't come.
    let accept = screen.say_accept(10, 804);
    screen.click(&accept);
    let choices = choices(&mut screen);
    assert_eq!(choices.folder, Some(screen.inbox()));
    assert_eq!(choices.unwanted, [3, 4]);
    assert_eq!(choices.on_conflict, OnConflict::Skip);
    assert_eq!(choices.exceptions, [(11, OnConflict::Replace)].into());
}

#[test]
fn enter_accepts_at_once() {
    let mut screen = Screen::new();
    screen.offered(&pictures(), &[]);
    let accept = screen.say_accept(13, 1006);
    assert_eq!(screen.focused().map(|(_, name)| name), Some(accept));
    screen.press(Key::Enter);
    let choices = choices(&mut screen);
    assert_eq!((choices.unwanted.len(), choices.exceptions.len()), (0, 0));
    assert_eq!(choices.on_conflict, OnConflict::KeepBoth, "nothing is replaced without a word");
    assert!(!screen.shows(&screen.say("phase-answer")), "the other side looks at nothing");
}

#[test]
fn an_offer_can_be_declined_by_the_keyboard() {
    let mut screen = Screen::new();
    screen.offered(&pictures(), &[]);
    screen.press(Key::Tab);
    assert_eq!(screen.focused().map(|(_, name)| name), Some(screen.say("decline")));
    screen.press(Key::Space);
    assert!(!screen.card().is_asking());
    assert!(screen.control(&screen.say("decline")).is_none());
}

#[test]
fn a_second_offer_does_not_take_the_keyboard_from_the_first() {
    let mut screen = Screen::new();
    screen.offered(&pictures(), &[]);
    screen.press(Key::Tab);
    let decline = screen.focused();
    assert_eq!(decline.as_ref().map(|(_, name)| name.clone()), Some(screen.say("decline")));
    screen.offered(&made_up::manifest(&[("a.txt", 1)]), &[]);
    assert_eq!(screen.focused(), decline);
    screen.press(Key::Space);
    let asking: Vec<bool> =
        screen.window().state.cards.iter().map(crate::app::model::card::Card::is_asking).collect();
    assert_eq!(asking, [true, false]);
}

#[test]
fn nothing_ticked_cannot_be_accepted() {
    let mut screen = Screen::new();
    screen.offered(&pictures(), &[]);
    screen.click_key("tick-none");
    let nothing = screen.say_accept(0, 0);
    assert!(screen.shows(&nothing) && screen.control(&nothing).is_none());
    screen.press(Key::Enter);
    assert!(screen.card().is_asking());
    screen.click_key("tick-all");
    let all = screen.say_accept(13, 1006);
    assert!(screen.control(&all).is_some());
}

#[test]
fn what_does_not_fit_cannot_be_accepted_until_less_is_ticked() {
    let mut screen = Screen::new();
    let id = screen.offered(&pictures(), &[]);
    let offer = made_up::offer(&pictures(), &screen.inbox(), &[]);
    let cramped = Offer {
        folder: offer.folder.clone(),
        targets: offer.targets.clone(),
        free: Some(500),
        ..Offer::new(Arc::clone(&offer.manifest))
    };
    screen.notice(id, Notice::Offer(Arc::new(cramped)));
    let words = screen.words();
    let args = [("needed", words.bytes(1006).into()), ("free", words.bytes(500).into())];
    let no_room = words.tell("no-room", &args);
    let all = screen.say_accept(13, 1006);
    assert!(screen.shows(&no_room) && screen.control(&all).is_none());
    let elsewhere = screen.say("save-to-change");
    assert!(screen.control(&elsewhere).is_some(), "the way on stands where Accept would");
    screen.click("pictures");
    let few = screen.say_accept(3, 6);
    assert!(!screen.shows(&no_room) && screen.control(&few).is_some());
    assert!(screen.control(&elsewhere).is_none());
}

#[test]
fn another_folder_is_looked_at_before_it_is_used() {
    let mut screen = Screen::new();
    let id = screen.offered(&pictures(), &["a.txt"]);
    screen.click("c.txt");
    let elsewhere = screen.folder().join("elsewhere");
    let picked = Picked::Paths(vec![elsewhere.clone()]);
    screen.outcome(DeskOutcome::Picked(PickPurpose::SaveOffer(id), picked));
    let accept = screen.say_accept(12, 1003);
    assert!(screen.control(&accept).is_none(), "nobody knows yet what is there");
    screen.notice(id, Notice::CantUse(TransferError::file(FileAction::UseFolder, &elsewhere, denied())));
    let told = screen
        .explained(&TransferError::file(FileAction::UseFolder, &elsewhere, denied()), Direction::Received);
    assert!(screen.shows(&told.happened), "{:#?}", screen.texts());
    assert!(screen.control(&accept).is_some(), "the old folder is still there");

    screen.outcome(DeskOutcome::Picked(PickPurpose::SaveOffer(id), Picked::Paths(vec![elsewhere.clone()])));
    screen.notice(id, Notice::Offer(made_up::offer(&pictures(), &elsewhere, &["b.txt"])));
    assert!(!screen.shows(&told.happened));
    assert!(screen.control(&screen.say_named("conflict-named", "b.txt")).is_some());
    assert!(screen.control(&screen.say_named("conflict-named", "a.txt")).is_none());
    screen.click(&accept);
    let choices = choices(&mut screen);
    assert_eq!((choices.folder, choices.unwanted), (Some(elsewhere), vec![13]));
}

/// Catches a code that is used up on a folder that has been removed or is read-only.
#[test]
fn a_folder_of_no_use_waits_for_another_one() {
    let mut screen = Screen::new();
    let id = screen.made_up(Direction::Received);
    let gone = screen.folder().join("gone");
    screen.notice(id, Notice::Offer(made_up::offer_for_nowhere(&pictures(), &gone)));
    screen.until_card("the tree", |card| card.sheet.as_ref().is_some_and(|sheet| sheet.tree.is_some()));
    let error = TransferError::file(FileAction::UseFolder, &gone, denied());
    let told = screen.explained(&error, Direction::Received).happened;
    assert!(screen.shows(&told), "{:#?}", screen.texts());
    let accept = screen.say_accept(13, 1006);
    assert!(screen.control(&accept).is_none(), "nothing can be stored there");
    assert!(screen.control(&screen.say("decline")).is_some());
    assert_eq!(screen.focused().map(|(_, name)| name), Some(screen.say("save-to-change")));

    let elsewhere = screen.folder().join("elsewhere");
    screen.outcome(DeskOutcome::Picked(PickPurpose::SaveOffer(id), Picked::Paths(vec![elsewhere.clone()])));
    screen.notice(id, Notice::Offer(made_up::offer(&pictures(), &elsewhere, &[])));
    assert!(!screen.shows(&told));
    assert_eq!(screen.focused().map(|(_, name)| name), Some(accept));
    screen.press(Key::Enter);
    assert_eq!(choices(&mut screen).folder, Some(elsewhere));
}

fn denied() -> std::io::Error {
    std::io::ErrorKind::PermissionDenied.into()
}

#[test]
fn what_a_name_becomes_is_shown() {
    let mut screen = Screen::new();
    let id = screen.made_up(Direction::Received);
    let manifest = made_up::manifest(&[("what?.txt", 1), ("a.txt", 1)]);
    let target = |name: &str, conflicts, is_repaired| Target {
        path: Some(RelPath::new(name).unwrap()),
        conflicts,
        in_place: conflicts.then(|| RelPath::new("a.txt").unwrap()),
        is_repaired,
        ..Target::default()
    };
    let targets = vec![target("what_.txt", false, true), target("a (2).txt", true, false)];
    let folder = Some(screen.inbox());
    let offer = Offer { folder, targets, free: Some(1000), ..Offer::new(manifest) };
    screen.notice(id, Notice::Offer(Arc::new(offer)));
    // The rows move when the tree appears.
    screen.until_card("the tree", |card| card.sheet.as_ref().is_some_and(|sheet| sheet.tree.is_some()));
    assert!(screen.shows(&screen.say("repaired")) && screen.shows("what_.txt"), "{:#?}", screen.texts());
    assert!(screen.shows("a (2).txt"));
    screen.click_key("replace");
    assert!(!screen.shows("a (2).txt"), "it is replaced then");
}

#[test]
fn a_text_is_offered_without_a_folder() {
    let mut screen = Screen::new();
    let id = screen.made_up(Direction::Received);
    let manifest = made_up::text_manifest();
    let offer = Offer { ..Offer::new(manifest) };
    screen.notice(id, Notice::Offer(Arc::new(offer)));
    screen.until_card("the tree", |card| card.sheet.as_ref().is_some_and(|sheet| sheet.tree.is_some()));
    assert!(screen.shows(&screen.say("offered-text")));
    screen.press(Key::Enter);
    assert_eq!(choices(&mut screen).folder, None);
}

#[test]
fn a_name_cannot_forge_what_stands_around_it() {
    let mut screen = Screen::new();
    screen.offered(&made_up::manifest(&[("\u{202e}gpj.exe", 1)]), &[]);
    assert!(screen.shows("\\u{202e}gpj.exe"));
    assert!(!screen.texts().iter().any(|text| text.contains('\u{202e}')));
}

/// How many nodes a window with an offer may have, whatever the size of the offer: those of the rows in sight, and of
/// everything else.
const MOST_NODES: usize = 400;

#[test]
fn of_a_hundred_thousand_entries_only_those_in_sight_are_drawn() {
    let names: Vec<String> = (0..100_000).map(|n| format!("archive/{n:05}.dat")).collect();
    let mut entries = vec![("archive/", 0)];
    entries.extend(names.iter().map(|name| (name.as_str(), 1)));
    let manifest = made_up::manifest(&entries);
    // High enough for the list and the answer below it.
    let mut screen = Screen::sized(1000.0, 1800.0, |_| {});
    // Half of them are there already, so the list of conflicts is half as long as the offer.
    let taken: Vec<&str> = names.iter().step_by(2).map(String::as_str).collect();
    let id = screen.offered(&manifest, &taken);
    assert!(screen.control("00000.dat").is_some() && screen.control("50000.dat").is_none());
    assert!(screen.node_count() < MOST_NODES, "{}", screen.node_count());

    let search = screen.say("search");
    screen.fill(&search, "77777");
    screen.click("archive/77777.dat");
    assert!(screen.control("archive/77778.dat").is_none());
    screen.fill(&search, "");
    let accept = screen.say_accept(99_999, 99_999);
    screen.click(&accept);
    assert_eq!(choices(&mut screen).unwanted, [77_778]);

    // Sending that many entries costs as little.
    screen.feed(crate::engine::Event::Ended(id, Err(TransferError::Declined)));
    let id = screen.made_up(Direction::Sent);
    screen.feed(made_up::code_of(id));
    screen.notice(id, Notice::Listed(manifest));
    screen.card().folds.list = true;
    screen.settle();
    assert!(screen.shows("00000.dat") && screen.node_count() < MOST_NODES, "{}", screen.node_count());
}

#[test]
fn what_an_interrupted_transfer_left_is_told_and_needs_no_room() {
    let mut screen = Screen::new();
    let id = screen.offered(&pictures(), &[]);
    let offer = made_up::offer(&pictures(), &screen.inbox(), &[]);
    let begun = Offer {
        folder: offer.folder.clone(),
        targets: offer.targets.clone(),
        free: Some(500),
        resumable: 1000,
        ..Offer::new(Arc::clone(&offer.manifest))
    };
    screen.notice(id, Notice::Offer(Arc::new(begun)));
    let size = screen.words().bytes(1000);
    let told = screen.words().tell("here-already", &[("size", size.into())]);
    assert!(screen.shows(&told), "{:#?}", screen.texts());
    screen.until_card("the tree", |card| {
        card.sheet.as_ref().is_some_and(crate::app::model::sheet::Sheet::can_accept)
    });
}

/// Of the four names that are taken, three are the same as the offered files.
#[test]
fn what_is_here_already_is_marked_and_does_not_count() {
    let mut screen = Screen::new();
    let manifest = pictures();
    let taken = ["pictures/0.jpg", "a.txt", "b.txt", "c.txt"];
    let id = screen.offered(&manifest, &taken);
    screen.notice(id, Notice::AlreadyHere(AlreadyHere::of(&manifest, [1]).growing(true)));
    assert!(screen.shows(&screen.say("comparing")));
    assert!(!screen.shows(&screen.say("already-here")), "the picture is in a closed folder");
    screen.notice(id, Notice::AlreadyHere(AlreadyHere::of(&manifest, [1, 11, 12])));
    assert!(screen.shows(&screen.say("already-here")) && !screen.shows(&screen.say("comparing")));
    let amount = crate::app::explain::amount(screen.words(), 3, Some(103));
    let args = [("count", 3.into()), ("amount", amount.into())];
    assert!(screen.shows(&screen.words().tell("same-here", &args)), "{:#?}", screen.texts());
    assert!(screen.control(&screen.say_named("conflict-named", "a.txt")).is_none());
    assert!(screen.control(&screen.say_named("conflict-named", "c.txt")).is_some());
    let accept = screen.say_accept(10, 903);
    screen.click(&accept);
    let choices = choices(&mut screen);
    assert_eq!((choices.unwanted, choices.resumes), (vec![], true));
}

#[test]
fn a_word_for_a_single_file_goes_before_its_being_here() {
    let mut screen = Screen::new();
    let manifest = pictures();
    let id = screen.offered(&manifest, &["a.txt", "b.txt"]);
    let of_a = screen.say_named("conflict-named", "a.txt");
    screen.click(&of_a);
    let replace = screen.say("replace");
    screen.click_last(&replace);
    screen.notice(id, Notice::AlreadyHere(AlreadyHere::of(&manifest, [11, 12])));
    assert!(screen.control(&of_a).is_some(), "what was decided can be seen and changed");
    let accept = screen.say_accept(12, 1004);
    assert!(screen.control(&accept).is_some(), "{:#?}", screen.texts());
    screen.click_key("skip");
    assert!(screen.control(&of_a).is_none(), "a word for all takes it back");
    let accept = screen.say_accept(11, 1003);
    assert!(screen.control(&accept).is_some(), "{:#?}", screen.texts());
}

#[test]
fn where_everything_is_here_already_nothing_has_to_come() {
    let mut screen = Screen::new();
    let manifest = made_up::manifest(&[("a.txt", 1), ("b.txt", 2)]);
    let id = screen.offered(&manifest, &["a.txt", "b.txt"]);
    screen.notice(id, Notice::AlreadyHere(AlreadyHere::of(&manifest, [0, 1])));
    assert!(!screen.shows(&screen.say("keep-both")), "there are no conflicts");
    screen.click_key("accept-nothing");
    assert_eq!(choices(&mut screen).unwanted, [] as [u32; 0]);
}

/// An offer into the home folder: two hidden names, one of them a folder that is there, and a folder and a file besides.
fn offer_for_home(screen: &Screen) -> Offer {
    let manifest = made_up::manifest(&[
        ("pictures/", 0),
        ("pictures/a.jpg", 100),
        ("a.txt", 1),
        (".ssh/", 0),
        (".ssh/authorized_keys", 10),
        (".zshenv", 5),
    ]);
    let target = |name: &str, merges: bool| Target {
        path: RelPath::new(name).ok(),
        beside: RelPath::new(&format!("{name} (2)")).ok().filter(|_| merges),
        ..Target::default()
    };
    let targets = manifest.entries().iter().map(|entry| {
        let name = entry.path.as_str();
        target(name, ["pictures", ".ssh"].contains(&name))
    });
    Offer {
        targets: targets.collect(),
        guarded: vec![3, 5],
        folder: Some(screen.inbox()),
        free: Some(1 << 40),
        ..Offer::new(manifest)
    }
}

#[test]
fn hidden_names_in_the_home_folder_stand_first_and_need_a_tick_of_their_own() {
    let mut screen = Screen::new();
    let id = screen.made_up(Direction::Received);
    let offer = offer_for_home(&screen);
    screen.notice(id, Notice::Offer(Arc::new(offer)));
    screen.until_card("the tree", |card| {
        card.sheet.as_ref().is_some_and(crate::app::model::sheet::Sheet::can_accept)
    });
    let args = [("names", ".ssh, .zshenv".into()), ("more", 0.into())];
    assert!(screen.shows(&screen.words().tell("guarded", &args)), "{:#?}", screen.texts());
    assert!(screen.shows(&screen.say("hidden")));
    let place = |name: &str| screen.place(name).expect("it is shown").top();
    assert!(place(".ssh") < place(".zshenv") && place(".zshenv") < place("pictures"));
    let ticks = [".ssh", ".zshenv", "pictures", "a.txt"].map(|name| screen.is_on(name));
    assert_eq!(ticks, [Some(false), Some(false), Some(true), Some(true)]);
    assert!(!screen.card().sheet.as_ref().unwrap().choices().allows_hidden);

    screen.click(".zshenv");
    let accept = screen.say_accept(3, 106);
    screen.click(&accept);
    let choices = choices(&mut screen);
    assert!(choices.allows_hidden);
    assert_eq!(choices.unwanted, [3, 4], "only what was ticked");
}

#[test]
fn a_folder_that_is_there_is_kept_unless_the_user_merges_it() {
    let mut screen = Screen::new();
    let id = screen.made_up(Direction::Received);
    let offer = offer_for_home(&screen);
    screen.notice(id, Notice::Offer(Arc::new(offer)));
    screen.until_card("the tree", |card| {
        card.sheet.as_ref().is_some_and(crate::app::model::sheet::Sheet::can_accept)
    });
    let words = screen.words();
    assert!(screen.shows(&words.tell("merges", &[("count", 2.into())])), "{:#?}", screen.texts());
    assert!(screen.shows(&screen.say("folder-taken")));
    assert!(screen.shows("pictures  →  pictures (2)"));
    let of_pictures = screen.say_named("conflict-named", "pictures");
    screen.click(&of_pictures);
    let merge = screen.say("merge");
    screen.click_last(&merge);
    assert!(!screen.shows("pictures  →  pictures (2)"));
    let accept = screen.say_accept(2, 101);
    screen.click(&accept);
    let choices = choices(&mut screen);
    assert_eq!((choices.on_merge, choices.on_merge(0)), (OnMerge::KeepBoth, OnMerge::Merge));
}

/// An offer with more files than the window shows at once.
fn many() -> Arc<Manifest> {
    let names: Vec<String> = (1..=60).map(|number| format!("IMG_{number}.jpg")).collect();
    let mut entries = vec![("album/", 0), ("album/cover.png", 500)];
    entries.extend((1..).zip(&names).map(|(size, name)| (name.as_str(), size)));
    made_up::manifest(&entries)
}

fn tab_to_tree(screen: &mut Screen) {
    let list = screen.say("offer-list");
    for _ in 0..30 {
        if screen.focused().is_some_and(|(_, name)| name == list) {
            return;
        }
        screen.press(Key::Tab);
    }
    panic!("Tab never comes to the tree");
}

/// Catches a list in which the keyboard reaches only the rows in sight, and ticks rows that nobody sees.
#[test]
fn the_tree_is_one_stop_and_the_arrows_go_through_all_of_it() {
    let mut screen = Screen::sized(900.0, 700.0, |_| {});
    screen.offered(&many(), &[]);
    tab_to_tree(&mut screen);
    let at = |screen: &Screen| screen.tree_row().expect("the row is in sight");
    assert_eq!(at(&screen), "album");
    screen.press(Key::ArrowRight);
    assert!(screen.control("cover.png").is_some(), "the arrow opens the folder");
    screen.press(Key::ArrowRight);
    assert_eq!(at(&screen), "cover.png");
    screen.press(Key::Space);
    assert_eq!(screen.is_on("cover.png"), Some(false));
    screen.press(Key::ArrowLeft);
    screen.press(Key::ArrowLeft);
    assert_eq!(at(&screen), "album");
    assert!(screen.control("cover.png").is_none(), "the arrow closes it");
    for (key, expected) in [
        (Key::ArrowDown, "IMG_1.jpg"),
        (Key::End, "IMG_60.jpg"),
        (Key::ArrowUp, "IMG_59.jpg"),
        (Key::Home, "album"),
    ] {
        screen.press(key);
        assert_eq!(at(&screen), expected, "{key:?}");
    }
    screen.press(Key::PageDown);
    let paged = at(&screen);
    assert!(paged.starts_with("IMG_") && paged != "IMG_1.jpg", "{paged}");
    screen.press(Key::End);
    screen.press(Key::Space);
    assert_eq!(screen.is_on("IMG_60.jpg"), Some(false));
    // The next stop is behind the tree.
    screen.press(Key::Tab);
    let save_to = format!("{}: ", screen.say("save-to-change"));
    assert!(screen.focused().is_some_and(|(_, name)| name.starts_with(&save_to)));
}

#[test]
fn a_row_that_is_clicked_has_the_keyboard() {
    let mut screen = Screen::new();
    screen.offered(&pictures(), &[]);
    screen.click("b.txt");
    assert_eq!(screen.focused().map(|(_, name)| name), Some(screen.say("offer-list")));
    assert_eq!((screen.tree_row(), screen.is_on("b.txt")), (Some("b.txt".to_owned()), Some(false)));
    screen.press(Key::Space);
    assert_eq!(screen.is_on("b.txt"), Some(true));
}

#[test]
fn all_and_none_act_on_what_was_found_and_say_so() {
    let mut screen = Screen::new();
    screen.offered(&pictures(), &[]);
    let search = screen.say("search");
    screen.fill(&search, "txt");
    let none = screen.words().tell("tick-none-found", &[("count", 3.into())]);
    screen.click(&none);
    let accept = screen.say_accept(10, 1000);
    assert!(screen.control(&accept).is_some(), "{:#?}", screen.texts());
    let all = screen.words().tell("tick-all-found", &[("count", 3.into())]);
    screen.click(&all);
    let accept = screen.say_accept(13, 1006);
    assert!(screen.control(&accept).is_some(), "{:#?}", screen.texts());
}

#[test]
fn names_stand_in_natural_order_or_the_largest_first() {
    let mut screen = Screen::new();
    let names = ["Quarterly.txt", "holiday.txt", "IMG_10.jpg", "IMG_9.jpg", "z/"];
    let more: Vec<String> = (0..10).map(|number| format!("z/{number}")).collect();
    let mut entries: Vec<(&str, u64)> = names.iter().copied().zip([7, 3, 5, 1, 0]).collect();
    entries.extend(more.iter().map(|name| (name.as_str(), 0)));
    screen.offered(&made_up::manifest(&entries), &[]);
    let order = |screen: &Screen, names: &[&str]| {
        let tops: Vec<f32> =
            names.iter().map(|name| screen.place(name).expect("it is shown").top()).collect();
        assert!(tops.is_sorted(), "{names:?}: {tops:?}");
    };
    order(&screen, &["z", "holiday.txt", "IMG_9.jpg", "IMG_10.jpg", "Quarterly.txt"]);
    screen.click_key("sort-by-size");
    order(&screen, &["Quarterly.txt", "IMG_10.jpg", "holiday.txt", "IMG_9.jpg", "z"]);
    screen.click_key("sort-by-name");
    order(&screen, &["z", "holiday.txt"]);
}

/// Of three names that are taken none comes, and one file of the others was begun before.
#[test]
fn the_button_counts_what_will_come() {
    let mut screen = Screen::new();
    let manifest = made_up::manifest(&[("a", 1), ("b", 2), ("c", 3), ("d", 10)]);
    let id = screen.offered(&manifest, &["a", "b", "c"]);
    screen.click_key("skip");
    assert!(screen.shows(&screen.say("skipped")));
    let accept = screen.say_accept(1, 10);
    assert!(screen.control(&accept).is_some(), "{:#?}", screen.texts());
    let offer = made_up::offer(&manifest, &screen.inbox(), &[]);
    let offer = Arc::into_inner(offer).expect("nobody else has it");
    screen.notice(id, Notice::Offer(Arc::new(Offer { resumable: 6, ..offer })));
    let accept = screen.say_accept(4, 10);
    assert!(screen.control(&accept).is_some(), "{:#?}", screen.texts());
}

#[test]
fn where_all_is_skipped_nothing_comes() {
    let mut screen = Screen::new();
    screen.offered(&made_up::manifest(&[("a", 1), ("b", 2)]), &["a", "b"]);
    screen.click_key("skip");
    screen.click_key("accept-nothing");
    assert_eq!(choices(&mut screen).on_conflict, OnConflict::Skip);
}

#[test]
fn a_single_file_needs_no_list() {
    let mut screen = Screen::new();
    screen.offered(&made_up::manifest(&[("film.mov", 7)]), &["film.mov"]);
    let window = screen.window();
    let offered = crate::app::explain::offered(&window.words, &window.state.cards[0]);
    assert!(screen.shows(&offered) && screen.control("film.mov").is_none(), "{:#?}", screen.texts());
    assert!(screen.control(&screen.say_named("conflict-named", "film.mov")).is_some());
    let accept = screen.say_accept(1, 7);
    assert!(screen.control(&accept).is_some());
}

#[test]
fn both_files_of_a_name_are_compared() {
    let mut screen = Screen::new();
    let id = screen.made_up(Direction::Received);
    let manifest = made_up::manifest(&[("film.mov", 5 * made_up::MIB)]);
    let offer = Arc::into_inner(made_up::offer(&manifest, &screen.inbox(), &["film.mov"])).unwrap();
    let there = ExistingFile { bytes: 50 * made_up::MIB, modified: None };
    screen.notice(id, Notice::Offer(Arc::new(Offer { existing: [(0, there)].into(), ..offer })));
    let words = screen.words();
    let args =
        [("here", words.bytes(50 * made_up::MIB).into()), ("new", words.bytes(5 * made_up::MIB).into())];
    assert!(screen.shows(&words.tell("compared", &args)), "{:#?}", screen.texts());
}

#[test]
fn what_shows_nothing_in_a_name_is_shown() {
    let mut screen = Screen::new();
    screen.offered(&made_up::manifest(&[("a\u{200b}b", 1), ("c", 1)]), &[]);
    assert!(screen.paints("a\\u{200b}b"), "{:#?}", screen.texts());
}

#[test]
fn pictures_are_asked_for_once_the_user_wants_to_see_them_and_only_those_in_sight() {
    let mut screen = Screen::new();
    let names: Vec<String> = (0..200).map(|number| format!("{number:03}.jpg")).collect();
    let mut entries: Vec<(&str, u64)> = names.iter().map(|name| (name.as_str(), 100)).collect();
    entries.push(("notes.txt", 5));
    let id = screen.offered(&made_up::manifest(&entries), &[]);
    let asks = |screen: &mut Screen, entry| screen.card().sheet.as_ref().unwrap().pictures.asks_for(&[entry]);
    assert!(asks(&mut screen, 0), "nothing is asked for by itself");
    screen.click_key("show-pictures");
    assert!(!asks(&mut screen, 0));
    assert!(asks(&mut screen, 150), "that is out of sight");
    let thumbnail = Arc::new(Thumbnail::new(2, vec![200; 12]).unwrap());
    let before = screen.images();
    screen.notice(id, Notice::Thumbnail { entry: 0, thumbnail: Some(thumbnail) });
    screen.notice(id, Notice::Thumbnail { entry: 1, thumbnail: None });
    screen.settle();
    assert_eq!(screen.images(), before + 1);
    screen.click_key("hide-pictures");
    assert_eq!(screen.images(), before);
    let accept = screen.say_accept(201, 20_005);
    screen.click(&accept);
}

#[test]
fn a_single_picture_has_a_preview_and_a_text_file_has_none() {
    let mut screen = Screen::new();
    screen.offered(&made_up::manifest(&[("notes.txt", 5)]), &[]);
    assert!(screen.control(&screen.say("show-picture")).is_none());
    let id = screen.offered(&made_up::manifest(&[("holiday.jpg", 5)]), &[]);
    screen.tab_to(&screen.say("show-picture"));
    screen.press(Key::Space);
    assert!(screen.place(&screen.say("picture")).is_some());
    let before = screen.images();
    assert!(!screen.shows(&screen.say("picture-none")), "it may still come");
    let thumbnail = Arc::new(Thumbnail::new(2, vec![200; 12]).unwrap());
    screen.notice(id, Notice::Thumbnail { entry: 0, thumbnail: Some(thumbnail) });
    screen.settle();
    assert_eq!(screen.images(), before + 1);
    screen.notice(id, Notice::Thumbnail { entry: 0, thumbnail: None });
    screen.settle();
    assert!(screen.shows(&screen.say("picture-none")));
}

#[test]
fn pictures_that_make_the_list_taller_leave_the_answer_in_sight() {
    let mut screen = Screen::sized(640.0, 480.0, |_| {});
    let names: Vec<String> = (0..8).map(|n| format!("{n}.jpg")).collect();
    let entries: Vec<(&str, u64)> = names.iter().map(|name| (name.as_str(), 100)).collect();
    screen.offered(&made_up::manifest(&entries), &[]);
    let accept = screen.say_accept(8, 800);
    screen.click_key("show-pictures");
    screen.settle();
    let place = screen.place(&accept).unwrap();
    assert!((0.0..480.0).contains(&place.bottom()), "{place:?}");
}
