//! A send whose bytes don't move yet: the code in large type, how to pass it on, what it waits for, and on demand what is
//! being sent and what can be set for it.

use std::time::Duration;

use eframe::egui::{
    Align, CornerRadius, Frame, Label, Layout, Margin, Response, RichText, Role, ScrollArea, Ui, WidgetInfo,
    vec2,
};

use super::{
    View,
    card_parts::{left_behind_ui, sign, sign_of, standstill_ui},
    for_croc::{croc_code_ui, croc_notes_ui, croc_option_ui},
};
use crate::{
    app::{
        explain,
        model::{
            action::{Action, Copied},
            card::{Card, StartedWith},
            settings_form::Page,
            state::{CodesLead, State, WhyNearby},
            tone::Tone,
        },
        theme::{self, palette, size, space},
        widgets::{
            self, Button, Emphasis, Icon, announce, face, fitting, form, icon, icon_button, line, link,
            muted, name_line, note, one_line, part, part_if_any, plain, prose, row, row_of_words,
            signed_note, small, small_paragraph, tell_expanded, tip, title, title_with,
        },
    },
    engine::{MAX_RECEIVERS, OnlineState, PathMode, Phase},
    protocol::manifest::{Entry, EntryKind},
    transfer::show::Shown,
    units::Rate,
};

/// The greatest side of the QR code, in points. The code is as large as whole pixels for each module allow.
const QR_SIDE: f32 = 212.0;
/// Height of the list of what is being sent, in points: a good six rows.
const LIST_HEIGHT: f32 = 180.0;
/// Height of a row of that list, in points.
const LIST_ROW: f32 = 26.0;
/// Width of the labels of what can be set for a send, in points.
const LABEL: f32 = 150.0;
/// The limits on the speed that are offered for a single send, in bytes a second.
const LIMITS: [u64; 4] = [1_000_000, 5_000_000, 20_000_000, 100_000_000];
/// After which times a code can end by itself, in minutes.
const EXPIRIES: [u64; 4] = [10, 60, 8 * 60, 24 * 60];
/// For how many receivers a code is offered.
const RECEIVERS: [u16; 6] = [1, 2, 3, 5, 10, MAX_RECEIVERS];

/// Draws the card.
pub(super) fn send_card_ui(ui: &mut Ui, card: &Card, state: &State, view: &mut View<'_>) {
    let name = explain::name(view.words, card);
    let cancel = view.words.tell("cancel-named", &[("name", name.as_str().into())]);
    let mut cancels = false;
    row(
        ui,
        30.0,
        |ui| cancels = icon_button(ui, Icon::X, &cancel).clicked(),
        |ui| {
            icon(ui, sign(card), 20.0, palette(ui).muted);
            title_with(ui, &name, &contents(card, view));
        },
    );
    if cancels {
        view.act(Action::Cancel(card.id));
    }
    match card.bond {
        // The receiver is asked without a code.
        Some(_) => {
            note(ui, Tone::Plain, &view.say("asked-by-itself"));
            state_line_ui(ui, card, state, view);
        }
        None if card.person.is_some() => part(ui, "call", |ui| call_ui(ui, card, view)),
        None if card.progress.phase == Phase::Branches => state_line_ui(ui, card, state, view),
        None => part(ui, "code", |ui| code_ui(ui, card, state, view)),
    }
    standstill_ui(ui, card, view);
    match card.tries_left {
        Some(0) => note(ui, Tone::Bad, &view.say("code-retired")),
        Some(left) => note(ui, Tone::Warning, &view.words.tell("wrong-try", &[("left", left.into())])),
        None => {}
    }
    if card.lost_one && card.person.is_none() {
        note(ui, Tone::Warning, &view.say("receiver-lost"));
    }
    if let Some(theirs) = card.other_version {
        let is_older = theirs < crate::protocol::VERSION;
        note(ui, Tone::Warning, &view.say(if is_older { "came-older" } else { "came-newer" }));
    }
    if waits_under_code(card) {
        part_if_any(ui, "reach", |ui| reach_ui(ui, card, state, view));
        part_if_any(ui, "croc notes", |ui| croc_notes_ui(ui, card, view));
    }
    if card.progress.phase == Phase::WaitingForPeer || card.is_text() || state.takes_additions(card) {
        part(ui, "more", |ui| more_ui(ui, card, state, view));
    }
    if card.folds.options && waits_under_code(card) {
        part(ui, "options", |ui| options_ui(ui, card, state, view));
    }
    if card.folds.list {
        part(ui, "list", |ui| list_ui(ui, card, state, view));
    }
    left_behind_ui(ui, card, view);
}

/// Whether receivers can still come with the code that the card shows.
fn waits_under_code(card: &Card) -> bool {
    card.bond.is_none()
        && card.code.is_some()
        && !card.is_retired()
        && card.progress.phase == Phase::WaitingForPeer
}

fn code_ui(ui: &mut Ui, card: &Card, state: &State, view: &mut View<'_>) {
    let p = palette(ui);
    let frame = Frame::new()
        .fill(p.accent_soft)
        .corner_radius(CornerRadius::same(theme::CONTROL_RADIUS + 2))
        .inner_margin(Margin::symmetric(16, 16));
    frame.show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.with_layout(Layout::top_down(Align::Center), |ui| {
            let Some(code) = &card.code else {
                let (top, line) =
                    (ui.cursor().top(), ui.fonts_mut(|fonts| fonts.row_height(&theme::mono(size::CODE))));
                muted(ui, &view.say("code-coming"));
                // The code and its buttons have room already, so that nothing moves when they come.
                let room = line + theme::CONTROL_HEIGHT + 2.0 * (space::XS + ui.spacing().item_spacing.y);
                ui.add_space((top + room - ui.cursor().top()).max(0.0));
                state_line_ui(ui, card, state, view);
                return;
            };
            let code = code.to_string();
            let size = fitting(ui, &code, theme::mono, size::CODE, ui.available_width() - space::S);
            let mut text = RichText::new(&code).font(theme::mono(size)).color(p.text);
            if card.is_retired() {
                text = text.strikethrough().color(p.muted);
            }
            let label = Label::new(text).selectable(true).extend();
            ui.add(label).widget_info(|| WidgetInfo::labeled(Role::Label, true, &code));
            ui.add_space(space::XS);
            if card.is_retired() {
                part(ui, "renew", |ui| renew_ui(ui, card, view));
                return;
            }
            part(ui, "pass on", |ui| passing_on_ui(ui, card, view));
            if let Some(modules) = &card.folds.qr {
                ui.add_space(space::XS);
                widgets::qr(ui, modules, QR_SIDE, &view.say("qr-name"));
            }
            ui.add_space(space::XS);
            state_line_ui(ui, card, state, view);
            part(ui, "croc", |ui| croc_code_ui(ui, card, view));
        });
    });
}

/// Draws whom a send to a person calls, and how that is going.
fn call_ui(ui: &mut Ui, card: &Card, view: &View<'_>) {
    widgets::tinted(ui, palette(ui).accent_soft, |ui| {
        ui.set_width(ui.available_width());
        ui.horizontal(|ui| {
            if let Some(peer) = &card.peer {
                face(ui, peer.as_str(), 32.0);
            }
            ui.vertical(|ui| {
                let (text, means) = explain::calling(view.words, card);
                if means.is_none() {
                    // This puts the line beside the middle of the face.
                    ui.add_space(7.0);
                }
                announce(&title(ui, &text));
                if let Some(means) = means {
                    muted(ui, &means);
                }
            });
        });
    });
}

/// Draws the way on from a code that is of no use any more.
fn renew_ui(ui: &mut Ui, card: &Card, view: &mut View<'_>) {
    if Button::new(Emphasis::Primary, &view.say("new-code")).icon(Icon::RotateCw).ui(ui).clicked() {
        view.act(Action::Renew(card.id));
    }
}

/// Draws the ways to pass the code on, in the middle.
fn passing_on_ui(ui: &mut Ui, card: &Card, view: &mut View<'_>) {
    let copied = view.say("copied");
    let [invite, code] = [(Copied::Invitation, "copy-invitation"), (Copied::Code, "copy-code")];
    let (invite, code) = ((invite.0, view.say(invite.1)), (code.0, view.say(code.1)));
    let (show, hide) = (view.say("show-qr"), view.say("hide-qr"));
    let qr = if card.folds.qr.is_some() { &hide } else { &show };
    // Each keeps its width whatever it says, so that nothing beside it moves.
    let width_of = |ui: &Ui, text: &str| Button::width_of(ui, text).max(Button::width_of(ui, &copied));
    let gap = ui.spacing().item_spacing.x;
    let (first, second) = (width_of(ui, &invite.1), width_of(ui, &code.1));
    let longest = Button::width_of(ui, &show).max(Button::width_of(ui, &hide));
    // Where that takes too much room for a row, the last one is only its icon.
    let fits = first + second + longest + 2.0 * gap <= ui.available_width();
    let (third, text) = if fits { (longest, qr.as_str()) } else { (theme::CONTROL_HEIGHT, "") };
    let copying = |ui: &mut Ui, view: &mut View<'_>| {
        for ((what, text), kind, sign, width) in [
            (&invite, Emphasis::Primary, Icon::Share2, first),
            (&code, Emphasis::Secondary, Icon::Copy, second),
        ] {
            let what = *what;
            let is_copied = card.has_copied(what, view.now);
            let (text, sign) = if is_copied { (&copied, Icon::Check) } else { (text, sign) };
            let button = Button::new(kind, text).icon(sign).at_least(width).ui(ui);
            if card.folds.wants_focus && kind == Emphasis::Primary {
                take_keyboard(ui, &button);
                view.act(Action::Focused(card.id));
            }
            if button.clicked() {
                view.act(Action::Copy(card.id, what));
            }
        }
    };
    let showing = |ui: &mut Ui, view: &mut View<'_>| {
        let button = Button::new(Emphasis::Secondary, text).name(qr).icon(Icon::QrCode).at_least(third);
        if button.ui(ui).clicked() {
            view.act(Action::FoldQr(card.id));
        }
    };
    let (two, three) = (first + second + gap, first + second + third + 2.0 * gap);
    if three <= ui.available_width() {
        in_the_middle(ui, three, theme::CONTROL_HEIGHT, |ui| {
            copying(ui, view);
            showing(ui, view);
        });
    } else {
        in_the_middle(ui, two, theme::CONTROL_HEIGHT, |ui| copying(ui, view));
        in_the_middle(ui, third, theme::CONTROL_HEIGHT, |ui| showing(ui, view));
    }
}

/// Draws things beside each other that are this wide together, in the middle if that is where the layout puts them.
fn in_the_middle(ui: &mut Ui, width: f32, height: f32, add: impl FnOnce(&mut Ui)) {
    let room = vec2(width.min(ui.available_width()), height);
    ui.allocate_ui_with_layout(room, Layout::left_to_right(Align::Center), add);
}

/// Draws the one line that says what the send waits for, how often its code works, and where. More is said while the pointer
/// is on it, and among what can be set.
fn state_line_ui(ui: &mut Ui, card: &Card, state: &State, view: &View<'_>) {
    const FACE: f32 = 16.0;
    let line = explain::waiting(view.words, card, state.branches(card.id).count());
    if let Some(peer) = &card.peer {
        let (text, _) = one_line(ui, &line, plain(size::SMALL), palette(ui).muted, f32::INFINITY);
        let width = FACE + ui.spacing().item_spacing.x + text.size().x + 1.0;
        in_the_middle(ui, width, 20.0, |ui| {
            face(ui, peer.as_str(), FACE);
            small(ui, &line);
        });
        return;
    }
    let label = small_paragraph(ui, &line);
    if waits_under_code(card) {
        tip(label, &reach_text(card, state, view).1);
    }
}

/// Draws what is wrong with the ways to this code.
fn reach_ui(ui: &mut Ui, card: &Card, state: &State, view: &mut View<'_>) {
    if card.online == Some(OnlineState::Taken) {
        let (tone, text) = explain::online(view.words, card);
        let (ground, ink, _) = tone.look(palette(ui));
        // Those who have come would lose their transfers.
        let can = state.branches(card.id).next().is_none();
        let renew = view.say("new-code");
        let mut renews = false;
        let right = |ui: &mut Ui| {
            renews = can && Button::new(Emphasis::Secondary, &renew).icon(Icon::RotateCw).ui(ui).clicked();
        };
        widgets::tinted(ui, ground, |ui| {
            row(ui, theme::CONTROL_HEIGHT, right, |ui| {
                icon(ui, Icon::TriangleAlert, size::ICON, ink);
                ui.add(Label::new(RichText::new(&text).color(palette(ui).text)).wrap());
            });
        });
        if renews {
            view.act(Action::Renew(card.id));
        }
    } else if let (Tone::Warning, text) = reach_text(card, state, view) {
        signed_note(ui, Tone::Warning, Icon::Globe, &text);
    }
    if let Some(why) = card.off_relay.as_ref().filter(|_| card.internet.is_some()) {
        let why = explain::error(view.words, why, explain::standpoint(card)).happened;
        muted(ui, &view.words.tell("relay-away", &[("why", why.into())]));
    }
}

/// Where the code works, in whole sentences.
fn reach_text(card: &Card, state: &State, view: &View<'_>) -> (Tone, String) {
    let settings = &state.settings;
    if let Some(hosted) = card.only_by_link() {
        let has_others = !settings.relays.is_empty() && settings.path_mode == PathMode::Automatic;
        return explain::only_here(view.words, card, hosted, has_others);
    }
    if card.internet.is_some() {
        return explain::online(view.words, card);
    }
    (Tone::Plain, view.say("pass-on"))
}

/// Draws what can be added, shown and set.
fn more_ui(ui: &mut Ui, card: &Card, state: &State, view: &mut View<'_>) {
    ui.horizontal_wrapped(|ui| {
        let add = view.say("add-files");
        if state.takes_additions(card) && Button::new(Emphasis::Quiet, &add).icon(Icon::Plus).ui(ui).clicked()
        {
            view.act(Action::PickFilesFor(card.id));
        }
        let [show, hide] =
            if card.is_text() { ["show-text", "hide-text"] } else { ["show-list", "hide-list"] }
                .map(|key| view.say(key));
        let is_known = card.is_text() || card.progress.phase == Phase::WaitingForPeer;
        if is_known && fold_ui(ui, [&show, &hide], card.folds.list) {
            view.act(Action::FoldList(card.id));
        }
        let options = view.say("options");
        if waits_under_code(card) && fold_ui(ui, [&options, &options], card.folds.options) {
            view.act(Action::FoldOptions(card.id));
        }
    });
}

/// Draws a button that folds something out or in, and has a text for each; returns whether it was clicked.
fn fold_ui(ui: &mut Ui, [show, hide]: [&str; 2], is_open: bool) -> bool {
    let (text, sign) = if is_open { (hide, Icon::ChevronUp) } else { (show, Icon::ChevronDown) };
    let width = Button::width_of(ui, show).max(Button::width_of(ui, hide));
    let button = Button::new(Emphasis::Quiet, text).icon(sign).at_least(width).ui(ui);
    tell_expanded(&button, is_open);
    button.clicked()
}

/// Draws where the code works, and what can be set for this send by itself.
fn options_ui(ui: &mut Ui, card: &Card, state: &State, view: &mut View<'_>) {
    widgets::tinted(ui, palette(ui).sunken, |ui| {
        ui.set_width(ui.available_width());
        let (tone, text) = reach_text(card, state, view);
        if tone != Tone::Warning {
            ui.add(Label::new(RichText::new(text).color(palette(ui).text)).wrap());
        }
        if let Some(key) = how_to_pass_on(card, state) {
            muted(ui, &view.say(key));
        }
        if card.only_by_link().is_some() && state.settings.relays.is_empty() {
            let (key, page) = match state.codes_lead() {
                CodesLead::Nearby(WhyNearby::NotBuiltIn) => ("add-relay-for-all", Page::Relays),
                CodesLead::Nearby(WhyNearby::PathMode) => ("route-for-all", Page::Advanced),
                CodesLead::Nearby(_) | CodesLead::Anywhere { .. } => ("internet-for-all", Page::Internet),
            };
            if link(ui, &view.say(key)).clicked() {
                view.act(Action::ShowSettings(page));
            }
        }
        part(ui, "receivers", |ui| receivers_ui(ui, card, state, view));
        part(ui, "croc", |ui| croc_option_ui(ui, card, state.branches(card.id).next().is_some(), view));
        part(ui, "limit", |ui| limit_ui(ui, card, view));
        part(ui, "expiry", |ui| expiry_ui(ui, card, view));
    });
}

/// How to pass the code on, where the words alone don't lead everybody here.
fn how_to_pass_on(card: &Card, state: &State) -> Option<&'static str> {
    card.only_by_link()?;
    Some(if state.settings.path_mode == PathMode::RelayOnly { "pass-on-link" } else { "pass-on-local" })
}

/// Draws a choice with its label; returns what was chosen.
fn choice_ui<T: Copy + PartialEq>(
    ui: &mut Ui,
    label: &str,
    now: T,
    choices: impl IntoIterator<Item = T>,
    say: impl Fn(T) -> String,
) -> Option<T> {
    let mut chosen = now;
    ui.horizontal(|ui| {
        ui.allocate_ui_with_layout(
            vec2(LABEL, theme::CONTROL_HEIGHT),
            Layout::left_to_right(Align::Center),
            |ui| {
                ui.set_min_width(LABEL);
                let ink = palette(ui).text;
                line(ui, label, plain(size::BODY), ink);
            },
        );
        form::list(ui, label, label, &say(now), 160.0, |ui| {
            for choice in choices {
                ui.selectable_value(&mut chosen, choice, say(choice));
            }
        });
    });
    (chosen != now).then_some(chosen)
}

fn receivers_ui(ui: &mut Ui, card: &Card, state: &State, view: &mut View<'_>) {
    // Another code would take their transfers from those who have come.
    if state.branches(card.id).next().is_some() {
        return;
    }
    let label = view.say("set-receivers");
    let mut choices = [RECEIVERS.as_slice(), &[card.receivers]].concat();
    choices.sort_unstable();
    choices.dedup();
    let say = |number: u16| view.words.number(number.into());
    if let Some(receivers) = choice_ui(ui, &label, card.receivers, choices, say) {
        view.act(Action::Receivers(card.id, receivers));
    }
    small(ui, &view.say("receivers-means"));
}

fn limit_ui(ui: &mut Ui, card: &Card, view: &mut View<'_>) {
    let (label, none) = (view.say("set-rate"), view.say("no-limit"));
    let mut choices: Vec<Option<u64>> = LIMITS.into_iter().map(Some).chain(card.limit.map(Some)).collect();
    choices.sort_unstable();
    choices.dedup();
    choices.insert(0, None);
    let say = |limit: Option<u64>| {
        limit.and_then(Rate::from_bytes_per_sec).map_or_else(|| none.clone(), |rate| view.words.rate(rate))
    };
    if let Some(limit) = choice_ui(ui, &label, card.limit, choices, say) {
        view.act(Action::Limit(card.id, limit));
    }
}

fn expiry_ui(ui: &mut Ui, card: &Card, view: &mut View<'_>) {
    let (label, never) = (view.say("expires"), view.say("expires-never"));
    let now = card.expires.map(|(after, _)| after);
    let choices = [None].into_iter().chain(EXPIRIES.map(|minutes| Some(Duration::from_mins(minutes))));
    let say = |after: Option<Duration>| match after {
        None => never.clone(),
        Some(after) => {
            let time = explain::duration(view.words, after);
            view.words.tell("expires-after", &[("time", time.into())])
        }
    };
    if let Some(after) = choice_ui(ui, &label, now, choices, say) {
        view.act(Action::Expire(card.id, after));
    }
}

/// Draws the list of everything that is being sent, or the text.
fn list_ui(ui: &mut Ui, card: &Card, state: &State, view: &mut View<'_>) {
    if let StartedWith::Text(text) = &card.started_with {
        return text_ui(ui, text);
    }
    let Some(manifest) = &card.manifest else {
        muted(ui, &view.say("phase-listing"));
        return;
    };
    let entries = manifest.entries();
    let can_remove = state.takes_additions(card) && card.names().1 > 1;
    let height = if can_remove { theme::CONTROL_HEIGHT } else { LIST_ROW };
    let area = ScrollArea::vertical().id_salt("contents").max_height(LIST_HEIGHT).auto_shrink([false, true]);
    let mut removed = None;
    ui.spacing_mut().item_spacing.y = 0.0;
    area.show_rows(ui, height, entries.len(), |ui, range| {
        // The scroll bar floats over the right edge.
        ui.set_max_width(ui.available_width() - space::M);
        for entry in entries.get(range).unwrap_or_default() {
            if can_remove && entry.path.parent().is_none() {
                let shown = Shown(entry.path.as_str()).to_string();
                let remove = view.words.tell("remove-named", &[("name", shown.into())]);
                let right = |ui: &mut Ui| {
                    if icon_button(ui, Icon::X, &remove).clicked() {
                        removed = Some(entry.path.as_str().to_owned());
                    }
                };
                part(ui, entry.path.as_str(), |ui| {
                    row(ui, height, right, |ui| {
                        row_of_words(ui, height, |ui| size_ui(ui, entry, view), |ui| entry_ui(ui, entry));
                    });
                });
            } else {
                row_of_words(ui, height, |ui| size_ui(ui, entry, view), |ui| entry_ui(ui, entry));
            }
        }
    });
    if let Some(name) = removed {
        view.act(Action::RemoveEntry(card.id, name));
    }
}

fn size_ui(ui: &mut Ui, entry: &Entry, view: &View<'_>) {
    if let EntryKind::File { size, .. } = &entry.kind {
        small(ui, &view.words.bytes(*size));
    }
}

fn entry_ui(ui: &mut Ui, entry: &Entry) {
    let sign = match &entry.kind {
        EntryKind::Folder { .. } => Icon::Folder,
        EntryKind::File { .. } => sign_of(entry.path.name()),
        EntryKind::Link { .. } => Icon::Link2,
    };
    icon(ui, sign, 15.0, palette(ui).muted);
    let ink = palette(ui).text;
    name_line(ui, &Shown(entry.path.as_str()).to_string(), plain(size::BODY), ink);
}

/// Draws the text that is being sent.
fn text_ui(ui: &mut Ui, text: &str) {
    /// The most lines that are shown; laying out more takes longer than a frame has.
    const LINES: usize = 2000;
    widgets::tinted(ui, palette(ui).sunken, |ui| {
        ui.set_width(ui.available_width());
        let area = ScrollArea::vertical().id_salt("text").max_height(LIST_HEIGHT).auto_shrink([false, true]);
        area.show(ui, |ui| {
            let lines: Vec<String> = text.lines().take(LINES).map(|line| Shown(line).to_string()).collect();
            prose(ui, &lines.join("\n"), &theme::mono(size::BODY));
        });
    });
}

/// How much is being sent.
fn contents(card: &Card, view: &View<'_>) -> String {
    match &card.manifest {
        Some(_) if card.is_text() => String::new(),
        Some(manifest) => explain::amount(view.words, manifest.files(), Some(manifest.bytes())),
        None => view.say("phase-listing"),
    }
}

/// Gives the keyboard to a new control, unless the user is typing.
fn take_keyboard(ui: &Ui, control: &Response) {
    if !ui.ctx().text_edit_focused() {
        control.request_focus();
        control.scroll_to_me(None);
    }
}
