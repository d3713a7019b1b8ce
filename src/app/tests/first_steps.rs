//! The first steps of a new user, which stand in nobody's way.

use super::{Screen, made_up};
use crate::{
    engine::{Internet, PathMode},
    history::Direction,
    settings::Settings,
    store::Store,
};

/// A window at its first start.
fn new() -> Screen {
    Screen::with(|settings| {
        settings.first_steps_done = false;
        (settings.internet, settings.path_mode) = (true, PathMode::Automatic);
    })
}

fn saved(screen: &Screen) -> Settings {
    Settings::look(&Store::at(screen.folder())).settings
}

#[test]
fn a_new_user_is_asked_for_name_folder_and_reach_and_never_again() {
    let mut screen = new();
    assert!(screen.shows(&screen.say("first-title")), "{:#?}", screen.texts());
    let field = screen.say("set-name");
    screen.fill(&field, "Ann's laptop");
    screen.click_key("first-next");
    assert!(screen.shows(&screen.say("first-folder")) && screen.shows("inbox"), "{:#?}", screen.texts());
    screen.click_key("first-back");
    assert_eq!(screen.value(&field), "Ann's laptop");
    screen.click_key("first-next");
    screen.click_key("first-next");
    if Internet::IS_BUILT_IN {
        assert!(screen.shows(&screen.say("internet-first")));
        screen.click_key("first-nearby");
        assert!(screen.shows(&screen.say("first-nearby-means")), "{:#?}", screen.texts());
        screen.click_key("first-done");
    }
    assert!(!screen.shows(&screen.say("first-title")) && !screen.shows(&screen.say("internet-first")));
    // The desk has written everything by then.
    let screen = screen.reopened();
    let settings = saved(&screen);
    assert!(settings.first_steps_done);
    assert_eq!(settings.name.unwrap().as_str(), "Ann's laptop");
    assert_eq!(settings.internet, !Internet::IS_BUILT_IN);
    assert!(!screen.shows(&screen.say("first-title")));
}

#[test]
fn a_user_who_skips_the_first_steps_is_still_told_who_runs_the_relays() {
    let mut screen = new();
    screen.made_up(Direction::Sent);
    screen.click_key("first-skip");
    assert!(!screen.shows(&screen.say("first-title")));
    assert_eq!(screen.shows(&screen.say("internet-first")), Internet::IS_BUILT_IN);
    let screen = screen.reopened();
    assert!(saved(&screen).first_steps_done);
    assert!(!screen.shows(&screen.say("first-title")));
}

#[test]
fn files_and_codes_need_not_wait_for_the_first_steps() {
    let mut screen = new();
    let file = screen.file("notes.txt", b"one");
    screen.drop_files(&[&file]);
    assert_eq!(screen.window().state.cards.len(), 1);
    let field = screen.say("code");
    screen.click(&field);
    screen.type_text(made_up::CODE);
    assert_eq!(screen.value(&field), made_up::CODE);
}
