//! A transfer that has ended: what came of it or what went wrong, and how to go on.

use eframe::egui::{Color32, ScrollArea, Ui};

use super::{
    View,
    card_parts::{code_or_name, dismiss_ui, fold_ui, head_ui, left_behind_ui, strangers_ui, title_ui},
    people::remember_ui,
};
use crate::{
    app::{
        explain,
        model::{
            action::{Action, Copied, PersonAction, Recipient, Resume},
            card::{Card, CardEnd, Relocation, StartedWith},
            settings_form::Page,
            state::State,
            tone::Tone,
        },
        theme::{self, Palette, Weight, palette, size},
        widgets::{
            self, Button, Emphasis, Icon, announce, bar, face, fold, icon_button, line, note, paragraph,
            part, plain, prose, row, small, title,
        },
        words::shown_path,
    },
    engine::{Report, TransferError},
    history::Direction,
    transfer::show::Shown,
};

/// Height of a received text that is not shown in full, in points.
const TEXT_HEIGHT: f32 = 140.0;

/// Draws a transfer that ran to its end.
pub(super) fn done_ui(ui: &mut Ui, card: &Card, report: &Report, state: &State, view: &mut View<'_>) {
    let p = palette(ui);
    let name = explain::name(view.words, card);
    let mut closes = false;
    // The history is to learn where it is in the end.
    let right = |ui: &mut Ui| closes = card.relocation.is_none() && dismiss_ui(ui, &name, view);
    head_ui(ui, card, done_badge(p, report), right, |ui| {
        title(ui, &name);
        done_line_ui(ui, card, report, view);
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
    if let Some(relocation) = &card.relocation {
        part(ui, "relocation", |ui| relocation_ui(ui, card, relocation, view));
    }
    if card.text.is_none() {
        part(ui, "buttons", |ui| done_buttons_ui(ui, card, view));
    }
    part(ui, "remember", |ui| remember_ui(ui, card, state, view));
}

pub(super) fn done_badge(p: &Palette, report: &Report) -> (Icon, Color32) {
    if report.missing == 0 { (Icon::Check, p.ok) } else { (Icon::TriangleAlert, p.warn) }
}

/// Draws how far what has arrived has been copied to another disk.
fn relocation_ui(ui: &mut Ui, card: &Card, relocation: &Relocation, view: &mut View<'_>) {
    let Relocation { folder, done, total } = relocation;
    let (folder, stop) = (shown_path(folder), view.say("stop"));
    let args = [
        ("folder", folder.into()),
        ("done", view.words.bytes(*done).into()),
        ("total", view.words.bytes(*total).into()),
    ];
    let text = view.words.tell("relocating", &args);
    let mut stops = false;
    row(
        ui,
        theme::CONTROL_HEIGHT,
        |ui| stops = Button::new(Emphasis::Quiet, &stop).icon(Icon::X).ui(ui).clicked(),
        |ui| {
            ui.vertical(|ui| {
                ui.spacing_mut().item_spacing.y = 5.0;
                // This puts the bar and its line in the middle of the row.
                ui.add_space(5.0);
                let fraction = (*total > 0).then(|| *done as f32 / *total as f32);
                bar(ui, fraction, palette(ui).accent, &text);
                small(ui, &text);
            });
        },
    );
    if stops {
        view.act(Action::StopRelocating(card.id));
    }
}

fn done_line_ui(ui: &mut Ui, card: &Card, report: &Report, view: &View<'_>) {
    let p = palette(ui);
    let (text, tone) = explain::done(view.words, card, report);
    ui.horizontal(|ui| {
        if let Some(peer) = &card.peer {
            face(ui, peer.as_str(), 16.0);
        }
        announce(&line(ui, &text, plain(size::SMALL), if tone == Tone::Good { p.ok } else { p.warn }));
    });
}

/// Draws a transfer that is over in one row, which the user can unfold.
pub(super) fn slim_end_ui(ui: &mut Ui, card: &Card, end: &CardEnd, view: &mut View<'_>) {
    let p = palette(ui);
    let name = code_or_name(card, explain::name(view.words, card));
    let badge = match end {
        CardEnd::Done(report) => done_badge(p, report),
        CardEnd::Failed(_) | CardEnd::CutOff => {
            failed_badge(p, explain::tone_of_end(end, explain::standpoint(card)))
        }
    };
    let (mut unfolds, mut closes) = (false, false);
    let right = |ui: &mut Ui| {
        unfolds = fold_ui(ui, card, &name, view);
        closes = dismiss_ui(ui, &name, view);
    };
    head_ui(ui, card, badge, right, |ui| {
        title(ui, &name);
        match end {
            CardEnd::Done(report) => done_line_ui(ui, card, report, view),
            CardEnd::Failed(error) => {
                small(ui, &explain::error(view.words, error, explain::standpoint(card)).happened);
            }
            CardEnd::CutOff => {
                small(ui, &explain::cut_off(view.words, explain::standpoint(card)).happened);
            }
        }
    });
    if unfolds {
        view.act(Action::FoldDetails(card.id));
    }
    if closes {
        view.act(Action::Dismiss(card.id));
    }
}

fn done_buttons_ui(ui: &mut Ui, card: &Card, view: &mut View<'_>) {
    let placed = card.placed().filter(|(_, placed)| !placed.is_empty());
    ui.horizontal_wrapped(|ui| {
        if let (Direction::Sent, Some(person), Some(peer)) = (card.direction, card.person, &card.peer) {
            let send =
                view.words.tell("person-send-named", &[("name", Shown(peer.as_str()).to_string().into())]);
            if Button::new(Emphasis::Secondary, &send).icon(Icon::Plus).ui(ui).clicked() {
                view.act(Action::Person(person, PersonAction::PickFiles));
            }
        }
        if let (StartedWith::Paths(paths), Recipient::ByCode) = (&card.started_with, card.recipient())
            && card.bond.is_none()
        {
            let again = view.say("send-again");
            if Button::new(Emphasis::Secondary, &again).icon(Icon::RotateCw).ui(ui).clicked() {
                view.act(Action::Send(paths.clone(), Recipient::ByCode));
            }
        }
        if let Some((_, placed)) = placed {
            if let [one] = placed {
                let open = view.say("open");
                if Button::new(Emphasis::Secondary, &open).icon(Icon::ExternalLink).ui(ui).clicked() {
                    view.act(Action::OpenPath(one.clone()));
                }
            }
            let show = view.say("show-in-folder");
            if Button::new(Emphasis::Secondary, &show).icon(Icon::FolderOpen).ui(ui).clicked() {
                view.act(Action::Reveal(placed[0].clone()));
            }
        }
        if card.can_relocate() {
            let text = view.say("move-to");
            if Button::new(Emphasis::Secondary, &text).icon(Icon::FolderInput).ui(ui).clicked() {
                view.act(Action::PickRelocation(card.id));
            }
        }
        let missing = card.missing();
        if !missing.is_empty() {
            let text = view.say("send-missing");
            if Button::new(Emphasis::Secondary, &text).icon(Icon::RotateCw).ui(ui).clicked() {
                view.act(Action::Send(missing, card.recipient()));
            }
        }
        copy_report_ui(ui, card, view);
    });
    if let Some((folder, _)) = placed {
        small(ui, &view.words.tell("saved-in", &[("folder", shown_path(folder).into())]));
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
            prose(ui, &lines.join("\n"), &theme::mono(size::BODY));
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

pub(super) fn failed_badge(p: &Palette, tone: Tone) -> (Icon, Color32) {
    let (_, ink, _) = tone.look(p);
    (if tone == Tone::Bad { Icon::X } else { Icon::Minus }, ink)
}

/// Draws a transfer that ended early: with an error of its own, or without one because the engine has stopped. `kept` is
/// the interrupted transfer that it has become, by its id.
pub(super) fn failed_ui(ui: &mut Ui, card: &Card, end: &CardEnd, kept: Option<&str>, view: &mut View<'_>) {
    let p = palette(ui);
    let name = code_or_name(card, explain::name(view.words, card));
    let at = explain::standpoint(card);
    let error = match end {
        CardEnd::Failed(error) => Some(error),
        CardEnd::Done(_) | CardEnd::CutOff => None,
    };
    let words = match error {
        Some(error) => explain::error(view.words, error, at),
        None => explain::cut_off(view.words, at),
    };
    let tone = explain::tone_of_end(end, at);
    let mut closes = false;
    let right = |ui: &mut Ui| closes = dismiss_ui(ui, &name, view);
    let is_quiet = tone == Tone::Quiet;
    head_ui(ui, card, failed_badge(p, tone), right, |ui| {
        title_ui(ui, &name, card, view);
        let status = match card.direction {
            _ if is_quiet => words.happened.clone(),
            Direction::Sent => view.say("not-sent"),
            Direction::Received => view.say("not-received"),
        };
        // Once something was accepted, the code is used up. As long as nothing else is known, it stands above.
        let code = card.typed_words().filter(|_| card.accepted.is_none() && card.manifest.is_some());
        let status = small(ui, &std::iter::once(status).chain(code).collect::<Vec<_>>().join(" · "));
        if is_quiet {
            announce(&status);
        }
    });
    if closes {
        view.act(Action::Dismiss(card.id));
    }
    let next =
        if card.goes_on() { explain::about(view.words, card, "goes-on-by-itself", &[]) } else { words.next };
    let mut more_ui = |ui: &mut Ui| {
        if !next.is_empty() {
            paragraph(ui, &next, plain(size::BODY), p.text);
        }
        part(ui, "details", |ui| details_ui(ui, card, error, &words.lost, view));
    };
    if is_quiet {
        more_ui(ui);
    } else {
        let (ground, ink, sign) = tone.look(p);
        widgets::tinted(ui, ground, |ui| {
            ui.set_width(ui.available_width());
            ui.horizontal_top(|ui| {
                widgets::icon(ui, sign, size::ICON, ink);
                ui.vertical(|ui| {
                    let font = theme::font(Weight::SemiBold, size::BODY);
                    announce(&paragraph(ui, &words.happened, font, p.text));
                    more_ui(ui);
                });
            });
        });
    }
    strangers_ui(ui, card, view);
    left_behind_ui(ui, card, view);
    part(ui, "buttons", |ui| match error {
        Some(error) => failed_buttons_ui(ui, card, &name, error, kept, view),
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

/// Draws what else there is to say about an end: whether anything is lost, what is kept, and what helps developers.
fn details_ui(ui: &mut Ui, card: &Card, error: Option<&TransferError>, lost: &str, view: &mut View<'_>) {
    let p = palette(ui);
    let text = view.say(if card.folds.details { "hide-details" } else { "show-details" });
    if fold(ui, card.folds.details, &text).clicked() {
        view.act(Action::FoldDetails(card.id));
    }
    if !card.folds.details {
        return;
    }
    let kept = card.kept.as_ref().map(|_| {
        let will_repeat = error.is_some_and(TransferError::will_repeat);
        view.say(if will_repeat { "kept-in-vain" } else { "kept-in" })
    });
    let detail = error.map(|error| {
        let detail = Shown(&error.to_string()).to_string();
        view.words.tell("report-detail", &[("detail", detail.into())])
    });
    for text in std::iter::once(lost.to_owned()).filter(|lost| !lost.is_empty()).chain(kept).chain(detail) {
        paragraph(ui, &text, plain(size::BODY), p.text);
    }
}

fn failed_buttons_ui(
    ui: &mut Ui,
    card: &Card,
    name: &str,
    error: &TransferError,
    kept: Option<&str>,
    view: &mut View<'_>,
) {
    ui.horizontal_wrapped(|ui| {
        if let Some(kept) = card.kept.as_ref().filter(|_| !error.will_repeat() && !card.goes_on()) {
            let resume = view.say("resume");
            if Button::new(Emphasis::Secondary, &resume).icon(Icon::Play).ui(ui).clicked() {
                view.act(Action::Resume(Resume { name: name.to_owned(), staging: kept.clone() }));
            }
        }
        match (&card.started_with, error) {
            // The code may have had a slip in it. One that is wrong has tries left, or is of no more use.
            (
                StartedWith::Code { .. } | StartedWith::Croc(_),
                TransferError::WrongCode { tries_left: None | Some(1..) }
                | TransferError::OnlyStrangers { .. }
                | TransferError::NobodyThere { .. },
            ) if card.accepted.is_none() => {
                let correct = view.say("correct-code");
                if Button::new(Emphasis::Secondary, &correct).icon(Icon::Pencil).ui(ui).clicked() {
                    view.act(Action::CorrectCode(card.id));
                }
                // The sender may only have come too late.
                if matches!(error, TransferError::NobodyThere { .. }) {
                    again_ui(ui, card, &view.say("try-again"), view);
                }
            }
            // Any other code has been used up once the two sides have met.
            (
                StartedWith::Code { .. } | StartedWith::Croc(_),
                TransferError::Offline | TransferError::Relay(_),
            ) if card.accepted.is_none() => {
                again_ui(ui, card, &view.say("try-again"), view);
            }
            (
                StartedWith::Code { .. }
                | StartedWith::Croc(_)
                | StartedWith::Invitation
                | StartedWith::Call(_),
                _,
            ) => {}
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
        if let Some(id) = kept {
            let discard = view.words.tell("discard-named", &[("name", name.into())]);
            if icon_button(ui, Icon::Trash2, &discard).clicked() {
                view.act(Action::AskDiscard(id.to_owned()));
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
