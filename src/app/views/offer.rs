//! An offer: what it is, its destination, what stands in the way, and the answer. `tree` draws its entries.

use std::path::Path;

use eframe::egui::{Response, Ui};

use super::{
    View,
    card_parts::{standstill_ui, strangers_ui},
    taken::taken_ui,
    tree::{picture_ui, tree_ui},
};
use crate::{
    app::{
        explain,
        model::{
            action::{Action, SheetAction},
            card::Card,
            sheet::{FEW_REPAIRED, Sheet},
            tone::Tone,
        },
        theme::{self, Weight, palette, size},
        widgets::{
            Button, Emphasis, Icon, announce, bring_into_sight, face, icon, link, muted, named, note,
            paragraph, part, plain, small, tip,
        },
        words::shown_path,
    },
    transfer::show::Shown,
};

/// How many names that need a tick of their own are named above the answer. All of them stand first in the tree.
const FEW_GUARDED: usize = 6;

/// Draws the offer that a card asks about.
pub(super) fn offer_ui(ui: &mut Ui, card: &Card, view: &mut View<'_>) {
    let Some(sheet) = &card.sheet else { return };
    let p = palette(ui);
    let manifest = &sheet.offer.manifest;
    let offered = explain::offered(view.words, card);
    ui.horizontal(|ui| {
        match &card.peer {
            Some(peer) => face(ui, peer.as_str(), 22.0),
            None => {
                icon(ui, Icon::Inbox, 20.0, p.accent);
            }
        }
        // Who sends what is never cut off.
        let ink = palette(ui).text;
        announce(&paragraph(ui, &offered, theme::font(Weight::SemiBold, size::TITLE), ink));
    });
    let amount = amount(card, manifest.files(), manifest.bytes(), view);
    let code = card.typed_words().map(|code| view.words.tell("with-code", &[("code", code.into())]));
    let croc = card.croc.map(|_| view.say("croc-weaker"));
    small(ui, &[Some(amount), code, croc].into_iter().flatten().collect::<Vec<_>>().join(" · "));
    match &sheet.tree {
        // A text is offered as one entry, whose name says nothing; that of a single file stands above.
        _ if card.is_text() => {}
        _ if sheet.is_one_file() => part(ui, "picture", |ui| picture_ui(ui, card, sheet, view)),
        Some(tree) => part(ui, "tree", |ui| tree_ui(ui, card, sheet, tree, view)),
        None if sheet.has_no_list => note(ui, Tone::Warning, &view.say("offer-unlisted")),
        None => {
            muted(ui, &view.say("reading-offer"));
        }
    }
    if let Some(folder) = &sheet.offer.folder {
        part(ui, "destination", |ui| destination_ui(ui, card, sheet, folder, view));
    }
    guarded_ui(ui, sheet, view);
    taken_ui(ui, card, sheet, view);
    repaired_ui(ui, sheet, view);
    strangers_ui(ui, card, view);
    standstill_ui(ui, card, view);
    let top = ui.cursor().top();
    part(ui, "answer", |ui| answer_ui(ui, card, sheet, view));
    keep_in_sight(ui, sheet, top);
}

/// Scrolls to the answer, which begins at `top`, when pictures have moved it down.
fn keep_in_sight(ui: &Ui, sheet: &Sheet, top: f32) {
    let id = ui.scope_id().with("pictures");
    let are_shown = sheet.pictures.are_shown;
    let were_shown = ui.data(|data| data.get_temp(id)).unwrap_or(are_shown);
    if are_shown && !were_shown {
        bring_into_sight(ui, ui.min_rect().with_min_y(top));
    }
    // When egui discards this pass and lays it out again, nothing has scrolled yet.
    if !ui.ctx().will_discard() {
        ui.data_mut(|data| data.insert_temp(id, are_shown));
    }
}

/// How much is offered. A text doesn't count as a file for the user.
fn amount(card: &Card, files: u64, bytes: u64, view: &View<'_>) -> String {
    if card.is_text() { view.words.bytes(bytes) } else { explain::amount(view.words, files, Some(bytes)) }
}

fn destination_ui(ui: &mut Ui, card: &Card, sheet: &Sheet, folder: &Path, view: &mut View<'_>) {
    ui.horizontal(|ui| {
        icon(ui, Icon::FolderDown, 16.0, palette(ui).muted);
        small(ui, &view.say("save-to"));
        let shown = shown_path(folder);
        let name = format!("{}: {shown}", view.say("save-to-change"));
        if tip(named(link(ui, &shown), &name), &view.say("save-to-change")).clicked() {
            view.act(Action::PickDestination(Some(card.id)));
        }
        if let Some(free) = sheet.offer.free {
            small(ui, &view.words.tell("free-there", &[("size", view.words.bytes(free).into())]));
        }
    });
    if sheet.offer.resumable > 0 {
        let size = view.words.bytes(sheet.offer.resumable);
        note(ui, Tone::Good, &view.words.tell("here-already", &[("size", size.into())]));
    }
    let (files, bytes) = sheet.here();
    if files > 0 {
        let amount = explain::amount(view.words, files, Some(bytes));
        let args = [("count", files.into()), ("amount", amount.into())];
        note(ui, Tone::Good, &view.words.tell("same-here", &args));
    }
    if sheet.here.is_growing() {
        muted(ui, &view.say("comparing"));
    }
    // What helps is another folder, which stands below as a button.
    for error in sheet.offer.unusable.iter().chain(&sheet.unusable) {
        note(ui, Tone::Bad, &explain::error(view.words, error, explain::standpoint(card)).happened);
    }
    if !sheet.fits() {
        let free = sheet.offer.free.unwrap_or_default();
        let needed = view.words.bytes(sheet.wanted_bytes());
        let args = [("needed", needed.into()), ("free", view.words.bytes(free).into())];
        note(ui, Tone::Bad, &view.words.tell("no-room", &args));
    }
    too_large_ui(ui, sheet, view);
}

/// Says which files are too large for the disk, so that they don't come.
fn too_large_ui(ui: &mut Ui, sheet: &Sheet, view: &View<'_>) {
    let (too_large, entries) = (&sheet.offer.too_large, sheet.offer.manifest.entries());
    let shown = too_large.iter().take(FEW_GUARDED).filter_map(|entry| entries.get(*entry as usize));
    let names: Vec<String> = shown.map(|entry| Shown(entry.path.as_str()).to_string()).collect();
    if names.is_empty() {
        return;
    }
    let args = [
        ("names", names.join(", ").into()),
        ("more", (too_large.len() - names.len()).into()),
        ("most", view.words.bytes(sheet.offer.largest_file).into()),
    ];
    note(ui, Tone::Warning, &view.words.tell("too-large", &args));
}

/// Says which names need a tick of their own, and why.
fn guarded_ui(ui: &mut Ui, sheet: &Sheet, view: &View<'_>) {
    let guarded = &sheet.offer.guarded;
    if guarded.is_empty() {
        return;
    }
    let names = guarded.iter().take(FEW_GUARDED);
    let names: Vec<String> =
        names.map(|entry| Shown(sheet.offer.top_of(*entry as usize)).to_string()).collect();
    let more = guarded.len().saturating_sub(FEW_GUARDED);
    let args = [("names", names.join(", ").into()), ("more", more.into())];
    note(ui, Tone::Warning, &view.words.tell("guarded", &args));
}

/// Draws names that this system can't store, and what they become.
fn repaired_ui(ui: &mut Ui, sheet: &Sheet, view: &View<'_>) {
    let repaired = &sheet.repaired;
    if repaired.is_empty() {
        return;
    }
    let p = palette(ui);
    crate::app::widgets::tinted(ui, p.accent_soft, |ui| {
        ui.set_width(ui.available_width());
        paragraph(ui, &view.say("repaired"), plain(crate::app::theme::size::BODY), p.text);
        for (theirs, here) in repaired.iter().take(FEW_REPAIRED) {
            small(ui, &format!("{}  →  {}", Shown(theirs), Shown(here)));
        }
        if repaired.len() > FEW_REPAIRED {
            small(ui, &view.say("and-others"));
        }
    });
}

fn answer_ui(ui: &mut Ui, card: &Card, sheet: &Sheet, view: &mut View<'_>) {
    ui.horizontal(|ui| {
        // Another folder helps here.
        if sheet.offer.unusable.is_some() || !(sheet.fits() || sheet.ignores_space) {
            elsewhere_ui(ui, card, sheet, view);
            anyway_ui(ui, card, sheet, view);
        } else {
            accept_ui(ui, card, sheet, view);
        }
        if Button::new(Emphasis::Secondary, &view.say("decline")).ui(ui).clicked() {
            view.act(Action::Decline(card.id));
        }
    });
}

fn accept_ui(ui: &mut Ui, card: &Card, sheet: &Sheet, view: &mut View<'_>) {
    let (files, bytes) = sheet.coming();
    let (here, skipped) = (sheet.here().0, sheet.skipped_files());
    let accept = match files {
        _ if card.is_text() => view.say("accept-text"),
        0 if here + skipped > 0 => view.say("accept-nothing"),
        _ => view.words.tell("accept", &[("amount", explain::amount(view.words, files, Some(bytes)).into())]),
    };
    let can = sheet.can_accept();
    let button = Button::new(Emphasis::Primary, &accept).icon(Icon::Check).enabled(can).ui(ui);
    if can {
        take_keyboard(ui, card, &button, view);
    }
    if can && button.clicked() {
        view.act(Action::Accept(card.id));
    }
}

/// Draws the button that leads to another folder, where Accept would stand. The offer can't be stored in this one.
fn elsewhere_ui(ui: &mut Ui, card: &Card, sheet: &Sheet, view: &mut View<'_>) {
    let text = view.say("save-to-change");
    let can = !sheet.is_looking;
    let button = Button::new(Emphasis::Primary, &text).icon(Icon::FolderOpen).enabled(can).ui(ui);
    take_keyboard(ui, card, &button, view);
    if can && button.clicked() {
        view.act(Action::PickDestination(Some(card.id)));
    }
}

/// Draws the button that receives although there seems to be too little free space, unless there are other reasons
/// against it.
fn anyway_ui(ui: &mut Ui, card: &Card, sheet: &Sheet, view: &mut View<'_>) {
    if sheet.can_accept_without_space() {
        let button = Button::new(Emphasis::Secondary, &view.say("receive-anyway")).ui(ui);
        if tip(button, &view.say("receive-anyway-means")).clicked() {
            view.act(Action::Sheet(card.id, SheetAction::IgnoreSpace));
            view.act(Action::Accept(card.id));
        }
    }
}

/// Gives the keyboard to the answer of a new offer, unless another control has it: a key that is meant for that must
/// not answer.
fn take_keyboard(ui: &Ui, card: &Card, button: &Response, view: &mut View<'_>) {
    if card.folds.wants_focus {
        if ui.memory(|memory| memory.focused().is_none()) {
            button.request_focus();
            bring_into_sight(ui, button.rect);
        }
        view.act(Action::Focused(card.id));
    }
}
