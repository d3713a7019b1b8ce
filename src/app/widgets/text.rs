//! Text, by its weight.

use std::{ops::Range, sync::Arc};

use eframe::egui::{
    Align, Color32, FontId, Galley, Label, Layout, Response, RichText, Role, TextWrapMode, Ui, WidgetInfo,
    accesskit::Live,
    text::{LayoutJob, TextFormat, TextWrapping},
};

use super::{
    bidi::{self, ReadFrom},
    face::face,
};
use crate::app::theme::{self, Weight, palette, size};

/// A text that may hold names of any script as it is painted on one line of at most this width, and whether it was cut off there: what
/// is written from right to left stands in its order. Screen readers need the text itself; [`line()`] and [`paragraph`] tell it to them.
pub(in crate::app) fn one_line(
    ui: &Ui,
    text: &str,
    font: FontId,
    ink: Color32,
    width: f32,
) -> (Arc<Galley>, bool) {
    if !bidi::is_needed(text) {
        let mut job = LayoutJob::simple(text.to_owned(), font, ink, width);
        job.wrap = TextWrapping::truncate_at_width(width);
        let galley = ui.painter().layout_job(job);
        let is_cut = galley.elided;
        return (galley, is_cut);
    }
    let all = ordered(ui, bidi::visual_parts(text), &font, ink, Align::LEFT);
    if all.size().x <= width {
        return (all, false);
    }
    let cut = |chars: usize| ordered(ui, bidi::visual_parts_of_cut(text, chars), &font, ink, Align::LEFT);
    let kept = most(text.chars().count(), |chars| cut(chars).size().x <= width);
    (cut(kept), true)
}

/// Draws a text that may hold names of any script on one line, which is cut off where there is no room.
pub(in crate::app) fn line(ui: &mut Ui, text: &str, font: FontId, ink: Color32) -> Response {
    let (galley, is_cut) = one_line(ui, text, font, ink, ui.available_width());
    let response = told(ui, Label::new(galley).show_tooltip_when_elided(false), text);
    if is_cut { tip(response, text) } else { response }
}

/// Draws the name of a file on one line. Where there is no room it is cut off in its middle, so that the extension, which says what kind
/// of file it is, stays in sight.
pub(in crate::app) fn name_line(ui: &mut Ui, name: &str, font: FontId, ink: Color32) -> Response {
    /// The most characters of an extension; what is longer is none.
    const LONGEST: usize = 8;
    /// How many characters are kept before the extension.
    const BEFORE: usize = 4;
    let width = ui.available_width();
    let (_, is_cut) = one_line(ui, name, font.clone(), ink, width);
    let extension = name.rsplit_once('.').map_or(0, |(_, end)| end.chars().count() + 1);
    if !is_cut || extension == 0 || extension > LONGEST || bidi::is_needed(name) {
        return line(ui, name, font, ink);
    }
    let chars: Vec<char> = name.chars().collect();
    let end: String = chars[chars.len().saturating_sub(extension + BEFORE)..].iter().collect();
    let cut = |kept: usize| {
        let shown: String = chars.iter().take(kept).copied().chain(['…']).chain(end.chars()).collect();
        ui.painter().layout_no_wrap(shown, font.clone(), ink)
    };
    let kept = most(chars.len(), |kept| cut(kept).size().x <= width);
    let galley = cut(kept);
    if galley.size().x > width {
        return line(ui, name, font, ink);
    }
    tip(told(ui, Label::new(galley), name), name)
}

/// Draws a text that may hold names of any script, which wraps.
pub(in crate::app) fn paragraph(ui: &mut Ui, text: &str, font: FontId, ink: Color32) -> Response {
    if !bidi::is_needed(text) {
        return ui.add(Label::new(RichText::new(text).font(font).color(ink)).wrap());
    }
    let way = (ReadFrom::Left, ui.layout().horizontal_placement());
    let galley = wrapped(ui, text, &font, ink, ui.available_width(), way);
    told(ui, Label::new(galley), text)
}

/// Draws a foreign text, each paragraph of which is read from its own side. It can be selected unless something in it is written from
/// right to left: what the toolkit would copy is what it paints, which has another order.
pub(in crate::app) fn prose(ui: &mut Ui, text: &str, font: &FontId) {
    let ink = palette(ui).text;
    if !bidi::is_needed(text) {
        let text = RichText::new(text).font(font.clone()).color(ink);
        ui.add(Label::new(text).selectable(true).wrap_mode(TextWrapMode::Wrap));
        return;
    }
    ui.spacing_mut().item_spacing.y = 0.0;
    for paragraph in text.split('\n') {
        let placement = if bidi::reads_from_right(paragraph) { Align::RIGHT } else { Align::LEFT };
        let way = (ReadFrom::Beginning, placement);
        let galley = wrapped(ui, paragraph, font, ink, ui.available_width(), way);
        ui.with_layout(Layout::top_down(placement), |ui| told(ui, Label::new(galley), paragraph));
    }
}

/// A text that may hold names of any script as it is painted on lines of this width.
pub(in crate::app) fn block(ui: &Ui, text: &str, font: &FontId, ink: Color32, width: f32) -> Arc<Galley> {
    if bidi::is_needed(text) {
        wrapped(ui, text, font, ink, width, (ReadFrom::Left, Align::LEFT))
    } else {
        ui.painter().layout(text.to_owned(), font.clone(), ink, width)
    }
}

/// A text with something in it that is written from right to left, broken into lines of this width, each in its order.
fn wrapped(
    ui: &Ui,
    text: &str,
    font: &FontId,
    ink: Color32,
    width: f32,
    (reading, placement): (ReadFrom, Align),
) -> Arc<Galley> {
    let mut parts = Vec::new();
    for line in lines_of(ui, text, font, width) {
        if !parts.is_empty() {
            parts.push("\n".to_owned());
        }
        parts.extend(bidi::visual_line(text, line, reading));
    }
    ordered(ui, parts, font, ink, placement)
}

/// The lines of a text, as the bytes that stand on each: it is broken in the order in which it is read. Each word is measured by itself,
/// because of a word from right to left the toolkit doesn't tell where on a line its letters are.
fn lines_of(ui: &Ui, text: &str, font: &FontId, width: f32) -> Vec<Range<usize>> {
    let width_of = |part: &str| {
        ui.painter().layout_no_wrap(part.to_owned(), font.clone(), Color32::PLACEHOLDER).size().x
    };
    let (mut lines, mut start) = (Vec::new(), 0);
    for paragraph in text.split_inclusive('\n') {
        let end = start + paragraph.trim_end_matches('\n').len();
        let (mut from, mut at, mut used) = (start, start, 0.0);
        for word in text[start..end].split_inclusive(' ') {
            if at > from && used + width_of(word.trim_end()) > width {
                lines.push(from..at);
                (from, used) = (at, 0.0);
            }
            let word_end = at + word.len();
            // A word that is wider than a line is broken anywhere.
            while used == 0.0 && width_of(text[from..word_end].trim_end()) > width {
                let rest = &text[from..word_end];
                let ends: Vec<usize> = rest.char_indices().map(|(at, _)| at).skip(1).collect();
                let fitting =
                    most(ends.len(), |count| count == 0 || width_of(&rest[..ends[count - 1]]) <= width);
                let Some(len) = ends.get(fitting.max(1) - 1) else { break };
                lines.push(from..from + len);
                from += len;
            }
            used += width_of(&text[from.max(at)..word_end]);
            at = word_end;
        }
        lines.push(from..end);
        start += paragraph.len();
    }
    lines
}

/// The largest number up to `limit` for which something holds that holds for 0 and for no number above one for which it doesn't.
fn most(limit: usize, holds: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (0, limit);
    while low < high {
        let middle = (low + high).div_ceil(2);
        if holds(middle) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    low
}

/// Parts of a text beside each other, on one line unless one of them breaks it.
fn ordered(ui: &Ui, parts: Vec<String>, font: &FontId, ink: Color32, placement: Align) -> Arc<Galley> {
    // The toolkit guesses the direction of each section by itself.
    let mut job = LayoutJob { halign: placement, ..LayoutJob::default() };
    for part in parts {
        job.append(&part, 0.0, TextFormat::simple(font.clone(), ink));
    }
    ui.painter().layout_job(job)
}

fn told(ui: &mut Ui, label: Label, text: &str) -> Response {
    let response = ui.add(label);
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, text));
    response
}

/// Has a control say this while the pointer rests on it, and screen readers describe it so.
pub(in crate::app) fn tip(control: Response, text: &str) -> Response {
    if control.ctx.has_accesskit_node(control.id) {
        control.ctx.accesskit_node_builder(control.id, |node| {
            if node.label() != Some(text) && node.value() != Some(text) {
                node.set_description(text);
            }
        });
    }
    // The toolkit lets it stay as long as the pointer does, even above a dialog that a key has opened.
    if !control.ctx.memory(|memory| memory.is_above_modal_layer(control.layer_id)) {
        return control;
    }
    control.on_hover_ui(|ui| {
        ui.set_max_width(ui.spacing().tooltip_width);
        let ink = palette(ui).text;
        paragraph(ui, text, plain(size::BODY), ink);
    })
}

/// Has screen readers say a text as soon as it appears or changes.
pub(in crate::app) fn announce(text: &Response) {
    text.ctx.accesskit_node_builder(text.id, |node| node.set_live(Live::Polite));
}

/// The font of plain text of this size, in points.
pub(in crate::app) fn plain(size: f32) -> FontId {
    theme::font(Weight::Regular, size)
}

/// Draws the name of a card.
pub(in crate::app) fn title(ui: &mut Ui, text: &str) -> Response {
    let ink = palette(ui).text;
    name_line(ui, text, theme::font(Weight::SemiBold, size::TITLE), ink)
}

/// Draws the name of a card with secondary words after it, which keep their room if the name is long.
pub(in crate::app) fn title_with(ui: &mut Ui, text: &str, aside: &str) {
    let font = theme::font(Weight::Regular, size::SMALL);
    let aside_width = ui.painter().layout_no_wrap(aside.to_owned(), font, Color32::WHITE).size().x;
    let room = ui.available_width() - aside_width - 2.0 * ui.spacing().item_spacing.x;
    ui.scope(|ui| {
        ui.set_max_width(room.max(60.0));
        title(ui, text);
    });
    small(ui, aside);
}

/// Draws the name of a card, and after it a computer's badge with secondary words. If both are long, they share the room.
pub(in crate::app) fn title_with_face(ui: &mut Ui, text: &str, computer: &str, aside: &str) {
    const FACE: f32 = 18.0;
    let font = theme::font(Weight::Regular, size::SMALL);
    let aside_width = ui.painter().layout_no_wrap(aside.to_owned(), font, Color32::WHITE).size().x;
    ui.horizontal(|ui| {
        let room = ui.available_width() - FACE - 3.0 * ui.spacing().item_spacing.x;
        let room = room - aside_width.min(room / 2.0);
        ui.scope(|ui| {
            ui.set_max_width(room.max(60.0));
            title(ui, text);
        });
        face(ui, computer, FACE);
        small(ui, aside);
    });
}

/// Draws the name of a section.
pub(in crate::app) fn heading(ui: &mut Ui, text: &str) -> Response {
    let ink = palette(ui).text;
    let response = paragraph(ui, text, theme::font(Weight::SemiBold, size::HEADING), ink);
    response.widget_info(|| WidgetInfo::labeled(Role::Heading, true, text));
    response
}

/// Draws secondary text, which wraps.
pub(in crate::app) fn muted(ui: &mut Ui, text: &str) -> Response {
    let ink = palette(ui).muted;
    paragraph(ui, text, plain(size::BODY), ink)
}

/// Draws small secondary text, on one line.
pub(in crate::app) fn small(ui: &mut Ui, text: &str) -> Response {
    let ink = palette(ui).muted;
    line(ui, text, plain(size::SMALL), ink)
}

/// Draws small secondary text, which wraps.
pub(in crate::app) fn small_paragraph(ui: &mut Ui, text: &str) -> Response {
    let ink = palette(ui).muted;
    paragraph(ui, text, plain(size::SMALL), ink)
}

/// The largest size, up to `most`, at which `text` fits into `width` on one line.
pub(in crate::app) fn fitting(
    ui: &Ui,
    text: &str,
    font: impl Fn(f32) -> FontId,
    most: f32,
    width: f32,
) -> f32 {
    let full = ui.painter().layout_no_wrap(text.to_owned(), font(most), Color32::WHITE).size().x;
    if full <= width { most } else { (most * width / full).floor().max(10.0) }
}

#[cfg(test)]
mod tests {
    use eframe::egui::{Context, MissingGlyphPolicy, RawInput, Shape};

    use super::*;

    /// Draws a frame of a window.
    fn frame(add: impl FnMut(&mut Ui)) {
        let ctx = Context::default();
        theme::install(&ctx);
        // The widths of letters don't matter here.
        ctx.set_missing_glyph_policy(MissingGlyphPolicy::Tofu);
        let mut output = ctx.run_ui(RawInput::default(), add);
        output.textures_delta.clear();
    }

    /// Catches a text whose lines stand below each other from the last to the first.
    #[test]
    fn a_text_from_right_to_left_is_broken_before_it_is_ordered() {
        let words =
            ["המפתח", "מתחת", "לשטיח", "נתראה", "בשמונה", "בערב", "ליד", "הבית", "הישן", "של", "כולם"];
        frame(|ui| {
            let way = (ReadFrom::Beginning, Align::RIGHT);
            let galley = wrapped(ui, &words.join(" "), &plain(14.0), Color32::WHITE, 120.0, way);
            let rows: Vec<&str> = galley.text().split('\n').collect();
            assert!(
                rows.len() > 2 && galley.rows.len() == rows.len(),
                "it is to have several lines: {rows:?}"
            );
            assert!(galley.size().x <= 120.0, "{}", galley.size());
            let read: Vec<&str> = rows.iter().flat_map(|row| row.split_whitespace().rev()).collect();
            assert_eq!(read, words);
        });
    }

    #[test]
    fn a_word_that_is_wider_than_a_line_is_broken_anywhere_and_nothing_is_lost() {
        frame(|ui| {
            for text in
                ["אבגדהוזחטיכלמנסעפצקרשת אבגדהוזחטיכלמנסעפצקרשת", "a אבגדהוזחטיכלמנסעפצ", "\nא\n\nב ", "אב"]
            {
                let lines = lines_of(ui, text, &plain(14.0), 60.0);
                let kept: String = lines.iter().map(|line| &text[line.clone()]).collect();
                assert_eq!(kept, text.replace('\n', ""), "{lines:?}");
                for line in &lines {
                    let galley = ui.painter().layout_no_wrap(
                        text[line.clone()].to_owned(),
                        plain(14.0),
                        Color32::WHITE,
                    );
                    assert!(galley.size().x <= 64.0, "{lines:?}");
                }
            }
        });
    }

    #[test]
    fn a_long_name_keeps_its_extension_in_sight() {
        frame(|ui| {
            let name = "a holiday that goes on and on and on.jpg.exe";
            ui.set_max_width(160.0);
            let response = name_line(ui, name, plain(14.0), Color32::WHITE);
            assert!(response.rect.width() <= 161.0, "{}", response.rect);
            let shapes = ui.ctx().graphics(|graphics| {
                let layer = graphics.get(ui.layer_id());
                layer.map(|list| list.all_entries().map(|entry| entry.shape.clone()).collect::<Vec<_>>())
            });
            let painted = shapes.unwrap_or_default().into_iter().find_map(|shape| match shape {
                Shape::Text(text) => Some(text.galley.text().to_owned()),
                _ => None,
            });
            let painted = painted.expect("the name is painted");
            assert!(
                painted.starts_with("a holi") && painted.ends_with("….jpg.exe".trim_start_matches('…')),
                "{painted}"
            );
            assert!(painted.contains('…'), "{painted}");
        });
    }

    #[test]
    fn a_name_from_right_to_left_is_cut_off_at_its_end() {
        frame(|ui| {
            let name = "תמונות מהחופשה האחרונה שלנו בהרים עם כל המשפחה";
            let (galley, is_cut) = one_line(ui, name, plain(14.0), Color32::WHITE, 150.0);
            let shown = galley.text().to_owned();
            assert!(is_cut && shown.starts_with('…') && shown.ends_with("תמונות"), "{shown}");
            assert!(galley.size().x <= 151.0, "{}", galley.size());
            let (galley, is_cut) = one_line(ui, name, plain(14.0), Color32::WHITE, 1500.0);
            assert!(!is_cut && galley.text().ends_with("תמונות"), "{}", galley.text());
        });
    }
}
