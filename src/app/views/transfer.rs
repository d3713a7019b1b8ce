//! A transfer whose bytes move, or that has ended: progress, result, error.

use std::path::Path;

use eframe::egui::{Align, Color32, Label, Layout, RichText, ScrollArea, TextWrapMode, Ui, vec2};

use super::View;
use crate::{
    app::{
        explain,
        model::{
            action::{Action, Copied, Dialog, Resume},
            card::{Card, Direction, End, Origin},
            standing::Standstill,
            tone::Tone,
        },
        theme::{self, Weight, palette, size, space},
        widgets::{
            self, Button, Icon, Kind, bar, graph, icon_button, link, part, row, row_of_words, signed_note,
            small, tile, title,
        },
        words::shown_path,
    },
    engine::{Paused, Report, TransferError},
    transfer::show::Shown,
};

/// How wide a card must be for the graph; and at rest, when it has more to say beside it.
const ROOM_FOR_GRAPH: f32 = 560.0;
const ROOM_FOR_GRAPH_AT_REST: f32 = 760.0;
const SPEED_WIDTH: f32 = 92.0;
const TROUBLE_ROW: f32 = 24.0;
/// As many troubles are named at once.
const FEW_TROUBLES: usize = 3;
const TEXT_HEIGHT: f32 = 140.0;

/// Draws the card.
pub(crate) fn transfer_ui(ui: &mut Ui, card: &Card, view: &mut View<'_>) {
    match &card.end {
        None => moving_ui(ui, card, view),
        Some(End::Done(report)) => done_ui(ui, card, report, view),
        Some(End::Failed(error)) => failed_ui(ui, card, error, view),
    }
}

/// The icon of what a card moves.
pub(crate) fn sign(card: &Card) -> Icon {
    if card.is_text() {
        return Icon::Text;
    }
    let (names, count) = card.names();
    if count > 1 {
        return Icon::Files;
    }
    let is_folder = card
        .manifest
        .as_ref()
        .is_some_and(|manifest| manifest.entries().first().is_some_and(|entry| !entry.is_file()));
    if is_folder { Icon::Folder } else { sign_of(names.first().map_or("", String::as_str)) }
}

/// The icon of a file, by the end of its name.
pub(crate) fn sign_of(name: &str) -> Icon {
    let end = name.rsplit_once('.').map(|(_, end)| end.to_ascii_lowercase()).unwrap_or_default();
    match end.as_str() {
        "jpg" | "jpeg" | "png" | "gif" | "webp" | "heic" | "svg" | "tif" | "tiff" | "bmp" | "raw" => {
            Icon::Image
        }
        "mov" | "mp4" | "mkv" | "avi" | "webm" | "m4v" => Icon::Film,
        "mp3" | "flac" | "wav" | "ogg" | "m4a" | "opus" => Icon::Music,
        "zip" | "gz" | "xz" | "zst" | "7z" | "rar" | "tar" | "bz2" => Icon::FileArchive,
        "txt" | "md" | "odt" | "doc" | "docx" | "pdf" | "rtf" => Icon::FileText,
        _ => Icon::File,
    }
}

fn head_ui(
    ui: &mut Ui,
    card: &Card,
    badge: (Icon, Color32),
    right: impl FnOnce(&mut Ui),
    left: impl FnOnce(&mut Ui),
) {
    row(ui, 46.0, right, |ui| {
        tile(ui, sign(card), Some(badge));
        ui.add_space(space::XS);
        ui.vertical(|ui| {
            ui.spacing_mut().item_spacing.y = 5.0;
            left(ui);
        });
    });
}

fn moving_ui(ui: &mut Ui, card: &Card, view: &mut View<'_>) {
    let p = palette(ui);
    let name = explain::name(view.words, card);
    let cancel = view.words.tell("cancel-named", &[("name", name.as_str().into())]);
    let standstill = card.standstill(view.now);
    let (badge, ink) = match standstill {
        Some(Standstill::Paused(_)) => (Icon::Pause, p.muted),
        Some(Standstill::Lost(..)) => (Icon::Unplug, p.warn),
        _ if card.direction == Direction::Sending => (Icon::ArrowUp, p.accent),
        _ => (Icon::ArrowDown, p.accent),
    };
    let is_under_way = card.is_under_way();
    let room = if standstill.is_some() { ROOM_FOR_GRAPH_AT_REST } else { ROOM_FOR_GRAPH };
    let has_graph = is_under_way && ui.available_width() >= room;
    let more = view.words.tell("more-named", &[("name", name.as_str().into())]);
    let (mut cancels, mut pauses, mut sends_more) = (false, None, false);
    let right = |ui: &mut Ui| {
        if has_graph {
            ui.add_space(space::XS);
            graph(ui, card.meter.last_minute(), vec2(120.0, 34.0), &view.say("graph"));
        }
        if is_under_way {
            part(ui, "speed", |ui| speed_ui(ui, card, view));
        }
        if card.takes_more() {
            part(ui, "more", |ui| sends_more = icon_button(ui, Icon::Plus, &more).clicked());
        }
        part(ui, "pause", |ui| pauses = pause_ui(ui, card, &name, view));
        // What stands before it comes and goes.
        part(ui, "cancel", |ui| cancels = icon_button(ui, Icon::X, &cancel).clicked());
    };
    head_ui(ui, card, (badge, ink), right, |ui| {
        title(ui, &name);
        let fraction = if is_under_way { card.fraction() } else { Some(0.0) };
        let ink = if matches!(standstill, Some(Standstill::Stalled(..) | Standstill::NoRoom)) {
            p.warn
        } else {
            ink
        };
        bar(ui, fraction, ink, &view.words.tell("progress-named", &[("name", name.as_str().into())]));
        small(ui, &explain::progress(view.words, card, view.now));
    });
    if cancels {
        view.act(Action::Cancel(card.id));
    }
    if let Some(is_paused) = pauses {
        view.act(Action::Pause(card.id, is_paused));
    }
    if sends_more {
        view.act(Action::PickFilesFor(card.id));
    }
    standstill_ui(ui, card, view);
    match standstill {
        Some(Standstill::Paused(Paused { there: false, .. })) => {
            small(ui, &view.say("paused-here-means"));
        }
        Some(Standstill::Stalled(..)) | None if is_under_way => {
            small(ui, &explain::path(view.words, card));
        }
        // There is none at the moment.
        _ => {}
    }
    if let Some((wished, used)) = card.refused_port {
        small(ui, &explain::refused_port(view.words, wished, used));
    }
    troubles_ui(ui, card, view);
}

/// How fast it is. Its place stays while it rests, so that nothing beside it moves.
fn speed_ui(ui: &mut Ui, card: &Card, view: &View<'_>) {
    let place = vec2(SPEED_WIDTH, 20.0);
    ui.allocate_ui_with_layout(place, Layout::right_to_left(Align::Center), |ui| {
        ui.set_min_size(place);
        if card.is_moving() {
            let speed = view.words.bytes(card.meter.speed(view.now) as u64);
            let speed = view.words.tell("per-second", &[("size", speed.into())]);
            let font = theme::font(Weight::Medium, size::BODY);
            ui.add(Label::new(RichText::new(speed).font(font).color(palette(ui).text)).extend());
        }
    });
}

/// Lets the transfer rest or go on; gives what the person wants.
pub(crate) fn pause_ui(ui: &mut Ui, card: &Card, name: &str, view: &View<'_>) -> Option<bool> {
    if !card.can_pause() {
        return None;
    }
    // Only one's own pause can be lifted.
    let wants_pause = !card.progress.paused.here;
    let (sign, key) = if wants_pause { (Icon::Pause, "pause-named") } else { (Icon::Play, "resume-named") };
    let name = view.words.tell(key, &[("name", name.into())]);
    icon_button(ui, sign, &name).clicked().then_some(wants_pause)
}

/// Why a transfer stands still, where that needs more than the line below the bar.
pub(crate) fn standstill_ui(ui: &mut Ui, card: &Card, view: &View<'_>) {
    let standstill = card.standstill(view.now);
    if let Some(reason) = standstill
        && let Some((tone, text)) = explain::standstill(view.words, card, reason)
    {
        let sign = match reason {
            Standstill::Paused(_) => Icon::Pause,
            Standstill::Lost(..) => Icon::Unplug,
            Standstill::NoRoom => Icon::HardDrive,
            Standstill::Stalled(..) => Icon::TriangleAlert,
        };
        signed_note(ui, tone, sign, &text);
    }
    // Resuming would not be enough then.
    if let (Some(Standstill::Paused(_)), Some((_, since))) = (standstill, card.lost(view.now)) {
        let text = explain::lost_while_paused(view.words, since);
        signed_note(ui, Tone::Warning, Icon::Unplug, &text);
    }
}

fn done_ui(ui: &mut Ui, card: &Card, report: &Report, view: &mut View<'_>) {
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
        ui.add(Label::new(RichText::new(text).size(size::SMALL).color(ink)).truncate());
    });
    if closes {
        view.act(Action::Dismiss(card.id));
    }
    if let Some(text) = &card.text {
        part(ui, "text", |ui| text_ui(ui, card, text, view));
    }
    troubles_ui(ui, card, view);
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
            if Button::new(Kind::Secondary, &open).icon(Icon::ExternalLink).ui(ui).clicked() {
                view.act(Action::OpenPath(target.to_owned()));
            }
            if let Some(first) = placed.first() {
                let show = view.say("show-in-folder");
                if Button::new(Kind::Secondary, &show).icon(Icon::FolderOpen).ui(ui).clicked() {
                    view.act(Action::Reveal(first.clone()));
                }
            }
        }
        let missing = card.missing();
        if !missing.is_empty() {
            let text = view.say("send-missing");
            if Button::new(Kind::Secondary, &text).icon(Icon::RotateCw).ui(ui).clicked() {
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
    // Without a frame it would stand away from the edge that everything else keeps to.
    let is_first = ui.min_rect().width() < 1.0;
    let kind = if is_first { Kind::Secondary } else { Kind::Quiet };
    if Button::new(kind, &text).icon(sign).ui(ui).clicked() {
        view.act(Action::Copy(card.id, Copied::Report));
    }
}

/// A text that arrived.
fn text_ui(ui: &mut Ui, card: &Card, text: &str, view: &mut View<'_>) {
    widgets::tinted(ui, palette(ui).sunken, |ui| {
        ui.set_width(ui.available_width());
        let area = ScrollArea::vertical().id_salt("text").max_height(if card.folds.text {
            480.0
        } else {
            TEXT_HEIGHT
        });
        area.auto_shrink([false, true]).show(ui, |ui| {
            // Lines stay lines; what could turn or hide the text is escaped.
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
        if Button::new(Kind::Primary, &copy).icon(sign).ui(ui).clicked() {
            view.act(Action::Copy(card.id, Copied::Text));
        }
        if text.lines().count() > 6 {
            let fold = view.say(if card.folds.text { "show-less" } else { "show-more" });
            if Button::new(Kind::Quiet, &fold).ui(ui).clicked() {
                view.act(Action::FoldText(card.id));
            }
        }
        copy_report_ui(ui, card, view);
    });
}

fn failed_ui(ui: &mut Ui, card: &Card, error: &TransferError, view: &mut View<'_>) {
    let p = palette(ui);
    let name = explain::name(view.words, card);
    let is_wish = explain::is_wish(error);
    let badge = if is_wish { (Icon::Minus, p.muted) } else { (Icon::X, p.bad) };
    let close = view.words.tell("dismiss-named", &[("name", name.as_str().into())]);
    let words = explain::error(view.words, error, explain::standpoint(card));
    let mut closes = false;
    let right = |ui: &mut Ui| closes = icon_button(ui, Icon::X, &close).clicked();
    head_ui(ui, card, badge, right, |ui| {
        title(ui, &name);
        let key = if card.direction == Direction::Sending { "not-sent" } else { "not-received" };
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
                    let text = view.words.tell("kept-in", &[("folder", folder.into())]);
                    ui.add(Label::new(RichText::new(text).color(p.text)).wrap());
                }
            });
        });
    });
    troubles_ui(ui, card, view);
    part(ui, "buttons", |ui| failed_buttons_ui(ui, card, &name, error, view));
}

fn failed_buttons_ui(ui: &mut Ui, card: &Card, name: &str, error: &TransferError, view: &mut View<'_>) {
    ui.horizontal_wrapped(|ui| {
        if let Some(kept) = &card.kept {
            let resume = view.say("resume");
            if Button::new(Kind::Secondary, &resume).icon(Icon::Play).ui(ui).clicked() {
                view.act(Action::Resume(Resume { name: name.to_owned(), staging: kept.clone() }));
            }
        }
        match (&card.origin, error) {
            // A code that was tried and is not spent may have had a slip in it.
            (Origin::Code { code, .. }, TransferError::WrongCode { tries_left: None | Some(1..) }) => {
                if Button::new(Kind::Secondary, &view.say("correct-code")).icon(Icon::Pencil).ui(ui).clicked()
                {
                    view.act(Action::FillCode(code.to_string()));
                }
            }
            // Any other code is good for one meeting.
            (Origin::Code { .. }, TransferError::NobodyThere { .. } | TransferError::Relay(_))
                if card.accepted.is_none() =>
            {
                again_ui(ui, card, &view.say("try-again"), view);
            }
            (Origin::Code { .. } | Origin::Invitation, _) => {}
            _ => again_ui(ui, card, &view.say("send-again"), view),
        }
        if explain::leads_to_settings(error) {
            let settings = view.say("settings");
            let name = format!("{settings}: {}", view.say("relay"));
            let button = Button::new(Kind::Secondary, &settings).name(&name).icon(Icon::Settings);
            if button.ui(ui).clicked() {
                view.act(Action::Show(Some(Dialog::Settings)));
            }
        }
        if let Some(kept) = &card.kept {
            let show = view.say("show-in-folder");
            if Button::new(Kind::Secondary, &show).icon(Icon::FolderOpen).ui(ui).clicked() {
                view.act(Action::Reveal(kept.clone()));
            }
        }
        copy_report_ui(ui, card, view);
    });
}

fn again_ui(ui: &mut Ui, card: &Card, text: &str, view: &mut View<'_>) {
    if Button::new(Kind::Secondary, text).icon(Icon::RotateCw).ui(ui).clicked() {
        view.act(Action::Again(card.id));
    }
}

/// What doesn't arrive, by name; where that is much, folded away until somebody asks.
pub(crate) fn troubles_ui(ui: &mut Ui, card: &Card, view: &mut View<'_>) {
    if card.troubles.is_empty() {
        return;
    }
    part(ui, "troubles", |ui| some_troubles_ui(ui, card, view));
}

fn some_troubles_ui(ui: &mut Ui, card: &Card, view: &mut View<'_>) {
    let p = palette(ui);
    let text = view.words.tell("troubles", &[("count", card.trouble_count.into())]);
    widgets::tinted(ui, p.warn_soft, |ui| {
        ui.set_width(ui.available_width());
        let is_short = card.trouble_count <= FEW_TROUBLES;
        let fold = view.say(if card.folds.troubles { "hide-list" } else { "show-list" });
        let mut folds = false;
        let right = |ui: &mut Ui| folds = !is_short && link(ui, &fold).clicked();
        row(ui, 24.0, right, |ui| {
            widgets::icon(ui, Icon::TriangleAlert, size::ICON, p.warn);
            ui.add(Label::new(RichText::new(&text).color(p.text)).truncate());
        });
        if folds {
            view.act(Action::FoldTroubles(card.id));
        }
        if is_short {
            for trouble in &card.troubles {
                let text = explain::trouble(view.words, trouble);
                ui.add(Label::new(RichText::new(text).size(size::SMALL)).wrap());
            }
            return;
        }
        if !card.folds.troubles {
            return;
        }
        let area = ScrollArea::vertical().id_salt("troubles").max_height(150.0).auto_shrink([false, true]);
        ui.spacing_mut().item_spacing.y = 0.0;
        area.show_rows(ui, TROUBLE_ROW, card.troubles.len(), |ui, range| {
            for trouble in card.troubles.get(range).unwrap_or_default() {
                let text = explain::trouble(view.words, trouble);
                row_of_words(
                    ui,
                    TROUBLE_ROW,
                    |_| (),
                    |ui| {
                        ui.add(Label::new(RichText::new(text).size(size::SMALL)).truncate());
                    },
                );
            }
        });
    });
}
