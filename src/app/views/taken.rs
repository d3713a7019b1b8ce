//! Names of an offer that are taken in the receiver's folder, and what the user chooses to do about them: for all files
//! and for all folders at once, and for each.

use std::time::UNIX_EPOCH;

use eframe::egui::{ScrollArea, Ui};

use super::{View, history::moment};
use crate::{
    app::{
        model::{
            action::{Action, SheetAction},
            card::Card,
            sheet::Sheet,
        },
        theme::{self, palette, size, space},
        widgets::{Icon, form, icon, line, one_line, paragraph, part, plain, row, small, tinted},
    },
    engine::{OnConflict, OnMerge},
    protocol::{
        RelPath,
        manifest::{Entry, EntryKind},
    },
    transfer::{plan::placement::Target, show::Shown},
};

/// Height of a list of names, in points: three rows and a bit, which shows that there are more.
const LIST_HEIGHT: f32 = 150.0;
/// Height of a row of such a list, in points: a control and some room.
const ROW: f32 = 42.0;

/// Names that are taken in one way, with what can be done about them.
struct TakenNames<'a, P> {
    /// The key of what is said about them, and of the list.
    key: &'static str,
    entries: &'a [u32],
    /// The choices, each with the key of what it is called and of what it means.
    policies: [(P, &'static str, &'static str); 3],
    /// What is chosen for all.
    for_all: P,
    /// What is chosen for one of them.
    policy: fn(&Sheet, u32) -> P,
    /// What is done under a policy.
    comes_to: fn(&Target, P) -> P,
    /// Where one of them goes.
    becomes: fn(&Target, P) -> Option<&RelPath>,
    choose_for_all: fn(P) -> SheetAction,
    choose: fn(u32, P) -> SheetAction,
}

/// Draws the names that are taken, if there are any.
pub(super) fn taken_ui(ui: &mut Ui, card: &Card, sheet: &Sheet, view: &mut View<'_>) {
    let folders = TakenNames {
        key: "merges",
        entries: &sheet.merges,
        policies: [
            (OnMerge::KeepBoth, "keep-both", "keep-both-folders-means"),
            (OnMerge::Merge, "merge", "merge-means"),
            (OnMerge::Skip, "skip", "skip-folder-means"),
        ],
        for_all: sheet.on_merge,
        policy: Sheet::merge_policy,
        comes_to: |_, policy| policy,
        becomes: Target::merged,
        choose_for_all: SheetAction::OnMerge,
        choose: SheetAction::MergeException,
    };
    let others = TakenNames {
        key: "conflicts",
        entries: &sheet.conflicts,
        policies: [
            (OnConflict::KeepBoth, "keep-both", "keep-both-means"),
            (OnConflict::Replace, "replace", "replace-means"),
            (OnConflict::Skip, "skip", "skip-means"),
        ],
        for_all: sheet.on_conflict,
        policy: Sheet::policy,
        comes_to: Target::comes_to,
        becomes: Target::under,
        choose_for_all: SheetAction::OnConflict,
        choose: SheetAction::Exception,
    };
    if !sheet.merges.is_empty() {
        part(ui, "merges", |ui| box_ui(ui, card, sheet, &folders, view));
    }
    if !sheet.conflicts.is_empty() {
        part(ui, "conflicts", |ui| box_ui(ui, card, sheet, &others, view));
    }
}

fn box_ui<P: Copy + PartialEq>(
    ui: &mut Ui,
    card: &Card,
    sheet: &Sheet,
    taken: &TakenNames<'_, P>,
    view: &mut View<'_>,
) {
    let p = palette(ui);
    tinted(ui, p.warn_soft, |ui| {
        ui.set_width(ui.available_width());
        let text = view.words.tell(taken.key, &[("count", taken.entries.len().into())]);
        // The row is as high as its buttons from the start, so that the words stand in their middle.
        ui.spacing_mut().interact_size.y = theme::CONTROL_HEIGHT;
        let names = taken.policies.map(|(_, key, _)| view.say(key));
        let (words, _) = one_line(ui, &text, plain(size::BODY), p.text, f32::INFINITY);
        let gap = ui.spacing().item_spacing.x;
        let widths = names.iter().map(|name| form::option_width(ui, name) + gap);
        let fits = size::ICON + gap + words.size().x + widths.sum::<f32>() + space::M <= ui.available_width();
        let mut options = |ui: &mut Ui| {
            for ((policy, ..), name) in taken.policies.iter().zip(&names) {
                if form::option(ui, taken.for_all == *policy, name) {
                    view.act(Action::Sheet(card.id, (taken.choose_for_all)(*policy)));
                }
            }
        };
        let said = |ui: &mut Ui| {
            icon(ui, Icon::TriangleAlert, size::ICON, p.warn);
            paragraph(ui, &text, plain(size::BODY), p.text);
        };
        if fits {
            ui.horizontal(|ui| {
                said(ui);
                options(ui);
            });
        } else {
            ui.horizontal(said);
            ui.horizontal_wrapped(options);
        }
        // Of a single one that gets a new name, that name stands below, and an example would only confuse.
        let shows_itself = taken.entries.len() == 1 && taken.for_all == taken.policies[0].0;
        let meaning = taken.policies.iter().find(|(policy, ..)| *policy == taken.for_all);
        if let Some((.., means)) = meaning.filter(|_| !shows_itself) {
            small(ui, &view.say(means));
        }
        let area =
            ScrollArea::vertical().id_salt(taken.key).max_height(LIST_HEIGHT).auto_shrink([false, true]);
        ui.spacing_mut().item_spacing.y = 0.0;
        area.show_rows(ui, ROW, taken.entries.len(), |ui, range| {
            // The scroll bar floats over the right edge.
            ui.set_max_width(ui.available_width() - space::M);
            for entry in taken.entries.get(range).unwrap_or_default() {
                name_ui(ui, card, sheet, taken, *entry, view);
            }
        });
    });
}

/// Draws a name that is taken, and what is chosen for it.
fn name_ui<P: Copy + PartialEq>(
    ui: &mut Ui,
    card: &Card,
    sheet: &Sheet,
    taken: &TakenNames<'_, P>,
    entry: u32,
    view: &mut View<'_>,
) {
    let Some(listed) = sheet.offer.manifest.entries().get(entry as usize) else { return };
    let target = sheet.offer.targets.get(entry as usize);
    let name = Shown(listed.path.as_str()).to_string();
    let policy = (taken.policy)(sheet, entry);
    let compared = compared(sheet, listed, entry, view);
    let done = target.map_or(policy, |target| (taken.comes_to)(target, policy));
    let right = |ui: &mut Ui| {
        let chosen = taken.policies.iter().find(|(known, ..)| *known == done);
        let label = view.words.tell("conflict-named", &[("name", name.as_str().into())]);
        let chosen = chosen.map_or_else(String::new, |(_, key, _)| view.say(key));
        form::list(ui, (taken.key, entry), &label, &chosen, 120.0, |ui| {
            for (choice, key, _) in taken.policies {
                if ui.selectable_label(choice == policy, view.say(key)).clicked() {
                    view.act(Action::Sheet(card.id, (taken.choose)(entry, choice)));
                }
            }
        });
    };
    row(ui, ROW, right, |ui| {
        let becomes = target.and_then(|target| (taken.becomes)(target, policy)).map(RelPath::name);
        let text = match becomes.filter(|becomes| *becomes != listed.path.name()) {
            Some(becomes) => format!("{name}  →  {}", Shown(becomes)),
            None => name.clone(),
        };
        ui.vertical(|ui| {
            ui.spacing_mut().item_spacing.y = 2.0;
            let ink = palette(ui).text;
            if compared.is_none() {
                // The name stands in the middle of the row.
                ui.add_space((ROW - size::SMALL * 1.5) / 2.0);
            }
            line(ui, &text, plain(size::SMALL), ink);
            if let Some(compared) = &compared {
                small(ui, compared);
            }
        });
    });
}

/// What is known of the file that is there and of the one that is offered: `Here: 50 MiB, … · new: 5 MiB, …`.
fn compared(sheet: &Sheet, listed: &Entry, entry: u32, view: &View<'_>) -> Option<String> {
    let there = sheet.offer.existing.get(&entry)?;
    let EntryKind::File { size, modified, .. } = &listed.kind else { return None };
    let file = |bytes: u64, secs: Option<u64>| match secs {
        Some(secs) => format!("{}, {}", view.words.bytes(bytes), moment(secs, view)),
        None => view.words.bytes(bytes),
    };
    let changed = there.modified.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let here = file(there.bytes, changed.map(|since| since.as_secs()));
    let new = file(*size, modified.and_then(|modified| u64::try_from(modified.secs).ok()));
    Some(view.words.tell("compared", &[("here", here.into()), ("new", new.into())]))
}
