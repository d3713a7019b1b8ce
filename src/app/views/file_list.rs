//! The files of a running transfer, a row for each, with how far each has come.

use eframe::egui::{Color32, Rect, Role, ScrollArea, Sense, Ui, WidgetInfo, vec2};

use super::{View, card_parts::sign_of};
use crate::{
    app::{
        model::card::Card,
        theme::{CONTROL_RADIUS, palette, size, space},
        widgets::{
            Icon, focus_ring, icon, keep_arrows, line, name_line, plain, row_of_words, scroll_by_keys, small,
            tinted,
        },
    },
    engine::FileState,
    protocol::manifest::Entry,
    transfer::show::Shown,
};

/// Height of a row, in points.
const ROW: f32 = 26.0;
/// Most rows that are in sight; half a row shows that there are more.
const ROWS: f32 = 6.5;

/// What of the list was in sight in the last frame.
#[derive(Clone)]
struct LastSight {
    /// The number of that frame.
    pass: u64,
    /// How far down the list was scrolled, in points.
    top: f32,
    /// The row of the file that moved.
    row: Option<usize>,
}

/// How far down the list is to be scrolled to the row of the file that moves, in points; `None` leaves it where it is. It opens there,
/// and goes along as long as the file that moved before was in sight. A user who has scrolled elsewhere is left alone.
fn follow(before: Option<&LastSight>, now: usize, height: f32) -> Option<f32> {
    let is_in_sight = |row: usize, top: f32| {
        let at = row as f32 * ROW;
        at + ROW > top && at < top + height
    };
    let is_whole = |row: usize, top: f32| {
        let at = row as f32 * ROW;
        at >= top - 0.5 && at + ROW <= top + height + 0.5
    };
    let follows = before.is_none_or(|before| {
        before.row != Some(now)
            && before.row.is_none_or(|row| is_in_sight(row, before.top))
            && !is_whole(now, before.top)
    });
    // The one before it stays in sight.
    follows.then_some((now as f32 - 1.0).max(0.0) * ROW)
}

/// Draws the list of a transfer that has more than one file.
pub(super) fn file_list_ui(ui: &mut Ui, card: &Card, view: &View<'_>) {
    let (Some(states), Some(manifest)) = (card.file_list.states(), &card.manifest) else { return };
    let files = states.files();
    if files.len() < 2 {
        return;
    }
    tinted(ui, palette(ui).sunken, |ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        let height = (files.len() as f32).min(ROWS) * ROW;
        let id = ui.scope_id().with("files");
        let place = Rect::from_min_size(ui.cursor().min, vec2(ui.available_width(), height));
        let list = ui.interact(place, id, Sense::focusable_noninteractive());
        let name = view.say("file-list");
        list.widget_info(|| WidgetInfo::labeled(Role::List, true, &name));
        keep_arrows(ui, &list);
        let now = card.progress.file.map(|now| files.partition_point(|file| *file < now));
        let pass = ui.ctx().cumulative_pass_nr();
        let before: Option<LastSight> = ui.data(|data| data.get_temp(id));
        let before = before.filter(|before| before.pass + 1 >= pass);
        if before.is_none() {
            ui.scroll_to_rect(place, None);
        }
        let mut area = ScrollArea::vertical().id_salt("files").max_height(height).auto_shrink([false, true]);
        if let Some(top) = now.and_then(|now| follow(before.as_ref(), now, height)) {
            area = area.vertical_scroll_offset(top);
        }
        let shown = area.show_rows(ui, ROW, files.len(), |ui, range| {
            // The scroll bar floats over the right edge.
            ui.set_max_width(ui.available_width() - space::M);
            for file in files.get(range).unwrap_or_default() {
                if let Some(entry) = manifest.entries().get(*file as usize) {
                    file_ui(ui, entry, states.state(*file), view);
                }
            }
            scroll_by_keys(ui, &list, ROW, height - ROW, files.len() as f32 * ROW);
        });
        let sight = LastSight { pass, top: shown.state.clamped_offset().y, row: now };
        ui.data_mut(|data| data.insert_temp(id, sight));
        focus_ring(ui, &list, list.rect.expand(2.0), CONTROL_RADIUS);
    });
}

fn file_ui(ui: &mut Ui, entry: &Entry, state: FileState, view: &View<'_>) {
    let p = palette(ui);
    let (key, ink, sign): (_, Color32, _) = match state {
        FileState::Waiting => ("file-waiting", p.muted, None),
        FileState::Moving(_) => ("file-moving", p.accent, None),
        FileState::Stored => ("file-stored", p.ok, Some(Icon::Check)),
        FileState::Withdrawn => ("file-withdrawn", p.warn, Some(Icon::TriangleAlert)),
    };
    let percent = if let FileState::Moving(part) = state { (part * 100.0).floor() as u64 } else { 0 };
    let args = [("percent", percent.into()), ("size", view.words.bytes(entry.size()).into())];
    let said = view.words.tell(key, &args);
    let right = |ui: &mut Ui| {
        line(ui, &said, plain(size::SMALL), ink);
    };
    row_of_words(ui, ROW, right, |ui| {
        let name = Shown(entry.path.name()).to_string();
        icon(ui, sign.unwrap_or_else(|| sign_of(&name)), 15.0, sign.map_or(p.muted, |_| ink));
        // The name has room before the folder that it is in.
        name_line(ui, &name, plain(size::BODY), p.text);
        if let Some(folder) = entry.path.parent() {
            small(ui, &Shown(folder.as_str()).to_string());
        }
    });
}
