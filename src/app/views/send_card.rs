//! A send whose bytes don't move yet: the code in large type, how to pass it on, what is being sent, and what it
//! waits for.

use eframe::egui::{
    CornerRadius, Frame, Label, Margin, Response, RichText, Role, ScrollArea, Ui, WidgetInfo,
};

use super::{
    View,
    card_parts::{left_behind_ui, sign, standstill_ui},
};
use crate::{
    app::{
        explain,
        model::{
            action::{Action, Copied},
            card::Card,
            settings_form::Page,
            state::{CodesLead, State, WhyNearby},
            tone::Tone,
        },
        theme::{self, palette, size, space},
        widgets::{
            self, Button, Emphasis, Icon, face, fitting, icon, icon_button, link, muted, note, part, row,
            row_of_words, signed_note, small, title_with,
        },
    },
    engine::{OnlineState, PathMode, Phase},
    net::client::RelayAddress,
    protocol::manifest::EntryKind,
    transfer::show::Shown,
};

/// Width that a card needs for the QR code to stand beside the rest, in points.
const ROOM_FOR_QR: f32 = 620.0;
/// The greatest side of the QR code, in points. The code is as large as whole pixels for each module allow.
const QR_SIDE: f32 = 212.0;
/// Height of the list of what is being sent, in points: a good six rows.
const LIST_HEIGHT: f32 = 160.0;
/// Height of a row of that list, in points.
const LIST_ROW: f32 = 26.0;

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
        Some(_) => note(ui, Tone::Plain, &view.say("asked-by-itself")),
        None if card.progress.phase == Phase::Branches => {}
        None => part(ui, "code", |ui| code_ui(ui, card, view)),
    }
    if ui.available_width() < ROOM_FOR_QR {
        body_ui(ui, card, state, view);
        qr_ui(ui, card, view);
        return;
    }
    // The row exists without a QR code too. So its controls stay the same ones, and keep the keyboard, when the code
    // appears.
    ui.horizontal_top(|ui| {
        let side = card.folds.qr.as_ref().map(|modules| widgets::qr_side(ui, modules, QR_SIDE));
        let width = ui.available_width() - side.map_or(0.0, |side| side + space::L);
        ui.vertical(|ui| {
            ui.set_width(width);
            body_ui(ui, card, state, view);
        });
        if side.is_some() {
            ui.add_space(space::L - ui.spacing().item_spacing.x);
            qr_ui(ui, card, view);
        }
    });
}

fn body_ui(ui: &mut Ui, card: &Card, state: &State, view: &mut View<'_>) {
    standstill_ui(ui, card, view);
    if card.receivers > 1 {
        let came = state.branches(card.id).count();
        let args = [("most", card.receivers.into()), ("came", came.into())];
        muted(ui, &view.words.tell("for-several", &args));
    }
    match card.tries_left {
        Some(0) => note(ui, Tone::Bad, &view.say("code-retired")),
        Some(left) => note(ui, Tone::Warning, &view.words.tell("wrong-try", &[("left", left.into())])),
        None => {}
    }
    if card.lost_one {
        note(ui, Tone::Warning, &view.say("receiver-lost"));
    }
    if let Some(theirs) = card.other_version {
        let is_older = theirs < crate::protocol::VERSION;
        note(ui, Tone::Warning, &view.say(if is_older { "came-older" } else { "came-newer" }));
    }
    if card.bond.is_none()
        && card.code.is_some()
        && card.tries_left != Some(0)
        && card.progress.phase == Phase::WaitingForPeer
    {
        if card.internet.is_some() {
            part(ui, "online", |ui| online_ui(ui, card, state, view));
        }
        part(ui, "passing on", |ui| passing_on_ui(ui, card, state, view));
        if let Some(hosted) = card.only_by_link() {
            part(ui, "reach", |ui| reach_ui(ui, card, hosted, state, view));
        }
    }
    if card.folds.list {
        part(ui, "list", |ui| list_ui(ui, card, view));
    }
    left_behind_ui(ui, card, view);
    ui.horizontal(|ui| {
        match &card.peer {
            Some(peer) => face(ui, peer.as_str(), 16.0),
            None => {
                icon(ui, Icon::Hourglass, 15.0, palette(ui).muted);
            }
        }
        small(ui, &explain::phase(view.words, card));
    });
}

fn code_ui(ui: &mut Ui, card: &Card, view: &mut View<'_>) {
    let p = palette(ui);
    let frame = Frame::new()
        .fill(p.accent_soft)
        .corner_radius(CornerRadius::same(theme::CONTROL_RADIUS + 2))
        .inner_margin(Margin::symmetric(16, 12));
    frame.show(ui, |ui| {
        let Some(code) = &card.code else {
            ui.set_min_height(44.0);
            muted(ui, &view.say("code-coming"));
            return;
        };
        let code = code.to_string();
        let is_copied = card.has_copied(Copied::Code, view.now);
        let text = view.say(if is_copied { "copied" } else { "copy-code" });
        let sign = if is_copied { Icon::Check } else { Icon::Copy };
        let right = |ui: &mut Ui| {
            if card.tries_left == Some(0) {
                // A retired code is of no use.
                return;
            }
            // If the relay runs on this computer, the code alone doesn't say where that is, so the link is what to
            // pass on.
            let is_by_link = card.only_by_link().is_some();
            let kind = if is_by_link { Emphasis::Secondary } else { Emphasis::Primary };
            let button = Button::new(kind, &text).icon(sign).ui(ui);
            if card.folds.wants_focus && !is_by_link {
                take_keyboard(ui, &button);
                view.act(Action::Focused(card.id));
            }
            if button.clicked() {
                view.act(Action::Copy(card.id, Copied::Code));
            }
        };
        row(ui, 44.0, right, |ui| {
            let size = fitting(ui, &code, theme::mono, size::CODE, ui.available_width() - space::S);
            let font = theme::mono(size);
            let label = Label::new(RichText::new(&code).font(font).color(p.text)).selectable(true).extend();
            ui.add(label).widget_info(|| WidgetInfo::labeled(Role::Label, true, &code));
        });
    });
}

/// Draws the ways to pass the code on.
fn passing_on_ui(ui: &mut Ui, card: &Card, state: &State, view: &mut View<'_>) {
    ui.horizontal_wrapped(|ui| {
        let is_copied = card.has_copied(Copied::Link, view.now);
        let text = view.say(if is_copied { "copied" } else { "copy-link" });
        let sign = if is_copied { Icon::Check } else { Icon::Link };
        let is_by_link = card.only_by_link().is_some();
        let kind = if is_by_link { Emphasis::Primary } else { Emphasis::Secondary };
        let button = Button::new(kind, &text).icon(sign).ui(ui);
        if card.folds.wants_focus && is_by_link {
            take_keyboard(ui, &button);
            view.act(Action::Focused(card.id));
        }
        if button.clicked() {
            view.act(Action::Copy(card.id, Copied::Link));
        }
        let qr = view.say(if card.folds.qr.is_some() { "hide-qr" } else { "show-qr" });
        if Button::new(Emphasis::Secondary, &qr).icon(Icon::QrCode).ui(ui).clicked() {
            view.act(Action::FoldQr(card.id));
        }
        if card.is_text() {
            return;
        }
        let add = view.say("add-files");
        if state.takes_additions(card)
            && Button::new(Emphasis::Secondary, &add).icon(Icon::Plus).ui(ui).clicked()
        {
            view.act(Action::PickFilesFor(card.id));
        }
        let list = view.say(if card.folds.list { "hide-list" } else { "show-list" });
        let sign = if card.folds.list { Icon::ChevronUp } else { Icon::ChevronDown };
        if Button::new(Emphasis::Quiet, &list).icon(sign).ui(ui).clicked() {
            view.act(Action::FoldList(card.id));
        }
    });
    let key = match card.only_by_link() {
        None if card.receivers > 1 => "pass-on-several",
        None => "pass-on",
        Some(_) if state.settings.path_mode == PathMode::RelayOnly => "pass-on-link",
        Some(_) => "pass-on-local",
    };
    muted(ui, &view.say(key));
}

/// Draws whether the code works over the internet, and what is wrong with the user's relays.
fn online_ui(ui: &mut Ui, card: &Card, state: &State, view: &mut View<'_>) {
    let (tone, text) = explain::online(view.words, card);
    let (ground, ink, _) = tone.look(palette(ui));
    match &card.online {
        None | Some(OnlineState::Reachable { .. }) => {
            ui.horizontal(|ui| {
                let ink = if card.online.is_some() { ink } else { palette(ui).muted };
                icon(ui, Icon::Globe, 15.0, ink);
                small(ui, &text);
            });
        }
        Some(OnlineState::NoRelay) => signed_note(ui, tone, Icon::Globe, &text),
        Some(OnlineState::Taken) => {
            let renew = view.say("new-code");
            let mut renews = false;
            // Those who have come would lose their transfers.
            let can = state.branches(card.id).next().is_none();
            let right = |ui: &mut Ui| {
                renews =
                    can && Button::new(Emphasis::Secondary, &renew).icon(Icon::RotateCw).ui(ui).clicked();
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
        }
    }
    if let Some(why) = &card.off_relay {
        let why = explain::error(view.words, why, explain::standpoint(card)).happened;
        muted(ui, &view.words.tell("relay-away", &[("why", why.into())]));
    }
}

/// Draws who can reach the relay on this computer, and how to let others in.
fn reach_ui(ui: &mut Ui, card: &Card, hosted: &[RelayAddress], state: &State, view: &mut View<'_>) {
    let settings = &state.settings;
    let has_others = !settings.relays.is_empty() && settings.path_mode == PathMode::Automatic;
    let (tone, text) = explain::only_here(view.words, card, hosted, has_others);
    let (ground, ink, _) = tone.look(palette(ui));
    widgets::tinted(ui, ground, |ui| {
        ui.set_width(ui.available_width());
        ui.horizontal_top(|ui| {
            icon(ui, Icon::Network, size::ICON, ink);
            ui.vertical(|ui| {
                ui.add(Label::new(RichText::new(text).color(palette(ui).text)).wrap());
                let (key, page) = match state.codes_lead() {
                    CodesLead::Nearby(WhyNearby::NotBuiltIn) => ("add-relay-for-all", Page::Relays),
                    CodesLead::Nearby(WhyNearby::PathMode) => ("route-for-all", Page::Transfers),
                    CodesLead::Nearby(_) | CodesLead::Anywhere { .. } => ("internet-for-all", Page::Internet),
                };
                if state.settings.relays.is_empty() && link(ui, &view.say(key)).clicked() {
                    view.act(Action::ShowSettings(page));
                }
            });
        });
    });
}

fn qr_ui(ui: &mut Ui, card: &Card, view: &View<'_>) {
    if let Some(modules) = &card.folds.qr {
        widgets::qr(ui, modules, QR_SIDE, &view.say("qr-name"));
    }
}

/// Draws the list of everything that is being sent.
fn list_ui(ui: &mut Ui, card: &Card, view: &View<'_>) {
    let Some(manifest) = &card.manifest else {
        muted(ui, &view.say("phase-listing"));
        return;
    };
    let entries = manifest.entries();
    let area = ScrollArea::vertical().id_salt("contents").max_height(LIST_HEIGHT).auto_shrink([false, true]);
    ui.spacing_mut().item_spacing.y = 0.0;
    area.show_rows(ui, LIST_ROW, entries.len(), |ui, range| {
        // The scroll bar floats over the right edge.
        ui.set_max_width(ui.available_width() - space::M);
        for entry in entries.get(range).unwrap_or_default() {
            let (sign, size) = match &entry.kind {
                EntryKind::Folder { .. } => (Icon::Folder, String::new()),
                EntryKind::File { size, .. } => (Icon::File, view.words.bytes(*size)),
                EntryKind::Link { .. } => (Icon::Link2, String::new()),
            };
            let right = |ui: &mut Ui| {
                small(ui, &size);
            };
            row_of_words(ui, LIST_ROW, right, |ui| {
                icon(ui, sign, 15.0, palette(ui).muted);
                ui.add(Label::new(Shown(entry.path.as_str()).to_string()).truncate());
            });
        }
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
