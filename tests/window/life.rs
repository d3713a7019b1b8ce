//! What happens when the window is killed, closed, or left alone.

use std::{fs, thread, time::Duration};

use crate::{
    client::{ESCAPE, RETURN, TAB},
    clipboard::{self, Copied},
    display::Display,
    program::Program,
    support::{
        engine::{BLOCK, CRAWL_BLOCKS, names_in},
        noise,
        process::{Running, Site},
    },
    until,
};

/// Begins to receive a file at such a low rate that it takes many minutes.
fn begin_to_receive(window: &Program<'_>, site: &Site) -> Running {
    let path = site.plant("large", noise(5, CRAWL_BLOCKS * BLOCK));
    let mut sending = site.send(&["--rate".as_ref(), "128KiB".as_ref(), path.as_os_str()]);
    window.type_code(&sending.code());
    window.accept();
    sending.moving();
    until("a title with the progress", || window.title().contains('%').then_some(()));
    sending
}

#[test]
fn a_window_that_was_killed_in_a_transfer_left_nothing_half_done_and_says_so_when_it_is_back() {
    let (display, site) = (Display::start(), Site::new());
    let mut window = Program::start(&display, &site.server);
    let usual = window.settled();
    window.kill_and_start_again();
    assert!(window.settled().page() == usual.page(), "nothing moved, so nothing is reported");
    let _sending = begin_to_receive(&window, &site);
    assert_eq!(window.outcome().as_deref(), Some("running"));
    window.kill_and_start_again();
    until("a report of the interrupted transfer", || (window.settled().page() != usual.page()).then_some(()));
    let names = names_in(&window.received());
    assert!(names.iter().all(|name| name.starts_with(".caiman-")), "{names:?}");
    until("an honest history", || (window.outcome()? == "interrupted").then_some(()));
}

#[test]
fn closing_asks_first_while_bytes_move() {
    let (display, site) = (Display::start(), Site::new());
    let mut window = Program::start(&display, &site.server);
    let _sending = begin_to_receive(&window, &site);
    let ground = window.picture().corner();
    window.close();
    until("the question, with the page behind it dimmed", || {
        (window.picture().corner() != ground).then_some(())
    });
    assert!(window.is_running());
    window.press(ESCAPE);
    until("the page", || (window.picture().corner() == ground).then_some(()));
    assert!(window.is_running());
    assert_eq!(window.outcome().as_deref(), Some("running"), "the transfer goes on");
    // The second button closes the window in spite of the transfer.
    window.close();
    until("the question again", || (window.picture().corner() != ground).then_some(()));
    window.press(TAB);
    window.press(RETURN);
    let received = window.received();
    window.ended().exits(0);
    assert!(!received.join("large").exists());
}

#[test]
fn closing_asks_first_while_a_code_waits_and_nothing_while_none_does() {
    let (display, site) = (Display::start(), Site::new());
    let window = Program::start(&display, &site.server);
    let ground = window.picture().corner();
    window.drop_files(&[site.plant("waits for somebody", "x")]);
    window.code();
    window.close();
    until("the question", || (window.picture().corner() != ground).then_some(()));
    window.press(TAB);
    window.press(RETURN);
    window.ended().exits(0);
    let window = Program::start(&display, &site.server);
    window.close();
    window.ended().exits(0);
}

const TEXT: &str = "a text that outlives its window";

/// Receives a text and copies it with the button under it.
fn copy_a_text(window: &Program<'_>, display: &Display, site: &Site) {
    const COPY: (f32, f32) = (0.1, 0.72);
    let mut sending = site.send(&["--text", TEXT]);
    window.type_code(&sending.code());
    window.accept();
    window.done();
    sending.end().exits(0);
    window.settled();
    window.click(COPY);
    until("the text on the clipboard", || (clipboard::text(display)? == TEXT).then_some(()));
}

#[test]
fn a_copied_text_outlives_the_window_until_something_else_is_copied() {
    let (display, site) = (Display::start(), Site::new());
    let mut window = Program::start(&display, &site.server);
    copy_a_text(&window, &display, &site);
    window.close();
    until("a screen without the window", || display.client.window_of(window.id()).is_none().then_some(()));
    // For a moment the window doesn't hand it out any more, and the program not yet.
    until("the text on the clipboard", || (clipboard::text(&display)? == TEXT).then_some(()));
    assert!(window.is_running(), "without a clipboard manager, the program has to hand out the text itself");
    let _copied = Copied::files(&display, "file:///a\r\n".to_owned());
    window.ended().exits(0);
}

#[test]
fn a_clipboard_manager_takes_over_what_was_copied() {
    let (display, site) = (Display::start(), Site::new());
    let _manager = Copied::manager(&display);
    let window = Program::start(&display, &site.server);
    copy_a_text(&window, &display, &site);
    window.close();
    window.ended().exits(0);
    assert_eq!(clipboard::text(&display).as_deref(), Some(TEXT));
}

#[test]
fn a_window_in_which_nothing_happens_costs_no_processor_time() {
    const SPAN: Duration = Duration::from_secs(5);
    const TICKS: u64 = 2;
    let (display, site) = (Display::start(), Site::new());
    let window = Program::start(&display, &site.server);
    // A send that only waits must cost nothing.
    window.drop_files(&[site.plant("waits for somebody", "x")]);
    window.code();
    window.settled();
    // What is still going on at first may end during the first spans. A window that keeps painting never comes to rest.
    let spans: Vec<u64> = (0..4)
        .map(|_| {
            let before = ticks(window.id());
            thread::sleep(SPAN);
            ticks(window.id()) - before
        })
        .collect();
    assert!(spans.iter().any(|ticks| *ticks <= TICKS), "ticks in {SPAN:?}: {spans:?}");
}

/// The processor time that a process has used so far, in hundredths of a second.
fn ticks(process: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    // The program's name, in brackets, may contain spaces and brackets.
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let (user, system) = (fields[11], fields[12]);
    user.parse::<u64>().unwrap() + system.parse::<u64>().unwrap()
}
