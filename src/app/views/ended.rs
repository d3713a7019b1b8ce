//! A transfer that has ended: what came of it or what went wrong, and how to go on.

use std::path::Path;

use eframe::egui::{Label, RichText, ScrollArea, TextWrapMode, Ui};

use super::{
    View,
    card_parts::{head_ui, left_behind_ui, strangers_ui, title_ui},
};
use crate::{
    app::{
        explain,
        model::{
            action::{Action, Copied, Resume},
            card::{Card, StartedWith},
            settings_form::Page,
            tone::Tone,
        },
        theme::{self, Weight, palette, size},
        widgets::{self, Button, Emphasis, Icon, face, icon_button, note, part, small, title},
        words::shown_path,
    },
    engine::{Report, TransferError},
    history::Direction,
    transfer::show::Shown,
};

/// Height of a received text that is not shown in full, in points.
const TEXT_HEIGHT: f32 = 140.0;

/// Draws a transfer that ran to its end.
pub(super) fn done_ui(ui: &mut Ui, card: &Card, report: &Report, view: &mut View<'_>) {
    let p = palette(ui);
    let name = explain::name(view.words, card);
    let is_whole = report.missing == 0;
    let badge = if is_whole { (Icon::Check, p.ok) } else { (Icon::TriangleAlert, p.warn) };
    let close = view.words.tell("dismiss-named", &[("name", name.as_str().into())]);
    let mut closes = false;
    let right = |ui: &mut Ui| closes = icon_button(ui, Icon::X, &close).clicked();
    head_ui(ui, card, badge, right, |ui| {
        title(ui, &name);
        let (text, ink) = explain::done(view.words, card, report);
        let ink = if ink == Tone::Good { p.ok } else { p.warn };
        ui.horizontal(|ui| {
            if let Some(peer) = &card.peer {
                face(ui, peer.as_str(), 16.0);
            }
            ui.add(Label::new(RichText::new(text).size(size::SMALL).color(ink)).truncate());
        });
    });
    if closes {
        view.act(Action::Dismiss(card.id));
    }
    if let Some(text) = &card.text {
        part(ui, "text", |ui| text_ui(ui, card, text, view));
    }
    left_behind_ui(ui, card, view);
    for line in explain::not_kept(view.words, card.not_kept) {
        note(ui, Tone::Warning, &line);
    }
    if card.text.is_none() {
        part(ui, "buttons", |ui| done_buttons_ui(ui, card, view));
    }
}

fn done_buttons_ui(ui: &mut Ui, card: &Card, view: &mut View<'_>) {
    ui.horizontal_wrapped(|ui| {
        if let Some((folder, placed)) = card.placed()
            && !placed.is_empty()
        {
            let single = match placed {
                [one] => Some(one.as_path()),
                _ => None,
            };
            let target: &Path = single.unwrap_or(folder);
            let open = view.say(if single.is_some() { "open" } else { "open-folder" });
            if Button::new(Emphasis::Secondary, &open).icon(Icon::ExternalLink).ui(ui).clicked() {
                view.act(Action::OpenPath(target.to_owned()));
            }
            if let Some(first) = placed.first() {
                let show = view.say("show-in-folder");
                if Button::new(Emphasis::Secondary, &show).icon(Icon::FolderOpen).ui(ui).clicked() {
                    view.act(Action::Reveal(first.clone()));
                }
            }
        }
        let missing = card.missing();
        if !missing.is_empty() {
            let text = view.say("send-missing");
            if Button::new(Emphasis::Secondary, &text).icon(Icon::RotateCw).ui(ui).clicked() {
                view.act(Action::Send(missing));
            }
        }
        copy_report_ui(ui, card, view);
    });
    if let Some((folder, placed)) = card.placed()
        && !placed.is_empty()
    {
        let folder = shown_path(folder);
        small(ui, &view.words.tell("saved-in", &[("folder", folder.into())]));
    }
}

fn copy_report_ui(ui: &mut Ui, card: &Card, view: &mut View<'_>) {
    let is_copied = card.has_copied(Copied::Report, view.now);
    let text = view.say(if is_copied { "copied" } else { "copy-report" });
    let sign = if is_copied { Icon::Check } else { Icon::Copy };
    // A button without a frame would not line up with everything else at the left edge.
    let is_first = ui.min_rect().width() < 1.0;
    let kind = if is_first { Emphasis::Secondary } else { Emphasis::Quiet };
    if Button::new(kind, &text).icon(sign).ui(ui).clicked() {
        view.act(Action::Copy(card.id, Copied::Report));
    }
}

/// Draws a received text.
fn text_ui(ui: &mut Ui, card: &Card, text: &str, view: &mut View<'_>) {
    widgets::tinted(ui, palette(ui).sunken, |ui| {
        ui.set_width(ui.available_width());
        let area = ScrollArea::vertical().id_salt("text").max_height(if card.folds.text {
            480.0
        } else {
            TEXT_HEIGHT
        });
        area.auto_shrink([false, true]).show(ui, |ui| {
            // Line breaks are kept. Characters that could turn or hide the text are escaped.
            let lines = text.lines().take(if card.folds.text { 5000 } else { 200 });
            let lines: Vec<String> = lines.map(|line| Shown(line).to_string()).collect();
            let text = RichText::new(lines.join("\n")).font(theme::mono(size::BODY));
            ui.add(Label::new(text).selectable(true).wrap_mode(TextWrapMode::Wrap));
        });
    });
    ui.horizontal(|ui| {
        let is_copied = card.has_copied(Copied::Text, view.now);
        let copy = view.say(if is_copied { "copied" } else { "copy-text" });
        let sign = if is_copied { Icon::Check } else { Icon::Copy };
        if Button::new(Emphasis::Primary, &copy).icon(sign).ui(ui).clicked() {
            view.act(Action::Copy(card.id, Copied::Text));
        }
        if text.lines().count() > 6 {
            let fold = view.say(if card.folds.text { "show-less" } else { "show-more" });
            if Button::new(Emphasis::Quiet, &fold).ui(ui).clicked() {
                view.act(Action::FoldText(card.id));
            }
        }
        copy_report_ui(ui, card, view);
    });
}

/// Draws a transfer that ended early: with an error of its own, or without one because the engine has stopped.
pub(super) fn failed_ui(ui: &mut Ui, card: &Card, error: Option<&TransferError>, view: &mut View<'_>) {
    let p = palette(ui);
    let name = explain::name(view.words, card);
    let is_wish = error.is_some_and(explain::is_wish);
    let badge = if is_wish { (Icon::Minus, p.muted) } else { (Icon::X, p.bad) };
    let close = view.words.tell("dismiss-named", &[("name", name.as_str().into())]);
    let at = explain::standpoint(card);
    let words = match error {
        Some(error) => explain::error(view.words, error, at),
        None => explain::cut_off(view.words, at),
    };
    let mut closes = false;
    let right = |ui: &mut Ui| closes = icon_button(ui, Icon::X, &close).clicked();
    head_ui(ui, card, badge, right, |ui| {
        title_ui(ui, &name, card, view);
        let key = if card.direction == Direction::Sent { "not-sent" } else { "not-received" };
        small(ui, &view.say(if is_wish { "stopped" } else { key }));
    });
    if closes {
        view.act(Action::Dismiss(card.id));
    }
    let tone = if is_wish { Tone::Plain } else { Tone::Bad };
    let (ground, ink, sign) = tone.look(p);
    widgets::tinted(ui, ground, |ui| {
        ui.set_width(ui.available_width());
        ui.horizontal_top(|ui| {
            widgets::icon(ui, sign, size::ICON, ink);
            ui.vertical(|ui| {
                let font = theme::font(Weight::Medium, size::BODY);
                ui.add(Label::new(RichText::new(&words.happened).font(font).color(p.text)).wrap());
                for line in [&words.lost, &words.next].into_iter().filter(|line| !line.is_empty()) {
                    ui.add(Label::new(RichText::new(line).color(p.text)).wrap());
                }
                if let Some(kept) = &card.kept {
                    let folder = shown_path(kept);
                    let will_repeat = error.is_some_and(TransferError::will_repeat);
                    let key = if will_repeat { "kept-in-vain" } else { "kept-in" };
                    let text = view.words.tell(key, &[("folder", folder.into())]);
                    ui.add(Label::new(RichText::new(text).color(p.text)).wrap());
                }
            });
        });
    });
    strangers_ui(ui, card, view);
    left_behind_ui(ui, card, view);
    part(ui, "buttons", |ui| match error {
        Some(error) => failed_buttons_ui(ui, card, &name, error, view),
        // Nothing can be started again before Caiman itself is.
        None => {
            ui.horizontal(|ui| copy_report_ui(ui, card, view));
        }
    });
    // What was just started, and has shown nothing yet, may have failed out of sight.
    if card.folds.wants_focus {
        ui.scroll_to_rect(ui.min_rect(), None);
        // When egui discards this pass and lays it out again, nothing has scrolled yet.
        if !ui.ctx().will_discard() {
            view.act(Action::Focused(card.id));
        }
    }
}

fn failed_buttons_ui(ui: &mut Ui, card: &Card, name: &str, error: &TransferError, view: &mut View<'_>) {
    ui.horizontal_wrapped(|ui| {
        if let Some(kept) = card.kept.as_ref().filter(|_| !error.will_repeat()) {
            let resume = view.say("resume");
            if Button::new(Emphasis::Secondary, &resume).icon(Icon::Play).ui(ui).clicked() {
                view.act(Action::Resume(Resume { name: name.to_owned(), staging: kept.clone() }));
            }
        }
        match (&card.started_with, error) {
            // The code was wrong and has tries left, so it may have had a slip in it.
            (
                StartedWith::Code { code, .. },
                TransferError::WrongCode { tries_left: None | Some(1..) }
                | TransferError::OnlyStrangers { .. },
            ) => {
                if Button::new(Emphasis::Secondary, &view.say("correct-code"))
                    .icon(Icon::Pencil)
                    .ui(ui)
                    .clicked()
                {
                    view.act(Action::FillCode(code.to_string()));
                }
            }
            // Any other code has been used up once the two sides have met.
            (
                StartedWith::Code { .. },
                TransferError::NobodyThere { .. } | TransferError::Offline | TransferError::Relay(_),
            ) if card.accepted.is_none() => {
                again_ui(ui, card, &view.say("try-again"), view);
            }
            (StartedWith::Code { .. } | StartedWith::Invitation, _) => {}
            _ => again_ui(ui, card, &view.say("send-again"), view),
        }
        if explain::leads_to_settings(error) {
            let settings = view.say("settings");
            let (page, key) = match error {
                TransferError::Offline => (Page::Internet, "set-internet"),
                _ => (Page::Relays, "relay"),
            };
            let name = format!("{settings}: {}", view.say(key));
            let button = Button::new(Emphasis::Secondary, &settings).name(&name).icon(Icon::Settings);
            if button.ui(ui).clicked() {
                view.act(Action::ShowSettings(page));
            }
        }
        if let Some(kept) = &card.kept {
            let show = view.say("show-in-folder");
            if Button::new(Emphasis::Secondary, &show).icon(Icon::FolderOpen).ui(ui).clicked() {
                view.act(Action::Reveal(kept.clone()));
            }
        }
        copy_report_ui(ui, card, view);
    });
}

fn again_ui(ui: &mut Ui, card: &Card, text: &str, view: &mut View<'_>) {
    if Button::new(Emphasis::Secondary, text).icon(Icon::RotateCw).ui(ui).clicked() {
        view.act(Action::Again(card.id));
    }
}
