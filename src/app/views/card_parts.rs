//! What several kinds of cards share: the icon and the head, the button that pauses, why a transfer stands still,
//! what is left behind.

use eframe::egui::{Color32, ScrollArea, Ui};

use super::View;
use crate::{
    app::{
        explain,
        model::{action::Action, card::Card, standing::Standstill, tone::Tone},
        theme::{palette, size, space},
        widgets::{
            self, Icon, fold, icon_button, line, paragraph, part, plain, row, row_of_words, signed_note,
            tell_expanded, tile, title, title_with_face,
        },
    },
    history::{Direction, PastKind},
};

/// Height of a row of the list of what is left behind, in points.
const LEFT_BEHIND_ROW: f32 = 24.0;
/// How many things that are left behind are named at once; more are folded away, so that they don't fill the card.
const FEW_LEFT_BEHIND: usize = 3;

/// The icon of what a transfer moves.
pub(super) fn sign(card: &Card) -> Icon {
    sign_of_kind(card.kind(), card.names().0.first().map_or("", String::as_str))
}

/// The icon of something that has this name.
pub(super) fn sign_of_kind(kind: PastKind, name: &str) -> Icon {
    match kind {
        PastKind::Text => Icon::Text,
        PastKind::Several => Icon::Files,
        PastKind::Folder => Icon::Folder,
        PastKind::File => sign_of(name),
    }
}

/// The icon of a file, by its extension.
pub(super) fn sign_of(name: &str) -> Icon {
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

/// Draws the head of a card: a tile with a badge, what `left` draws, and controls at the right end.
pub(super) fn head_ui(
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

/// What a card is called as long as nothing is known of it but the code that the user has typed: that code.
pub(super) fn code_or_name(card: &Card, name: String) -> String {
    card.typed_words().filter(|_| card.manifest.is_none()).unwrap_or(name)
}

/// Draws the button that removes a card; returns whether it was clicked.
pub(super) fn dismiss_ui(ui: &mut Ui, name: &str, view: &View<'_>) -> bool {
    icon_button(ui, Icon::X, &view.words.tell("dismiss-named", &[("name", name.into())])).clicked()
}

/// Draws the button that unfolds the row of a card, or folds the card into a row; returns whether it was clicked.
pub(super) fn fold_ui(ui: &mut Ui, card: &Card, name: &str, view: &View<'_>) -> bool {
    let (sign, key) = if card.folds.details {
        (Icon::ChevronUp, "fold-named")
    } else {
        (Icon::ChevronDown, "unfold-named")
    };
    let response =
        part(ui, "fold", |ui| icon_button(ui, sign, &view.words.tell(key, &[("name", name.into())])));
    tell_expanded(&response, card.folds.details);
    response.clicked()
}

/// Draws the name of a card, and the computer at the other end if that has said its name.
pub(super) fn title_ui(ui: &mut Ui, name: &str, card: &Card, view: &View<'_>) {
    let Some(peer) = &card.peer else {
        title(ui, name);
        return;
    };
    let key = if card.direction == Direction::Sent { "to-named" } else { "from-named" };
    title_with_face(ui, name, peer.as_str(), &explain::about(view.words, card, key, &[]));
}

/// Draws the button that pauses or resumes; returns which of the two the user wants, if either.
pub(super) fn pause_ui(ui: &mut Ui, card: &Card, name: &str, view: &View<'_>) -> Option<bool> {
    if !card.can_pause() {
        return None;
    }
    // A side can only lift its own pause.
    let wants_pause = !card.progress.paused.here;
    let (sign, key) = if wants_pause { (Icon::Pause, "pause-named") } else { (Icon::Play, "resume-named") };
    let name = view.words.tell(key, &[("name", name.into())]);
    icon_button(ui, sign, &name).clicked().then_some(wants_pause)
}

/// Draws how often something has answered in the sender's place.
pub(super) fn strangers_ui(ui: &mut Ui, card: &Card, view: &View<'_>) {
    if card.strangers > 0 {
        let text = view.words.tell("strangers", &[("count", (card.strangers as u64).into())]);
        signed_note(ui, Tone::Warning, Icon::TriangleAlert, &text);
    }
}

/// Draws why a transfer stands still, if the line below the bar doesn't say it all.
pub(super) fn standstill_ui(ui: &mut Ui, card: &Card, view: &View<'_>) {
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
    // Resuming alone would then not be enough.
    if let (Some(Standstill::Paused(_)), Some((_, since))) = (standstill, card.lost(view.now)) {
        let text = explain::lost_while_paused(view.words, since);
        signed_note(ui, Tone::Warning, Icon::Unplug, &text);
    }
}

/// Draws what is left behind, by name. A long list is folded away until the user asks for it.
pub(super) fn left_behind_ui(ui: &mut Ui, card: &Card, view: &mut View<'_>) {
    if card.left_behind.is_empty() {
        return;
    }
    part(ui, "left-behind", |ui| some_left_behind_ui(ui, card, view));
}

fn some_left_behind_ui(ui: &mut Ui, card: &Card, view: &mut View<'_>) {
    let p = palette(ui);
    let text = view.words.tell("left-behind", &[("count", card.left_behind_count.into())]);
    widgets::tinted(ui, p.warn_soft, |ui| {
        ui.set_width(ui.available_width());
        let is_short = card.left_behind_count <= FEW_LEFT_BEHIND;
        let text_of_fold = view.say(if card.folds.left_behind { "hide-list" } else { "show-list" });
        let mut folds = false;
        let right =
            |ui: &mut Ui| folds = !is_short && fold(ui, card.folds.left_behind, &text_of_fold).clicked();
        row(ui, 24.0, right, |ui| {
            widgets::icon(ui, Icon::TriangleAlert, size::ICON, p.warn);
            line(ui, &text, plain(size::BODY), p.text);
        });
        if folds {
            view.act(Action::FoldLeftBehind(card.id));
        }
        if is_short {
            for left in &card.left_behind {
                let text = explain::left_behind(view.words, left);
                paragraph(ui, &text, plain(size::SMALL), p.text);
            }
            return;
        }
        if !card.folds.left_behind {
            return;
        }
        let area = ScrollArea::vertical().id_salt("left-behind").max_height(150.0).auto_shrink([false, true]);
        ui.spacing_mut().item_spacing.y = 0.0;
        area.show_rows(ui, LEFT_BEHIND_ROW, card.left_behind.len(), |ui, range| {
            for left in card.left_behind.get(range).unwrap_or_default() {
                let text = explain::left_behind(view.words, left);
                row_of_words(
                    ui,
                    LEFT_BEHIND_ROW,
                    |_| (),
                    |ui| {
                        line(ui, &text, plain(size::SMALL), p.text);
                    },
                );
            }
        });
    });
}
