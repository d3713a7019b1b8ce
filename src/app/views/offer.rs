//! An offer: its entries as a tree with ticks, its destination, what stands in the way, and the answer.

use std::path::Path;

use eframe::egui::{
    Align, CornerRadius, FontSelection, Label, Layout, Margin, Rect, Response, RichText, Role, ScrollArea,
    Sense, Stroke, TextEdit, Ui, UiBuilder, WidgetInfo, pos2, vec2,
};

use super::{
    View,
    card_parts::{sign_of, standstill_ui, strangers_ui},
    taken::taken_ui,
};
use crate::{
    app::{
        explain,
        model::{
            action::{Action, SheetAction},
            card::Card,
            sheet::{FEW_REPAIRED, Sheet},
            tone::Tone,
            tree::{Tick, Tree},
        },
        theme::{self, CONTROL_RADIUS, palette, size, space},
        widgets::{
            Button, Emphasis, Icon, face, focus_ring,
            form::{self, Mark},
            icon, link, muted, named, note, paint_icon, part, row, small, title,
        },
        words::shown_path,
    },
    transfer::show::Shown,
};

/// Height of a row of the tree, in points.
const ROW: f32 = 28.0;
/// Height of the tree, in points: a good eight rows.
const TREE_HEIGHT: f32 = 232.0;
/// How many names that need a tick of their own are named above the answer. All of them stand first in the tree.
const FEW_GUARDED: usize = 6;
/// How many entries an offer must have before it can be searched; fewer are all in sight.
const WORTH_SEARCHING: usize = 12;

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
        title(ui, &offered);
    });
    small(ui, &amount(card, manifest.files(), manifest.bytes(), view));
    match &sheet.tree {
        // A text is offered as one entry, whose name says nothing.
        _ if card.is_text() => {}
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
    part(ui, "answer", |ui| answer_ui(ui, card, sheet, view));
}

/// How much is offered. A text doesn't count as a file for the user.
fn amount(card: &Card, files: u64, bytes: u64, view: &View<'_>) -> String {
    if card.is_text() { view.words.bytes(bytes) } else { explain::amount(view.words, files, Some(bytes)) }
}

fn tree_ui(ui: &mut Ui, card: &Card, sheet: &Sheet, tree: &Tree, view: &mut View<'_>) {
    if sheet.offer.manifest.entries().len() >= WORTH_SEARCHING {
        let (all, none) = (view.say("tick-all"), view.say("tick-none"));
        let mut did = None;
        let right = |ui: &mut Ui| {
            if link(ui, &all).clicked() {
                did = Some(Action::Sheet(card.id, SheetAction::TickAll(true)));
            }
            ui.add_space(space::XS);
            if link(ui, &none).clicked() {
                did = Some(Action::Sheet(card.id, SheetAction::TickAll(false)));
            }
        };
        row(ui, theme::CONTROL_HEIGHT, right, |ui| search_ui(ui, card, sheet, view));
        view.actions.extend(did);
    }
    let frame = eframe::egui::Frame::new()
        .fill(palette(ui).sunken)
        .stroke(Stroke::new(1.0, palette(ui).line))
        .corner_radius(CornerRadius::same(CONTROL_RADIUS))
        .inner_margin(Margin::symmetric(6, 4));
    frame.show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        let rows = tree.rows();
        if rows.is_empty() {
            ui.set_width(ui.available_width());
            muted(ui, &view.say("nothing-found"));
            return;
        }
        let area = ScrollArea::vertical().id_salt("tree").max_height(TREE_HEIGHT).auto_shrink([false, true]);
        area.show_rows(ui, ROW, rows.len(), |ui, range| {
            for node in rows.get(range).unwrap_or_default() {
                node_ui(ui, card, sheet, tree, *node, view);
            }
        });
    });
}

fn search_ui(ui: &mut Ui, card: &Card, sheet: &Sheet, view: &mut View<'_>) {
    let mut text = sheet.search.clone();
    let p = palette(ui);
    let hint = view.say("search");
    let edit = TextEdit::singleline(&mut text)
        .font(FontSelection::FontId(theme::font(theme::Weight::Regular, size::BODY)))
        .hint_text(RichText::new(&hint).color(p.muted))
        .desired_width((ui.available_width() - 24.0).min(320.0))
        .char_limit(200)
        .frame(form::field_frame(ui))
        .show(ui)
        .response
        .response;
    edit.widget_info(|| WidgetInfo {
        label: Some(hint.clone()),
        ..WidgetInfo::text_edit(true, &text, &text, "")
    });
    if edit.changed() {
        view.act(Action::Sheet(card.id, SheetAction::Search(text)));
    }
}

fn node_ui(ui: &mut Ui, card: &Card, sheet: &Sheet, tree: &Tree, number: u32, view: &mut View<'_>) {
    let p = palette(ui);
    let node = tree.node(number);
    let name = Shown(tree.name(number)).to_string();
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), ROW), Sense::hover());
    if ui.rect_contains_pointer(rect) {
        ui.painter().rect_filled(rect, CornerRadius::same(6), p.hover);
    }
    let depth = if tree.is_searched() { 0.0 } else { f32::from(node.depth.min(24)) };
    let mut left = rect.left() + 4.0 + depth * 20.0;
    let id = ui.scope_id().with(("node", node.entry));
    if node.is_folder && !tree.is_searched() {
        let area = Rect::from_min_size(pos2(left, rect.top()), vec2(20.0, ROW));
        let response = ui.interact(area, id.with("fold"), Sense::click());
        let is_open = tree.is_open(number);
        let key = if is_open { "close-named" } else { "open-named" };
        let label = view.words.tell(key, &[("name", name.as_str().into())]);
        response.widget_info(|| WidgetInfo::labeled(Role::DisclosureTriangle, true, &label));
        let sign = if is_open { Icon::ChevronDown } else { Icon::ChevronRight };
        paint_icon(ui, sign, area.center(), 15.0, p.muted);
        focus_ring(ui, &response, area.shrink(3.0), 4);
        if response.clicked() {
            view.act(Action::Sheet(card.id, SheetAction::Open(number)));
        }
    }
    left += 22.0;
    let tick = tree.tick(number);
    let area = Rect::from_min_size(pos2(left, rect.top()), vec2(22.0, ROW));
    let response = ui.interact(area, id, Sense::click());
    response.widget_info(|| WidgetInfo {
        selected: (tick != Tick::Partly).then_some(tick == Tick::On),
        ..WidgetInfo::selected(Role::CheckBox, true, false, &name)
    });
    let mark = match tick {
        Tick::Off => Mark::Off,
        Tick::Partly => Mark::Partly,
        Tick::On => Mark::On,
    };
    form::tick_box(ui, area, mark, response.hovered());
    focus_ring(ui, &response, area.shrink(4.0), 4);
    if response.clicked() {
        view.act(Action::Sheet(card.id, SheetAction::Tick(number, tick != Tick::On)));
    }
    left += 28.0;
    let sign = if node.is_folder { Icon::Folder } else { sign_of(&name) };
    paint_icon(ui, sign, pos2(left + 8.0, rect.center().y), 16.0, p.muted);
    left += 24.0;
    let size = view.words.bytes(node.bytes);
    let is_taken = sheet.offer.targets.get(node.entry as usize).is_some_and(|target| target.conflicts);
    let is_top = node.depth == 0 && !tree.is_searched();
    let is_here = tree.is_here(number);
    let marks = [
        ("already-here", is_here, p.ok),
        ("taken", is_taken && !is_here, p.warn),
        ("folder-taken", sheet.merges.binary_search(&node.entry).is_ok(), p.warn),
        ("barred", tree.is_barred(number), p.warn),
        ("hidden", is_top && tree.name(number).starts_with('.'), p.warn),
    ];
    let remainder = Rect::from_min_max(pos2(left, rect.top()), rect.right_bottom() - vec2(10.0, 0.0));
    ui.scope_builder(
        UiBuilder::new().max_rect(remainder).layout(Layout::right_to_left(Align::Center)),
        |ui| {
            small(ui, &size);
            for (key, _, ink) in marks.into_iter().filter(|(_, holds, _)| *holds) {
                ui.label(RichText::new(view.say(key)).size(size::SMALL).color(ink));
            }
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                let ink = if tick == Tick::Off { p.muted } else { p.text };
                ui.add(Label::new(RichText::new(name).color(ink)).truncate());
            });
        },
    );
}

fn destination_ui(ui: &mut Ui, card: &Card, sheet: &Sheet, folder: &Path, view: &mut View<'_>) {
    ui.horizontal(|ui| {
        icon(ui, Icon::FolderDown, 16.0, palette(ui).muted);
        small(ui, &view.say("save-to"));
        let shown = shown_path(folder);
        let name = format!("{}: {shown}", view.say("save-to-change"));
        if named(link(ui, &shown), &name).on_hover_text(view.say("save-to-change")).clicked() {
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
        ui.label(view.say("repaired"));
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
    let all = || sheet.offer.manifest.files().saturating_sub(sheet.here.files());
    let files = sheet.tree.as_ref().map_or_else(all, Tree::wanted_files);
    let amount = amount(card, files, sheet.wanted_bytes(), view);
    let accept = match (files, sheet.here()) {
        (0, (1.., _)) => view.say("accept-nothing"),
        _ => view.words.tell("accept", &[("amount", amount.into())]),
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
        if button.on_hover_text(view.say("receive-anyway-means")).clicked() {
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
            button.scroll_to_me(None);
        }
        view.act(Action::Focused(card.id));
    }
}
