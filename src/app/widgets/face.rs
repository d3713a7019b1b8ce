//! The round badge that stands for a computer: the initial of its name on a colour made from the name. It always stands beside
//! the name itself, so a screen reader passes it over.

use eframe::egui::{Align2, Color32, Pos2, Sense, Stroke, Ui, Vec2};

use super::icons::{Icon, paint_icon};
use crate::app::theme::{self, Weight, palette};

/// Draws a badge for the computer that is called `name`.
pub(in crate::app) fn face(ui: &mut Ui, name: &str, points: f32) {
    let (rect, _) = ui.allocate_exact_size(Vec2::splat(points), Sense::hover());
    paint_face(ui, name, rect.center(), points);
}

/// Draws a badge as large as a tile, with another one at its corner that says how something stands.
pub(in crate::app) fn face_tile(ui: &mut Ui, name: &str, (sign, colour): (Icon, Color32)) {
    const SIDE: f32 = 42.0;
    let (rect, _) = ui.allocate_exact_size(Vec2::splat(SIDE), Sense::hover());
    paint_face(ui, name, rect.center(), SIDE);
    let p = palette(ui);
    let centre = rect.right_bottom() - Vec2::splat(4.0);
    ui.painter().circle(centre, 9.0, colour, Stroke::new(2.0, p.card));
    let ink = if ui.visuals().dark_mode { p.card } else { Color32::WHITE };
    paint_icon(ui, sign, centre, 11.0, ink);
}

/// Paints a badge around `centre`.
pub(in crate::app) fn paint_face(ui: &Ui, name: &str, centre: Pos2, points: f32) {
    let (ground, ink) = theme::face(ui, name);
    ui.painter().circle_filled(centre, points / 2.0, ground);
    let font = theme::font(Weight::SemiBold, (points * 0.46).round());
    ui.painter().text(centre, Align2::CENTER_CENTER, initial(name), font, ink);
}

/// The first letter or digit of a name, in upper case; a dot if it has none.
fn initial(name: &str) -> String {
    let first = name.chars().find(|c| c.is_alphanumeric());
    first.map_or_else(|| "•".to_owned(), |c| c.to_uppercase().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_initial_is_the_first_letter_or_digit() {
        for (name, letter) in [
            ("ann's laptop", "A"),
            ("élan", "É"),
            ("(7) x", "7"),
            ("\u{202e}b", "B"),
            ("日本", "日"),
            ("👍", "•"),
            ("ß", "SS"),
        ] {
            assert_eq!(initial(name), letter, "{name:?}");
        }
    }
}
