//! A window without a screen, and the hands of a user in front of it.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};

use eframe::egui::{
    DroppedFile, Event, HoveredFile, Key, Modifiers, MouseWheelSource, MouseWheelUnit, OutputCommand, Pos2,
    Rect, Role, Shape, TextureId, TouchPhase, ViewportCommand, ViewportId,
    accesskit::{Action as Deed, NodeId},
    vec2,
};
use egui_kittest::{Harness, Node, kittest::NodeT};
use tempfile::TempDir;
use tokio::sync::watch;

use super::{
    made_up::{self, MIB},
    painter::Painter,
};
use crate::{
    app::{
        desktop::desk::Stores,
        explain,
        model::card::{Card, StartedWith},
        window::Window,
        words::Words,
    },
    engine::{
        Event as EngineEvent, FileWatch, Notice, PathMode, Phase, Progress, Registry, TaskId, TransferError,
    },
    history::Direction,
    protocol::manifest::Manifest,
    settings::{SavedRelay, Settings},
    store::Store,
};

/// How long a test waits for something: far longer than anything here takes, even on a busy computer.
const LIMIT: Duration = Duration::from_mins(1);
/// How many frames a window may ask for in a row before it counts as restless.
const MAX_FRAMES: usize = 30;

/// A window without a screen.
pub(super) struct Screen {
    harness: Harness<'static, Window>,
    /// How many frames were laid out more than once since the window last rested.
    pub(super) anew: usize,
    painter: Painter,
    /// The delays after which another thread wants a frame.
    wakes: mpsc::Receiver<Duration>,
    /// The texts that the window has put on the clipboard.
    pub(super) copied: Vec<String>,
    /// The addresses that the window has shown in the browser.
    pub(super) browsed: Vec<String>,
    /// What the window has asked of the desktop.
    pub(super) asked: Vec<ViewportCommand>,
    /// The source of the snapshots of made-up transfers.
    pub(super) snapshots: watch::Sender<Progress>,
    folder: TempDir,
}

/// How long a wait between two frames may take.
pub(super) enum Pause {
    /// Until the window wants a frame.
    Wanted,
    /// Until the window wants a frame, but at most this long: another window has frames to draw.
    AtMost(Duration),
}

#[derive(Debug)]
struct TestFile(PathBuf);

impl DroppedFile for TestFile {
    fn path(&self) -> &Path {
        &self.0
    }

    fn bytes(&self) -> Result<Vec<u8>, String> {
        Err("the window sends paths".to_owned())
    }
}

impl Screen {
    /// A window at its first start, without a relay or a history.
    pub(super) fn new() -> Self {
        Self::with(|_| {})
    }

    /// A window with this relay.
    pub(super) fn with_relay(address: &str) -> Self {
        Self::with(|settings| settings.relays = vec![SavedRelay::new(address.parse().unwrap())])
    }

    /// A window with changed settings.
    pub(super) fn with(change: impl FnOnce(&mut Settings)) -> Self {
        Self::sized(1000.0, 1400.0, change)
    }

    pub(super) fn sized(width: f32, height: f32, change: impl FnOnce(&mut Settings)) -> Self {
        Self::painted_by(Painter::default(), [width, height], 1.0, change)
    }

    /// A window of this size in points, with `scale` pixels a point, of which there can be pictures.
    pub(super) fn painted_by(
        painter: Painter,
        size: [f32; 2],
        scale: f32,
        change: impl FnOnce(&mut Settings),
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let inbox = folder.path().join("inbox");
        fs::create_dir(&inbox).unwrap();
        let mut settings = Settings::default();
        settings.save_folder = Some(inbox);
        // No test touches the network of the person who runs it.
        settings.path_mode = PathMode::RelayOnly;
        settings.internet = false;
        // Nor tells its name.
        settings.tell_name = false;
        // Most windows are no new ones.
        settings.first_steps_done = true;
        change(&mut settings);
        settings.save(&Store::at(folder.path())).unwrap();
        let mut screen = Self::open(folder, painter, size, scale);
        // The harness has a theme of its own.
        let ctx = screen.harness.ctx.clone();
        screen.window().apply_appearance(&ctx);
        screen.painter.prepare(&ctx);
        screen.settle();
        screen
    }

    fn open(folder: TempDir, painter: Painter, size: [f32; 2], scale: f32) -> Self {
        let (wake, wakes) = mpsc::channel();
        let store = Store::at(folder.path());
        let data = folder.path().join("unfinished");
        let harness = Harness::builder()
            .with_size(size)
            .with_pixels_per_point(scale)
            .renderer(painter.clone())
            .with_max_steps(MAX_FRAMES as u64)
            .build_eframe(|cc| {
                cc.egui_ctx.set_request_repaint_callback(move |wish| {
                    // The test may be over.
                    let _ = wake.send(wish.delay);
                });
                let unfinished = Registry::at(Some(data.clone()));
                let stores = Stores { settings: store.clone(), history: store.clone(), unfinished };
                Window::open(&cc.egui_ctx, Settings::load(&store), stores).unwrap()
            });
        let (snapshots, _) = watch::channel(Progress::default());
        let (anew, copied, browsed, asked) = (0, Vec::new(), Vec::new(), Vec::new());
        let mut screen = Self { harness, anew, painter, wakes, copied, browsed, asked, snapshots, folder };
        screen.settle();
        screen
    }

    /// Closes the window and opens it again.
    pub(super) fn reopened(self) -> Self {
        let Self { harness, folder, .. } = self;
        drop(harness);
        Self::open(folder, Painter::default(), [1000.0, 1400.0], 1.0)
    }

    pub(super) fn window(&mut self) -> &mut Window {
        self.harness.state_mut()
    }

    /// The folder in which the window keeps its files, and the test its own.
    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn inbox(&self) -> PathBuf {
        self.folder.path().join("inbox")
    }

    /// Creates a file outside of the inbox.
    pub(super) fn file(&self, name: &str, contents: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, contents).unwrap();
        path
    }

    pub(super) fn words(&self) -> &Words {
        &self.harness.state().words
    }

    pub(super) fn say(&self, key: &str) -> String {
        self.words().say(key)
    }

    /// A sentence about a computer that has said no name, at the other end of a transfer in this direction.
    pub(super) fn say_of(&self, key: &str, direction: Direction) -> String {
        explain::sentence(self.words(), key, (direction, None), &[])
    }

    pub(super) fn say_named(&self, key: &str, name: &str) -> String {
        self.words().tell(key, &[("name", name.into())])
    }

    /// The text of the button that accepts this much.
    pub(super) fn say_accept(&self, files: u64, bytes: u64) -> String {
        self.words().tell("accept", &[("amount", explain::amount(self.words(), files, Some(bytes)).into())])
    }

    /// The newest card.
    pub(super) fn card(&mut self) -> &mut Card {
        self.window().state.cards.first_mut().expect("there is a card")
    }

    // Frames.

    /// Draws one frame for each thing that was done, or one if nothing was, and keeps what they asked for.
    fn frame(&mut self) {
        while self.wakes.try_recv().is_ok() {}
        self.harness.step();
        let output = self.harness.output();
        self.anew += usize::from(output.platform_output.num_completed_passes > 1);
        for command in &output.platform_output.commands {
            match command {
                OutputCommand::CopyText(text) => self.copied.push(text.clone()),
                OutputCommand::OpenUrl(page) => self.browsed.push(page.url.clone()),
                _ => {}
            }
        }
        self.asked.extend(output.viewport_output[&ViewportId::ROOT].commands.iter().cloned());
    }

    /// How long from now the window wants its next frame.
    pub(super) fn wanted_after(&self) -> Duration {
        self.harness.output().viewport_output[&ViewportId::ROOT].repaint_delay
    }

    /// Draws until the window rests, which is laid out anew twice at most: of a third time the toolkit warns. Every control has a name.
    pub(super) fn settle(&mut self) {
        self.anew = 0;
        for _ in 0..MAX_FRAMES {
            self.frame();
            assert!(self.anew < 3, "the page is laid out anew in frame after frame");
            if self.wanted_after() > Duration::ZERO {
                return self.check_names();
            }
        }
        panic!("the window never rests: {:?}", self.harness.ctx.repaint_causes());
    }

    /// Waits for the next frame as the toolkit does, until a thread or the window itself wants one, and draws it.
    pub(super) fn pause(&mut self, pause: &Pause) {
        let now = Instant::now();
        let mut wanted = now + self.wanted_after().min(LIMIT);
        if let Pause::AtMost(most) = pause {
            wanted = wanted.min(now + *most);
        }
        while let Some(left) = wanted.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
            match self.wakes.recv_timeout(left) {
                Ok(delay) => wanted = wanted.min(Instant::now() + delay),
                Err(_) => break,
            }
        }
        self.frame();
    }

    /// Draws frames as they are wanted until `seen` returns something.
    pub(super) fn until<T>(&mut self, what: &str, mut seen: impl FnMut(&mut Self) -> Option<T>) -> T {
        let end = Instant::now() + LIMIT;
        loop {
            if let Some(found) = seen(self) {
                self.settle();
                return found;
            }
            assert!(Instant::now() < end, "waited too long for {what}; there is {:#?}", self.texts());
            self.pause(&Pause::Wanted);
        }
    }

    /// Draws frames until the newest card is as `seen` wants it.
    pub(super) fn until_card(&mut self, what: &str, seen: impl Fn(&Card) -> bool) {
        self.until(what, |screen| {
            let card = screen.window().state.cards.first();
            card.is_some_and(&seen).then_some(())
        });
    }

    /// Draws frames until this text is shown.
    pub(super) fn until_shown(&mut self, text: &str) {
        self.until(text, |screen| screen.shows(text).then_some(()));
    }

    // Eyes.

    /// Writes what is shown into a PNG file.
    pub(super) fn save_picture(&self, path: &Path) {
        self.painter.save(&self.harness.ctx, self.harness.output(), path);
    }

    fn nodes(&self) -> impl Iterator<Item = Node<'_>> {
        self.harness.root().children_recursive().filter(|node| !node.accesskit_node().is_hidden())
    }

    /// How many nodes a screen reader finds.
    pub(super) fn node_count(&self) -> usize {
        self.nodes().count()
    }

    /// All texts, in order.
    pub(super) fn texts(&self) -> Vec<String> {
        self.nodes().map(|node| name_of(&node)).filter(|text| !text.is_empty()).collect()
    }

    /// Whether a text with this part is shown.
    pub(super) fn shows(&self, part: &str) -> bool {
        self.nodes().any(|node| name_of(&node).contains(part))
    }

    /// The place of the first thing of this name that is painted.
    pub(super) fn place(&self, name: &str) -> Option<Rect> {
        let is_it = |node: &Node<'_>| name_of(node) == name && node.accesskit_node().role() != Role::Group;
        self.nodes().find(is_it).map(|node| node.rect())
    }

    /// Whether this was painted and not cut off. This also finds what lies over the window while files are held over
    /// it.
    pub(super) fn paints(&self, part: &str) -> bool {
        fn paints(shape: &Shape, part: &str) -> bool {
            match shape {
                Shape::Text(text) => !text.galley.elided && text.galley.text().contains(part),
                Shape::Vec(shapes) => shapes.iter().any(|shape| paints(shape, part)),
                _ => false,
            }
        }
        self.harness.output().shapes.iter().any(|clipped| paints(&clipped.shape, part))
    }

    /// How many pictures were painted.
    pub(super) fn images(&self) -> usize {
        fn images(shape: &Shape) -> usize {
            match shape {
                Shape::Vec(shapes) => shapes.iter().map(images).sum(),
                // The first texture has the letters.
                shape => usize::from(shape.texture_id() != TextureId::default()),
            }
        }
        self.harness.output().shapes.iter().map(|clipped| images(&clipped.shape)).sum()
    }

    /// Where this text was painted by itself, if it was.
    pub(super) fn painted(&self, text: &str) -> Option<Rect> {
        fn painted(shape: &Shape, text: &str) -> Option<Rect> {
            match shape {
                Shape::Text(shape) if shape.galley.text() == text => Some(shape.visual_bounding_rect()),
                Shape::Vec(shapes) => shapes.iter().find_map(|shape| painted(shape, text)),
                _ => None,
            }
        }
        self.harness.output().shapes.iter().find_map(|clipped| painted(&clipped.shape, text))
    }

    /// The control of this name, or the row of a tree, if there is one. It has to be the only one.
    pub(super) fn control(&self, name: &str) -> Option<Node<'_>> {
        let can_click = |node: &Node<'_>| node.accesskit_node().data().supports_action(Deed::Click);
        let rows = self.nodes().filter(|node| can_click(node) && is_in_tree(node));
        let mut found = self.controls().into_iter().chain(rows).filter(|node| name_of(node) == name);
        let first = found.next();
        assert!(found.next().is_none(), "two controls are called {name:?}");
        first
    }

    /// Every control that the keyboard can act on.
    pub(super) fn controls(&self) -> Vec<Node<'_>> {
        let is_control = |node: &Node<'_>| {
            let node = node.accesskit_node();
            node.data().supports_action(Deed::Focus) && !node.is_disabled()
        };
        self.nodes().filter(is_control).collect()
    }

    #[track_caller]
    fn expect(&self, name: &str) -> Node<'_> {
        self.control(name).unwrap_or_else(|| panic!("no control is called {name:?}: {:#?}", self.texts()))
    }

    /// Whether the control of this name is on; `None` if it is partly so.
    #[track_caller]
    pub(super) fn is_on(&self, name: &str) -> Option<bool> {
        use eframe::egui::accesskit::Toggled;
        match self.expect(name).accesskit_node().toggled()? {
            Toggled::True => Some(true),
            Toggled::False => Some(false),
            Toggled::Mixed => None,
        }
    }

    /// The row of the tree on which the keyboard is, if it is in sight.
    pub(super) fn tree_row(&self) -> Option<String> {
        let tree = self.nodes().find(|node| node.accesskit_node().role() == Role::Tree)?;
        let at = tree.accesskit_node().data().active_descendant()?;
        self.nodes().find(|node| node.accesskit_node().locate().0 == at).map(|node| name_of(&node))
    }

    /// The number that the thing of this name shows.
    pub(super) fn number(&self, name: &str) -> Option<f64> {
        let mut nodes = self.nodes();
        nodes.find(|node| name_of(node) == name)?.accesskit_node().numeric_value()
    }

    /// The text in the field of this name.
    #[track_caller]
    pub(super) fn value(&self, name: &str) -> String {
        self.expect(name).value().unwrap_or_default()
    }

    /// The accessible name of the window.
    pub(super) fn root_name(&self) -> Option<String> {
        self.harness.root().accesskit_node().label()
    }

    /// The accessible name of the dialog.
    pub(super) fn dialog_name(&self) -> Option<String> {
        let mut nodes = self.nodes();
        nodes.find(|node| node.accesskit_node().role() == Role::Dialog)?.accesskit_node().label()
    }

    /// The control that has the keyboard, and its name. For a tree that is the tree, whatever row it is on.
    pub(super) fn focused(&self) -> Option<(NodeId, String)> {
        let focused = self.nodes().find(Node::is_focused)?;
        let is_row = focused.accesskit_node().role() == Role::TreeItem;
        let tree = || self.nodes().find(|node| node.accesskit_node().role() == Role::Tree);
        let control = if is_row { tree()? } else { focused };
        Some((control.accesskit_node().locate().0, name_of(&control)))
    }

    /// Checks that everything the user can act on has a name.
    #[track_caller]
    pub(super) fn check_names(&self) {
        let nameless: Vec<String> = self
            .nodes()
            .filter(|node| can_act(node) && name_of(node).trim().is_empty())
            .map(|node| format!("{:?} at {:?}", node.accesskit_node().role(), node.rect()))
            .collect();
        assert!(nameless.is_empty(), "without a name: {nameless:#?}");
    }

    // Hands.

    /// Clicks the control of this name.
    #[track_caller]
    pub(super) fn click(&mut self, name: &str) {
        self.expect(name).click();
        self.frame();
        self.settle();
    }

    /// Clicks the topmost control of this name, of several such as a choice and its entry in a menu.
    #[track_caller]
    pub(super) fn click_last(&mut self, name: &str) {
        let controls = self.controls();
        let last = controls.iter().rev().find(|node| name_of(node) == name);
        last.unwrap_or_else(|| panic!("no control is called {name:?}")).click();
        self.frame();
        self.settle();
    }

    /// Clicks the control whose name is the text of `key`.
    #[track_caller]
    pub(super) fn click_key(&mut self, key: &str) {
        let name = self.say(key);
        self.click(&name);
    }

    /// Gives the keyboard to a control.
    pub(super) fn focus_node(&mut self, id: NodeId) {
        let found = self.nodes().find(|node| node.accesskit_node().locate().0 == id);
        found.expect("it is there").focus();
        self.frame();
        self.settle();
    }

    pub(super) fn press(&mut self, key: Key) {
        self.press_with(Modifiers::NONE, key);
    }

    pub(super) fn press_with(&mut self, modifiers: Modifiers, key: Key) {
        let event = |pressed| Event::Key { key, physical_key: None, pressed, repeat: false, modifiers };
        let held = |modifiers| Event::ModifiersChanged(modifiers);
        for event in [held(modifiers), event(true), event(false), held(Modifiers::NONE)] {
            self.harness.event(event);
            self.frame();
        }
        self.settle();
    }

    /// Presses Tab until the keyboard is on the control of this name.
    pub(super) fn tab_to(&mut self, name: &str) {
        for _ in 0..60 {
            if self.focused().is_some_and(|(_, focused)| focused == name) {
                return;
            }
            self.press(Key::Tab);
        }
        panic!("Tab never comes to {name}: {:#?}", self.texts());
    }

    /// Types a text where the keyboard is.
    pub(super) fn type_text(&mut self, text: &str) {
        for c in text.chars() {
            self.harness.event(Event::Text(c.to_string()));
            self.frame();
        }
        self.settle();
    }

    /// Types a text where the keyboard is, all of it within one frame.
    pub(super) fn type_at_once(&mut self, text: &str) {
        let events = &mut self.harness.input_mut().events;
        events.extend(text.chars().map(|c| Event::Text(c.to_string())));
        self.frame();
        self.settle();
    }

    /// Pastes a text where the keyboard is.
    pub(super) fn paste_text(&mut self, text: &str) {
        self.harness.event(Event::Paste(text.to_owned()));
        self.frame();
        self.settle();
    }

    /// Gives the keyboard to the field of this name and replaces its text.
    #[track_caller]
    pub(super) fn fill(&mut self, name: &str, text: &str) {
        self.click(name);
        self.press_with(Modifiers::COMMAND, Key::A);
        self.press(Key::Backspace);
        self.type_text(text);
    }

    pub(super) fn point_at(&mut self, at: Pos2) {
        self.harness.hover_at(at);
        self.frame();
        self.settle();
    }

    /// Turns the wheel. A `delta` below 0 brings up what lies below.
    pub(super) fn scroll(&mut self, delta: f32) {
        let (unit, phase, source) = (MouseWheelUnit::Point, TouchPhase::Move, MouseWheelSource::Wheel);
        let delta = vec2(0.0, delta);
        self.harness.event(Event::MouseWheel { unit, delta, phase, source, modifiers: Modifiers::NONE });
        self.frame();
        self.settle();
    }

    /// Holds files over the window.
    pub(super) fn hold(&mut self, paths: &[&Path]) {
        let held = |path: &&Path| HoveredFile { path: Some(path.to_path_buf()), ..HoveredFile::default() };
        self.harness.input_mut().hovered_files = paths.iter().map(held).collect();
        // While they are held, every frame wants another one.
        self.frame();
        self.frame();
    }

    /// Drops files where the pointer is.
    pub(super) fn drop_files(&mut self, paths: &[&Path]) {
        let input = self.harness.input_mut();
        input.hovered_files.clear();
        for path in paths {
            input.dropped_files.push(Arc::new(TestFile(path.to_path_buf())));
        }
        self.settle();
    }

    /// Presses the window's close button.
    pub(super) fn close(&mut self) {
        let viewports = &mut self.harness.input_mut().viewports;
        viewports.get_mut(&ViewportId::ROOT).unwrap().events.push(eframe::egui::ViewportEvent::Close);
        self.settle();
    }

    // What the engine would have reported.

    /// Adds a transfer that the engine doesn't know.
    pub(super) fn made_up(&mut self, direction: Direction) -> TaskId {
        let started_with = match direction {
            Direction::Sent => StartedWith::Paths(vec![self.folder.path().join("notes.txt")]),
            Direction::Received => StartedWith::Code { code: made_up::code(), server: None },
        };
        let snapshots = self.snapshots.subscribe();
        let window = self.window();
        let id = window.engine.new_id();
        window.state.add(id, direction, started_with);
        window.state.card(id).unwrap().folds.wants_focus = true;
        self.feed(EngineEvent::Started(id, snapshots, FileWatch::default()));
        id
    }

    /// Adds a transfer of 8 MiB whose bytes move.
    pub(super) fn moving(&mut self, direction: Direction) -> TaskId {
        let id = self.made_up(direction);
        self.notice(id, Notice::Listed(made_up::manifest(&[("notes.txt", 8 * MIB)])));
        self.notice(id, Notice::Accepted { files: 1, bytes: Some(8 * MIB) });
        self.progress(made_up::progress(Phase::Moving, 2 * MIB, 8 * MIB));
        id
    }

    /// Feeds the window an event as if the engine had sent it.
    pub(super) fn feed(&mut self, event: EngineEvent) {
        let ctx = self.harness.ctx.clone();
        let window = self.window();
        for effect in window.state.apply(event, Instant::now()) {
            window.effect(&ctx, effect);
        }
        self.settle();
    }

    pub(super) fn notice(&mut self, id: TaskId, notice: Notice) {
        self.feed(EngineEvent::Notice(id, notice));
    }

    pub(super) fn progress(&mut self, progress: Progress) {
        self.snapshots.send_replace(progress);
        self.settle();
    }

    /// Adds a receive that has been offered this; of its names, `taken` are taken.
    pub(super) fn offered(&mut self, manifest: &Arc<Manifest>, taken: &[&str]) -> TaskId {
        let id = self.made_up(Direction::Received);
        let offer = made_up::offer(manifest, &self.inbox(), taken);
        self.notice(id, Notice::Offer(offer));
        self.until_card("the tree", |card| card.sheet.as_ref().is_some_and(|sheet| sheet.tree.is_some()));
        id
    }

    /// Has the window's engine stop.
    pub(super) fn engine_ends(&mut self) {
        self.window().engine.command(crate::engine::Command::Break).unwrap();
        let told = self.say("engine-ended");
        self.until_shown(&told);
    }

    /// Feeds the window an outcome as if the desk had sent it.
    pub(super) fn outcome(&mut self, outcome: crate::app::desktop::desk::DeskOutcome) {
        let ctx = self.harness.ctx.clone();
        self.window().outcome(&ctx, outcome);
        self.settle();
    }

    /// The sentences about an error of the newest card.
    pub(super) fn explained(&self, error: &TransferError, direction: Direction) -> explain::Explained {
        let card = self.harness.state().state.cards.first();
        let has_begun = card.is_some_and(|card| card.accepted.is_some());
        let is_kept = card.is_some_and(|card| card.kept.is_some());
        explain::error(self.words(), error, explain::Standpoint { direction, peer: None, has_begun, is_kept })
    }
}

/// Draws frames of two windows until `seen` is true.
pub(super) fn both(
    one: &mut Screen,
    other: &mut Screen,
    what: &str,
    mut seen: impl FnMut(&mut Screen, &mut Screen) -> bool,
) {
    const TURN: Pause = Pause::AtMost(Duration::from_millis(10));
    let end = Instant::now() + LIMIT;
    while !seen(one, other) {
        assert!(
            Instant::now() < end,
            "waited too long for {what}; there is {:#?} and {:#?}",
            one.texts(),
            other.texts()
        );
        one.pause(&TURN);
        other.pause(&TURN);
    }
    one.settle();
    other.settle();
}

/// Whether this is a part of a tree, to which the keyboard comes only as a whole.
fn is_in_tree(node: &Node<'_>) -> bool {
    let node = node.accesskit_node();
    let can_focus = node.data().supports_action(Deed::Focus);
    !can_focus && matches!(node.role(), Role::TreeItem | Role::DisclosureTriangle)
}

fn can_act(node: &Node<'_>) -> bool {
    let node = node.accesskit_node();
    let does = |deed| node.data().supports_action(deed);
    // Scroll bars belong to the toolkit, and their role says everything.
    node.role() != Role::ScrollBar && (does(Deed::Focus) || does(Deed::Click))
}

/// The name that a screen reader says.
pub(super) fn name_of(node: &Node<'_>) -> String {
    let node = node.accesskit_node();
    let name = if node.role() == Role::Label { node.value() } else { node.label() };
    name.unwrap_or_default()
}
