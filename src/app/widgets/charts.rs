//! Progress bars and the speed graph.

use eframe::egui::{
    Color32, CornerRadius, Mesh, Pos2, Rect, Response, Role, Sense, Shape, Stroke, Ui, Vec2, WidgetInfo,
    pos2, vec2,
};

use crate::app::theme::{self, palette};

/// Draws a progress bar. `fraction` is from 0 to 1; `None` while the total is unknown.
pub(in crate::app) fn bar(ui: &mut Ui, fraction: Option<f32>, ink: Color32, name: &str) -> Response {
    let (rect, response) =
        ui.allocate_exact_size(vec2(ui.available_width(), theme::BAR_HEIGHT), Sense::hover());
    response.widget_info(|| WidgetInfo {
        value: fraction.map(|fraction| f64::from((fraction * 100.0).floor())),
        ..WidgetInfo::labeled(Role::ProgressIndicator, true, name)
    });
    let radius = CornerRadius::same(3);
    ui.painter().rect_filled(rect, radius, palette(ui).line);
    let done = match fraction {
        Some(fraction) => {
            Rect::from_min_size(rect.min, vec2(rect.width() * fraction.clamp(0.0, 1.0), rect.height()))
        }
        None => Rect::from_center_size(rect.center(), vec2(rect.width() / 3.0, rect.height())),
    };
    if done.width() > 0.5 {
        ui.painter().rect_filled(done, radius, ink);
    }
    response
}

/// Draws the speed of the last minute, from zero up. `samples` run from oldest to newest, at most 60 of them.
pub(in crate::app) fn graph(ui: &mut Ui, samples: &[f32], desired: Vec2, name: &str) -> Response {
    const SLOTS: usize = 60;
    let (rect, response) = ui.allocate_exact_size(desired, Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, name));
    let p = palette(ui);
    let top = samples.iter().copied().fold(1.0_f32, f32::max);
    let first = SLOTS.saturating_sub(samples.len());
    let at = |(index, sample): (usize, &f32)| {
        let x = rect.left() + rect.width() * (first + index) as f32 / (SLOTS - 1) as f32;
        pos2(x, rect.bottom() - 2.0 - (rect.height() - 6.0) * sample / top)
    };
    let line: Vec<Pos2> = samples.iter().enumerate().map(at).collect();
    // The base line of the minute is drawn even where nothing has been measured yet.
    ui.painter().hline(rect.x_range(), rect.bottom() - 0.5, Stroke::new(1.0, p.line));
    if line.len() < 2 {
        return response;
    }
    let mut area = Mesh::default();
    for point in &line {
        let strength = (rect.bottom() - point.y) / rect.height();
        area.colored_vertex(*point, p.accent.gamma_multiply(0.10 + 0.22 * strength));
        area.colored_vertex(pos2(point.x, rect.bottom()), p.accent.gamma_multiply(0.02));
    }
    for index in 0..(line.len() as u32 - 1) {
        let base = 2 * index;
        area.add_triangle(base, base + 1, base + 2);
        area.add_triangle(base + 1, base + 2, base + 3);
    }
    ui.painter().add(Shape::mesh(area));
    ui.painter().circle_filled(line[line.len() - 1], 2.5, p.accent);
    ui.painter().add(Shape::line(line, Stroke::new(1.5, p.accent)));
    response
}
