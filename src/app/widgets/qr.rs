//! QR codes.

use eframe::egui::{
    Color32, CornerRadius, Mesh, Rect, Response, Role, Sense, Shape, Stroke, StrokeKind, Ui, Vec2,
    WidgetInfo, vec2,
};

use crate::app::theme::{CONTROL_RADIUS, palette};

/// The side of a QR code with its quiet zone: as close to `most` as whole pixels for each module allow, so that no
/// seams show between them.
fn qr_side(ui: &Ui, modules: &[Vec<bool>], most: f32) -> f32 {
    qr_module(ui, modules, most) * (modules.len() + 2 * QR_QUIET) as f32
}

/// Width of the white border around a QR code, in modules. ISO 18004 asks for four.
const QR_QUIET: usize = 4;

fn qr_module(ui: &Ui, modules: &[Vec<bool>], most: f32) -> f32 {
    let scale = ui.pixels_per_point();
    (most * scale / (modules.len() + 2 * QR_QUIET) as f32).floor().max(1.0) / scale
}

/// Draws a QR code, black on white in every appearance so that every reader takes it. `modules` are its rows.
pub(in crate::app) fn qr(ui: &mut Ui, modules: &[Vec<bool>], most: f32, name: &str) -> Response {
    let side = qr_side(ui, modules, most);
    let (rect, response) = ui.allocate_exact_size(Vec2::splat(side), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, name));
    let painter = ui.painter();
    let edge = Stroke::new(1.0, palette(ui).line);
    painter.rect(rect, CornerRadius::same(CONTROL_RADIUS), Color32::WHITE, edge, StrokeKind::Inside);
    let scale = ui.pixels_per_point();
    let module = qr_module(ui, modules, most);
    let from = rect.center() - Vec2::splat(module * modules.len() as f32 / 2.0);
    let from = (from.to_vec2() * scale).round() / scale;
    let mut mesh = Mesh::default();
    for (y, row) in modules.iter().enumerate() {
        let mut x = 0;
        while x < row.len() {
            let run = row[x..].iter().take_while(|dark| **dark).count();
            if run > 0 {
                let min = from + vec2(x as f32, y as f32) * module;
                mesh.add_colored_rect(
                    Rect::from_min_size(min.to_pos2(), vec2(run as f32, 1.0) * module),
                    Color32::BLACK,
                );
            }
            x += run.max(1);
        }
    }
    painter.add(Shape::mesh(mesh));
    response
}
