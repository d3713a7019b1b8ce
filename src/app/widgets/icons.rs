//! Icons: alone, on a disc, on a tile.

use eframe::egui::{Color32, CornerRadius, Pos2, Response, Sense, Stroke, StrokeKind, Ui, Vec2};
pub(in crate::app) use lucide_icons::Icon;

use crate::app::theme::{self, CONTROL_RADIUS, palette};

/// Draws an icon.
pub(in crate::app) fn icon(ui: &mut Ui, icon: Icon, points: f32, colour: Color32) -> Response {
    let (rect, response) = ui.allocate_exact_size(Vec2::splat(points), Sense::hover());
    paint_icon(ui, icon, rect.center(), points, colour);
    response
}

/// Paints an icon around `centre`.
pub(in crate::app) fn paint_icon(ui: &Ui, icon: Icon, centre: Pos2, points: f32, colour: Color32) {
    let galley = ui.painter().layout_no_wrap(char::from(icon).to_string(), theme::icons(points), colour);
    // Centred by what is drawn, because the font's own lines fall on other pixels at every size.
    let at = centre - galley.mesh_bounds.center().to_vec2();
    ui.painter().galley(at, galley, colour);
}

/// Draws a large icon on a tinted disc, to stand over a few words in an empty place.
pub(in crate::app) fn disc(ui: &mut Ui, sign: Icon) {
    let p = palette(ui);
    let (rect, _) = ui.allocate_exact_size(Vec2::splat(64.0), Sense::hover());
    ui.painter().circle_filled(rect.center(), 32.0, p.accent_soft);
    paint_icon(ui, sign, rect.center(), 28.0, p.accent);
}

/// Draws an icon on a square, perhaps with a badge at its corner, as for a file in a list.
pub(in crate::app) fn tile(ui: &mut Ui, sign: Icon, badge: Option<(Icon, Color32)>) {
    const SIDE: f32 = 42.0;
    let p = palette(ui);
    let (rect, _) = ui.allocate_exact_size(Vec2::splat(SIDE), Sense::hover());
    let radius = CornerRadius::same(CONTROL_RADIUS + 1);
    ui.painter().rect(rect, radius, p.sunken, Stroke::new(1.0, p.line), StrokeKind::Inside);
    paint_icon(ui, sign, rect.center(), 20.0, p.muted);
    if let Some((sign, colour)) = badge {
        let centre = rect.right_bottom() - Vec2::splat(4.0);
        ui.painter().circle(centre, 9.0, colour, Stroke::new(2.0, p.card));
        let ink = if ui.visuals().dark_mode { p.card } else { Color32::WHITE };
        paint_icon(ui, sign, centre, 11.0, ink);
    }
}
