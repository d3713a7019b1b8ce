//! The entries of an offer as a tree with ticks: the search above it, its rows, and the keyboard in it.
//!
//! The keyboard comes to the tree as a whole, and goes through its rows with the arrows. So a hundred thousand rows are
//! one stop, and rows that are out of sight are reached as well.

use eframe::egui::{
    Align, CornerRadius, EventFilter, FontSelection, Frame, Id, Key, Layout, Margin, Modifiers, Pos2, Rect,
    Response, RichText, Role, ScrollArea, Sense, Stroke, TextEdit, Ui, UiBuilder, Vec2, WidgetInfo,
    accesskit::{Action as Deed, Toggled},
    pos2, vec2,
};

use super::{View, card_parts::sign_of};
use crate::{
    app::{
        model::{
            action::{Action, SheetAction},
            card::Card,
            pictures::is_picture,
            sheet::Sheet,
            tree::{Node, Order, Tick, Tree, Walk},
        },
        theme::{self, CONTROL_RADIUS, palette, size, space},
        widgets::{
            Icon, focus_ring,
            form::{self, Mark},
            line, link, muted, name_line, paint_awaited, paint_icon, part, plain, row, small,
        },
    },
    protocol::thumbnail::MAX_THUMBNAILS,
    transfer::show::Shown,
};

/// Height of a row of the tree, in points.
const ROW: f32 = 28.0;
/// Height of a row while pictures are shown, in points.
const TALL_ROW: f32 = 56.0;
/// Side of a picture in a row, in points.
const PICTURE: f32 = 48.0;
/// Side of the picture of a single file, in points.
const LARGE_PICTURE: f32 = 128.0;
/// How many rows are shown at least, if there are as many.
const LEAST_ROWS: f32 = 8.0;
/// How much of the window's height the rows take at most, so that the answer below them stays in sight.
const SHARE: f32 = 0.45;
/// How many entries an offer must have before it can be searched and sorted; fewer are all in sight.
const WORTH_SEARCHING: usize = 12;

/// Draws the tree of an offer.
pub(super) fn tree_ui(ui: &mut Ui, card: &Card, sheet: &Sheet, tree: &Tree, view: &mut View<'_>) {
    let is_long = sheet.offer.manifest.entries().len() >= WORTH_SEARCHING;
    if is_long || sheet.pictures.are_there() {
        part(ui, "tools", |ui| tools_ui(ui, card, sheet, tree, is_long, view));
    }
    let frame = Frame::new()
        .fill(palette(ui).sunken)
        .stroke(Stroke::new(1.0, palette(ui).line))
        .corner_radius(CornerRadius::same(CONTROL_RADIUS))
        .inner_margin(Margin::symmetric(6, 4));
    part(ui, "list", |ui| {
        frame.show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = 0.0;
            if tree.rows().is_empty() {
                ui.set_width(ui.available_width());
                muted(ui, &view.say("nothing-found"));
            } else {
                rows_ui(ui, card, sheet, tree, view);
            }
        });
    });
}

/// Draws the picture of a single file that is offered, once the user wants to see it.
pub(super) fn picture_ui(ui: &mut Ui, card: &Card, sheet: &Sheet, view: &mut View<'_>) {
    if !sheet.pictures.are_there() {
        return;
    }
    if !sheet.pictures.are_shown {
        if link(ui, &view.say("show-picture")).clicked() {
            view.act(Action::Sheet(card.id, SheetAction::ShowPictures(true)));
        }
        return;
    }
    if sheet.pictures.has_none(0) {
        small(ui, &view.say("picture-none"));
        return;
    }
    let (place, response) = ui.allocate_exact_size(Vec2::splat(LARGE_PICTURE), Sense::hover());
    let name = view.say("picture");
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, &name));
    match sheet.pictures.get(0) {
        Some(thumbnail) => {
            // It begins where everything else does.
            let width = (thumbnail.size()[0] as f32).min(LARGE_PICTURE);
            let left = Rect::from_min_size(place.min, vec2(width, LARGE_PICTURE));
            view.textures.draw(ui, (card.id, 0), thumbnail, left);
        }
        None => paint_awaited(ui, place),
    }
    if sheet.pictures.asks_for(&[0]) {
        view.act(Action::Sheet(card.id, SheetAction::InSight(vec![0])));
    }
}

/// Draws what shows pictures and, for a long offer, the search, how the tree is sorted, and what ticks all of it.
fn tools_ui(ui: &mut Ui, card: &Card, sheet: &Sheet, tree: &Tree, is_long: bool, view: &mut View<'_>) {
    let count = [("count", tree.rows().len().into())];
    let (all, none) = if tree.is_searched() {
        (view.words.tell("tick-all-found", &count), view.words.tell("tick-none-found", &count))
    } else {
        (view.say("tick-all"), view.say("tick-none"))
    };
    let (sort, order) = match tree.order() {
        Order::Name => (view.say("sort-by-size"), Order::Size),
        Order::Size => (view.say("sort-by-name"), Order::Name),
    };
    let are_shown = sheet.pictures.are_shown;
    let pictures = view.say(if are_shown { "hide-pictures" } else { "show-pictures" });
    let mut did = None;
    let right = |ui: &mut Ui| {
        let of_pictures =
            sheet.pictures.are_there().then_some((&pictures, SheetAction::ShowPictures(!are_shown)));
        let of_long_ones = [
            (&sort, SheetAction::Sort(order)),
            (&all, SheetAction::TickAll(true)),
            (&none, SheetAction::TickAll(false)),
        ];
        for (text, action) in of_pictures.into_iter().chain(of_long_ones.into_iter().filter(|_| is_long)) {
            ui.add_space(space::XS);
            // A search that finds nothing leaves nothing to tick.
            ui.add_enabled_ui(!tree.rows().is_empty(), |ui| {
                if link(ui, text).clicked() {
                    did = Some(Action::Sheet(card.id, action));
                }
            });
        }
    };
    row(ui, theme::CONTROL_HEIGHT, right, |ui| {
        if is_long {
            search_ui(ui, card, sheet, view);
        }
    });
    if are_shown && sheet.pictures.are_at_limit() {
        small(ui, &view.words.tell("pictures-most", &[("count", MAX_THUMBNAILS.into())]));
    }
    view.actions.extend(did);
}

fn search_ui(ui: &mut Ui, card: &Card, sheet: &Sheet, view: &mut View<'_>) {
    let mut text = sheet.search.clone();
    let hint = view.say("search");
    let edit = TextEdit::singleline(&mut text)
        .font(FontSelection::FontId(plain(size::BODY)))
        .hint_text(RichText::new(&hint).color(palette(ui).muted))
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
    focus_ring(ui, &edit, edit.rect, CONTROL_RADIUS);
    if edit.changed() {
        view.act(Action::Sheet(card.id, SheetAction::Search(text)));
    }
}

/// Draws the rows that are in sight, and lets the keyboard go through all of them.
fn rows_ui(ui: &mut Ui, card: &Card, sheet: &Sheet, tree: &Tree, view: &mut View<'_>) {
    let id = ui.scope_id().with("rows");
    let height = if sheet.pictures.are_shown { TALL_ROW } else { ROW };
    let least = LEAST_ROWS * ROW / height;
    let fitting = (ui.ctx().content_rect().height() * SHARE / height).floor().max(least);
    let has_focus = ui.memory(|memory| memory.has_focus(id));
    if has_focus && let Some(walk) = walk(ui, id, fitting as usize - 1) {
        view.act(Action::Sheet(card.id, SheetAction::Walk(walk)));
    }
    // The list scrolls only when the keyboard has come or moved, so that a look elsewhere is not undone.
    let cursor = tree.cursor_row().filter(|_| has_focus);
    let before: Option<usize> = ui.data(|data| data.get_temp(id)).flatten();
    ui.data_mut(|data| data.insert_temp(id, cursor));
    let moved = cursor.filter(|_| cursor != before);
    let rows = tree.rows();
    // Half a row shows that there are more.
    let most = if rows.len() as f32 > fitting { fitting + 0.5 } else { fitting };
    let place = vec2(ui.available_width(), (rows.len() as f32).min(most) * height);
    let response =
        ui.interact(Rect::from_min_size(ui.cursor().min, place), id, Sense::focusable_noninteractive());
    let name = view.say("offer-list");
    response.widget_info(|| WidgetInfo::labeled(Role::Tree, true, &name));
    focus_ring(ui, &response, response.rect.expand(2.0), CONTROL_RADIUS);
    ui.scope_builder(UiBuilder::new().accessibility_parent(id), |ui| {
        let area =
            ScrollArea::vertical().id_salt("tree").max_height(most * height).auto_shrink([false, true]);
        area.show_rows(ui, height, rows.len(), |ui, range| {
            let (top, width) = (ui.max_rect().top(), ui.max_rect().x_range());
            if let Some(row) = moved {
                let y = top + (row as f32 - range.start as f32) * height;
                ui.scroll_to_rect(Rect::from_x_y_ranges(width, y..=y + height), None);
            }
            see_pictures(card, sheet, tree, rows.get(range.clone()).unwrap_or_default(), view);
            for number in range {
                let Some(node) = rows.get(number).copied() else { continue };
                let place = RowPlace { list: id, number, node, is_at: cursor == Some(number), height };
                if node_ui(ui, card, sheet, tree, &place, view) {
                    ui.memory_mut(|memory| memory.request_focus(id));
                }
            }
        });
    });
    let at = tree.cursor().map(|node| id_of(id, tree, node)).filter(|at| ui.ctx().has_accesskit_node(*at));
    ui.ctx().accesskit_node_builder(id, |list| {
        list.set_size_of_set(rows.len());
        // Where the keyboard is, as long as that row is in sight.
        if let Some(at) = at {
            list.set_active_descendant(at.accesskit_id());
        }
    });
}

/// Asks for the thumbnails of pictures that have come into sight.
fn see_pictures(card: &Card, sheet: &Sheet, tree: &Tree, rows: &[u32], view: &mut View<'_>) {
    if !sheet.pictures.are_shown {
        return;
    }
    let entries = sheet.offer.manifest.entries();
    let in_sight = rows.iter().map(|row| tree.node(*row).entry);
    let in_sight: Vec<u32> =
        in_sight.filter(|entry| entries.get(*entry as usize).is_some_and(is_picture)).collect();
    if sheet.pictures.asks_for(&in_sight) {
        view.act(Action::Sheet(card.id, SheetAction::InSight(in_sight)));
    }
}

/// What the keyboard wants of the tree, which has it. `page` is how many rows a page has.
fn walk(ui: &Ui, id: Id, page: usize) -> Option<Walk> {
    let filter = EventFilter { horizontal_arrows: true, vertical_arrows: true, ..EventFilter::default() };
    ui.memory_mut(|memory| memory.set_focus_lock_filter(id, filter));
    let keys = [
        (Key::ArrowUp, Walk::Up(1)),
        (Key::ArrowDown, Walk::Down(1)),
        (Key::ArrowLeft, Walk::Out),
        (Key::ArrowRight, Walk::In),
        (Key::Home, Walk::First),
        (Key::End, Walk::Last),
        (Key::PageUp, Walk::Up(page)),
        (Key::PageDown, Walk::Down(page)),
        (Key::Space, Walk::Tick),
    ];
    ui.input_mut(|input| {
        keys.into_iter().find(|(key, _)| input.consume_key(Modifiers::NONE, *key)).map(|(_, walk)| walk)
    })
}

fn id_of(list: Id, tree: &Tree, node: u32) -> Id {
    list.with(("node", tree.node(node).entry))
}

/// Where a row is.
struct RowPlace {
    /// The id of the list.
    list: Id,
    /// Which of the rows it is.
    number: usize,
    node: u32,
    /// Whether the keyboard is on it.
    is_at: bool,
    /// Its height in points.
    height: f32,
}

/// Draws a row; returns whether it was clicked.
fn node_ui(
    ui: &mut Ui,
    card: &Card,
    sheet: &Sheet,
    tree: &Tree,
    place: &RowPlace,
    view: &mut View<'_>,
) -> bool {
    let p = palette(ui);
    let number = place.node;
    let node = tree.node(number);
    let name = Shown(tree.name(number)).to_string();
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), place.height), Sense::hover());
    let id = id_of(place.list, tree, number);
    let response = ui.interact(rect, id, Sense::CLICK);
    if place.is_at || response.hovered() {
        let fill = if place.is_at { p.accent_soft } else { p.hover };
        ui.painter().rect_filled(rect, CornerRadius::same(6), fill);
    }
    let act = |action| Action::Sheet(card.id, action);
    let has_folds = node.is_folder && !tree.is_searched();
    let depth = if tree.is_searched() { 0.0 } else { f32::from(node.depth.min(24)) };
    let mut left = rect.left() + 4.0 + depth * 20.0;
    if has_folds && fold_ui(ui, tree, place, &name, pos2(left, rect.top()), view) {
        view.act(act(SheetAction::Open(number)));
    }
    left += 22.0;
    let tick = tree.tick(number);
    let mark = match tick {
        Tick::Off => Mark::Off,
        Tick::Partly => Mark::Partly,
        Tick::On => Mark::On,
    };
    form::tick_box(
        ui,
        Rect::from_min_size(pos2(left, rect.top()), vec2(22.0, place.height)),
        mark,
        response.hovered(),
    );
    if response.clicked() {
        view.act(act(SheetAction::Walk(Walk::To(number))));
        view.act(act(SheetAction::Tick(number, tick != Tick::On)));
    }
    left += 28.0;
    left += sign_ui(ui, card, sheet, node, pos2(left, rect.center().y), view);
    let marks = marks(ui, sheet, tree, number, view);
    let bytes = view.words.bytes(node.bytes);
    let remainder = Rect::from_min_max(pos2(left, rect.top()), rect.right_bottom() - vec2(10.0, 0.0));
    ui.scope_builder(
        UiBuilder::new().max_rect(remainder).layout(Layout::right_to_left(Align::Center)),
        |ui| {
            small(ui, &bytes);
            for (text, ink) in &marks {
                line(ui, text, plain(size::SMALL), *ink);
            }
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                let is_coming = tick != Tick::Off && !tree.is_skipped(number);
                name_line(ui, &name, plain(size::BODY), if is_coming { p.text } else { p.muted });
            });
        },
    );
    let about: Vec<&str> =
        std::iter::once(bytes.as_str()).chain(marks.iter().map(|(text, _)| text.as_str())).collect();
    tell_row(ui, &response, tree, place, &name, &about.join(", "));
    response.clicked()
}

/// Draws the icon of an entry from `at` to the right, or its picture, and returns how much width that takes.
fn sign_ui(ui: &Ui, card: &Card, sheet: &Sheet, node: &Node, at: Pos2, view: &mut View<'_>) -> f32 {
    let width = if sheet.pictures.are_shown { PICTURE } else { 16.0 };
    let thumbnail = sheet.pictures.get(node.entry).filter(|_| sheet.pictures.are_shown);
    let middle = pos2(at.x + width / 2.0, at.y);
    if let Some(thumbnail) = thumbnail {
        let place = Rect::from_center_size(middle, Vec2::splat(PICTURE));
        view.textures.draw(ui, (card.id, node.entry), thumbnail, place);
    } else if sheet.pictures.are_shown && sheet.pictures.is_awaited(node.entry) {
        paint_awaited(ui, Rect::from_center_size(middle, Vec2::splat(PICTURE)));
    } else {
        let entry = sheet.offer.manifest.entries().get(node.entry as usize);
        let name = entry.map_or("", |entry| entry.path.name());
        let sign = if node.is_folder { Icon::Folder } else { sign_of(name) };
        let points = if sheet.pictures.are_shown { 20.0 } else { 16.0 };
        paint_icon(ui, sign, middle, points, palette(ui).muted);
    }
    width + 8.0
}

/// Draws what opens and closes a folder; returns whether it was clicked, or whether a screen reader asks for that.
fn fold_ui(ui: &Ui, tree: &Tree, place: &RowPlace, name: &str, at: Pos2, view: &View<'_>) -> bool {
    let area = Rect::from_min_size(at, vec2(20.0, place.height));
    let is_open = tree.is_open(place.node);
    let id = id_of(place.list, tree, place.node);
    let response = ui.interact(area, id.with("fold"), Sense::CLICK);
    let key = if is_open { "close-named" } else { "open-named" };
    let label = view.words.tell(key, &[("name", name.into())]);
    response.widget_info(|| WidgetInfo::labeled(Role::DisclosureTriangle, true, &label));
    let sign = if is_open { Icon::ChevronDown } else { Icon::ChevronRight };
    paint_icon(ui, sign, area.center(), 15.0, palette(ui).muted);
    let deed = if is_open { Deed::Collapse } else { Deed::Expand };
    response.clicked() || ui.input(|input| input.has_accesskit_action_request(id, deed))
}

/// What is special about an entry, each with its colour.
fn marks(
    ui: &Ui,
    sheet: &Sheet,
    tree: &Tree,
    number: u32,
    view: &View<'_>,
) -> Vec<(String, eframe::egui::Color32)> {
    let p = palette(ui);
    let node = tree.node(number);
    let is_taken = sheet.offer.targets.get(node.entry as usize).is_some_and(|target| target.conflicts);
    let is_top = node.depth == 0 && !tree.is_searched();
    let is_here = tree.is_here(number);
    let is_skipped = tree.is_skipped(number) && tree.tick(number) != Tick::Off;
    let marks = [
        ("already-here", is_here, p.ok),
        ("skipped", is_skipped, p.warn),
        ("taken", is_taken && !is_here && !is_skipped, p.warn),
        ("folder-taken", !is_skipped && sheet.merges.binary_search(&node.entry).is_ok(), p.warn),
        ("barred", tree.is_barred(number), p.warn),
        ("hidden", is_top && tree.name(number).starts_with('.'), p.warn),
    ];
    marks.into_iter().filter(|(_, holds, _)| *holds).map(|(key, _, ink)| (view.say(key), ink)).collect()
}

/// Tells a screen reader what a row is.
fn tell_row(ui: &Ui, response: &Response, tree: &Tree, place: &RowPlace, name: &str, about: &str) {
    let tick = tree.tick(place.node);
    let node = tree.node(place.node);
    response.widget_info(|| WidgetInfo {
        selected: (tick != Tick::Partly).then_some(tick == Tick::On),
        ..WidgetInfo::labeled(Role::TreeItem, true, name)
    });
    ui.ctx().accesskit_node_builder(response.id, |row| {
        if tick == Tick::Partly {
            row.set_toggled(Toggled::Mixed);
        }
        row.set_description(about);
        row.set_position_in_set(place.number);
        if tree.is_searched() {
            return;
        }
        row.set_level(node.depth.into());
        if node.is_folder {
            let is_open = tree.is_open(place.node);
            row.set_expanded(is_open);
            row.add_action(if is_open { Deed::Collapse } else { Deed::Expand });
        }
    });
}
