//! Every colour, size and font of the window. Views name roles from here, and no other file holds a number that a
//! designer would want to change.

use std::sync::Arc;

use eframe::egui::{
    self, Color32, ColorImage, CornerRadius, FontData, FontDefinitions, FontFamily, FontId, FontTweak,
    Margin, Shadow, Stroke, Style, TextStyle, TextureFilter, TextureHandle, TextureOptions, Theme, Ui,
    Visuals, epaint::text::VariationCoords, style::WidgetVisuals, vec2,
};

/// The colours of one appearance, by role.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Palette {
    /// Behind everything.
    pub(super) page: Color32,
    /// Cards, dialogs, menus.
    pub(super) card: Color32,
    /// Fields and drop zones, set into a card.
    pub(super) sunken: Color32,
    /// What the pointer is over.
    pub(super) hover: Color32,
    /// Hairlines.
    pub(super) line: Color32,
    /// Edges of controls. Their contrast against the card is at least 3:1, so that a control can be made out (WCAG
    /// 1.4.11).
    pub(super) edge: Color32,
    /// Text.
    pub(super) text: Color32,
    /// Secondary text.
    pub(super) muted: Color32,
    /// What can be acted on: fills and text.
    pub(super) accent: Color32,
    /// Text on `accent`.
    pub(super) on_accent: Color32,
    /// A tint behind accent text.
    pub(super) accent_soft: Color32,
    /// Something went well.
    pub(super) ok: Color32,
    /// A tint behind `ok` text.
    pub(super) ok_soft: Color32,
    /// Something needs attention.
    pub(super) warn: Color32,
    /// A tint behind `warn` text.
    pub(super) warn_soft: Color32,
    /// Something went wrong.
    pub(super) bad: Color32,
    /// A tint behind `bad` text.
    pub(super) bad_soft: Color32,
}

const LIGHT: Palette = Palette {
    page: Color32::from_rgb(246, 246, 248),
    card: Color32::WHITE,
    sunken: Color32::from_rgb(248, 248, 251),
    hover: Color32::from_rgb(240, 240, 245),
    line: Color32::from_rgb(231, 231, 236),
    edge: Color32::from_rgb(140, 142, 156),
    text: Color32::from_rgb(24, 25, 31),
    muted: Color32::from_rgb(90, 93, 107),
    accent: Color32::from_rgb(79, 70, 229),
    on_accent: Color32::WHITE,
    accent_soft: Color32::from_rgb(238, 238, 254),
    ok: Color32::from_rgb(11, 113, 71),
    ok_soft: Color32::from_rgb(228, 246, 237),
    warn: Color32::from_rgb(140, 78, 3),
    warn_soft: Color32::from_rgb(254, 244, 224),
    bad: Color32::from_rgb(184, 28, 44),
    bad_soft: Color32::from_rgb(254, 236, 238),
};

const DARK: Palette = Palette {
    page: Color32::from_rgb(17, 18, 23),
    card: Color32::from_rgb(26, 27, 34),
    sunken: Color32::from_rgb(20, 21, 27),
    hover: Color32::from_rgb(37, 39, 49),
    line: Color32::from_rgb(42, 44, 54),
    edge: Color32::from_rgb(108, 111, 128),
    text: Color32::from_rgb(237, 238, 243),
    muted: Color32::from_rgb(160, 163, 178),
    accent: Color32::from_rgb(148, 142, 255),
    on_accent: Color32::from_rgb(17, 16, 40),
    accent_soft: Color32::from_rgb(38, 37, 66),
    ok: Color32::from_rgb(62, 207, 142),
    ok_soft: Color32::from_rgb(22, 49, 41),
    warn: Color32::from_rgb(240, 180, 80),
    warn_soft: Color32::from_rgb(54, 43, 24),
    bad: Color32::from_rgb(255, 133, 140),
    bad_soft: Color32::from_rgb(62, 30, 36),
};

/// The grounds of the round badges that stand for computers, each with white on it in the light appearance.
const LIGHT_FACES: [Color32; 8] = [
    Color32::from_rgb(79, 70, 229),
    Color32::from_rgb(11, 113, 71),
    Color32::from_rgb(184, 28, 44),
    Color32::from_rgb(140, 78, 3),
    Color32::from_rgb(7, 104, 142),
    Color32::from_rgb(140, 40, 150),
    Color32::from_rgb(84, 92, 12),
    Color32::from_rgb(90, 93, 107),
];
/// The same in the dark appearance, with the colour of cards on them.
const DARK_FACES: [Color32; 8] = [
    Color32::from_rgb(148, 142, 255),
    Color32::from_rgb(62, 207, 142),
    Color32::from_rgb(255, 133, 140),
    Color32::from_rgb(240, 180, 80),
    Color32::from_rgb(92, 196, 240),
    Color32::from_rgb(232, 140, 240),
    Color32::from_rgb(190, 205, 90),
    Color32::from_rgb(160, 163, 178),
];

/// The ground of a badge and the colour of the letter on it, for a computer that is called `name`: the same in every window.
pub(super) fn face(ui: &Ui, name: &str) -> (Color32, Color32) {
    let (faces, ink) =
        if ui.visuals().dark_mode { (&DARK_FACES, DARK.card) } else { (&LIGHT_FACES, LIGHT.card) };
    // FNV-1a, which spreads short names well.
    let hash =
        name.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    (faces[hash as usize % faces.len()], ink)
}

/// The colours that `ui` is drawn in, by its appearance.
pub(super) fn palette(ui: &Ui) -> &'static Palette {
    if ui.visuals().dark_mode { &DARK } else { &LIGHT }
}

/// The spacing scale, in points.
pub(super) mod space {
    /// Between an icon and its word.
    pub(in crate::app) const XS: f32 = 4.0;
    /// Between lines that belong together.
    pub(in crate::app) const S: f32 = 8.0;
    /// Between controls.
    pub(in crate::app) const M: f32 = 12.0;
    /// Between groups, and between cards.
    pub(in crate::app) const L: f32 = 16.0;
    /// Inside a card.
    pub(in crate::app) const CARD: f32 = 20.0;
    /// Around the page.
    pub(in crate::app) const PAGE: f32 = 24.0;
}

/// Height of a control, in points.
pub(super) const CONTROL_HEIGHT: f32 = 36.0;
/// Radius of a control's corners, in points.
pub(super) const CONTROL_RADIUS: u8 = 9;
/// Radius of a card's corners, in points.
pub(super) const CARD_RADIUS: u8 = 14;
/// Height of a progress bar, in points.
pub(super) const BAR_HEIGHT: f32 = 6.0;
/// How long an animation takes at most, in seconds: long enough to follow, too short to wait for.
const MOTION_SECS: f32 = 0.12;

/// The weights of the text font.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weight {
    Regular,
    Medium,
    SemiBold,
}

const MEDIUM: &str = "medium";
const SEMIBOLD: &str = "semibold";
const ICONS: &str = "icons";

/// The text font in a weight and a size.
pub(super) fn font(weight: Weight, size: f32) -> FontId {
    let family = match weight {
        Weight::Regular => FontFamily::Proportional,
        Weight::Medium => FontFamily::Name(MEDIUM.into()),
        Weight::SemiBold => FontFamily::Name(SEMIBOLD.into()),
    };
    FontId::new(size, family)
}

/// The font of codes.
pub(super) fn mono(size: f32) -> FontId {
    FontId::new(size, FontFamily::Monospace)
}

/// The icon font.
pub(super) fn icons(size: f32) -> FontId {
    FontId::new(size, FontFamily::Name(ICONS.into()))
}

/// The type scale, in points.
pub(super) mod size {
    /// Text below other text.
    pub(in crate::app) const SMALL: f32 = 12.5;
    /// Text.
    pub(in crate::app) const BODY: f32 = 14.0;
    /// A card's name.
    pub(in crate::app) const TITLE: f32 = 15.5;
    /// A section's name.
    pub(in crate::app) const HEADING: f32 = 18.0;
    /// The largest text of the page: what the drop zone is for.
    pub(in crate::app) const DISPLAY: f32 = 21.0;
    /// A code in a field.
    pub(in crate::app) const FIELD: f32 = 17.0;
    /// A code to be read aloud; it shrinks to fit its box.
    pub(in crate::app) const CODE: f32 = 30.0;
    /// Icons beside text.
    pub(in crate::app) const ICON: f32 = 17.0;
}

/// Sets the fonts and the styles of both appearances; called once, at the start.
pub(super) fn install(ctx: &egui::Context) {
    ctx.set_fonts(fonts());
    for theme in [Theme::Light, Theme::Dark] {
        ctx.set_style_of(theme, style(theme));
    }
}

/// The program's icon as a texture.
pub(super) fn icon(ctx: &egui::Context) -> TextureHandle {
    const PNG: &[u8] = include_bytes!("../../assets/icon/caiman-128.png");
    let data = eframe::icon_data::from_png_bytes(PNG).unwrap_or_default();
    let size = [data.width as usize, data.height as usize];
    let image = ColorImage::from_rgba_unmultiplied(size, &data.rgba);
    ctx.load_texture("icon", image, TextureOptions::LINEAR.with_mipmap_mode(Some(TextureFilter::Linear)))
}

/// Turns animations on or off.
pub(super) fn set_motion(ctx: &egui::Context, moves: bool) {
    ctx.all_styles_mut(|style| {
        style.animation_time = if moves { MOTION_SECS } else { 0.0 };
        style.scroll_animation = if moves {
            egui::style::ScrollAnimation::default()
        } else {
            egui::style::ScrollAnimation::none()
        };
        style.visuals.text_cursor.blink = false;
    });
}

fn fonts() -> FontDefinitions {
    const INTER: &[u8] = include_bytes!("../../assets/fonts/InterVariable.ttf");
    const MONO: &[u8] = include_bytes!("../../assets/fonts/JetBrainsMono-Regular.ttf");
    let mut fonts = FontDefinitions::empty();
    let mut add = |name: &str, bytes: &'static [u8], tweak: FontTweak| {
        fonts.font_data.insert(name.to_owned(), Arc::new(FontData::from_static(bytes).tweak(tweak)));
    };
    let weighing =
        |weight: f32| FontTweak { coords: VariationCoords::new([(b"wght", weight)]), ..FontTweak::default() };
    add("inter", INTER, weighing(400.0));
    add("inter-medium", INTER, weighing(500.0));
    add("inter-semibold", INTER, weighing(600.0));
    add("mono", MONO, FontTweak::default());
    // The em box of the icon font stands a little higher than that of the text font.
    let icons = FontTweak { y_offset_factor: 0.11, ..FontTweak::default() };
    add("lucide", lucide_icons::LUCIDE_FONT_BYTES, icons);
    let mut family = |family: FontFamily, names: &[&str]| {
        fonts.families.insert(family, names.iter().map(|&name| name.to_owned()).collect());
    };
    family(FontFamily::Proportional, &["inter"]);
    family(FontFamily::Name(MEDIUM.into()), &["inter-medium"]);
    family(FontFamily::Name(SEMIBOLD.into()), &["inter-semibold"]);
    family(FontFamily::Monospace, &["mono", "inter"]);
    family(FontFamily::Name(ICONS.into()), &["lucide"]);
    fonts
}

fn style(theme: Theme) -> Style {
    let (colours, mut visuals) = match theme {
        Theme::Light => (&LIGHT, Visuals::light()),
        Theme::Dark => (&DARK, Visuals::dark()),
    };
    let state = |fill: Color32, edge: Color32, text: Color32| WidgetVisuals {
        bg_fill: fill,
        weak_bg_fill: fill,
        bg_stroke: Stroke::new(1.0, edge),
        corner_radius: CornerRadius::same(CONTROL_RADIUS),
        fg_stroke: Stroke::new(1.0, text),
        expansion: 0.0,
    };
    visuals.widgets.noninteractive = state(colours.card, colours.line, colours.text);
    visuals.widgets.inactive = state(colours.card, colours.edge, colours.text);
    visuals.widgets.hovered = state(colours.hover, colours.edge, colours.text);
    visuals.widgets.active = state(colours.accent_soft, colours.accent, colours.text);
    visuals.widgets.open = state(colours.hover, colours.edge, colours.text);
    // Slider rails and tick boxes are filled with these.
    visuals.widgets.inactive.bg_fill = colours.line;
    visuals.widgets.hovered.bg_fill = colours.line;
    visuals.slider_trailing_fill = true;
    visuals.selection.bg_fill = colours.accent.gamma_multiply(0.3);
    visuals.selection.stroke = Stroke::new(2.0, colours.accent);
    visuals.hyperlink_color = colours.accent;
    visuals.panel_fill = colours.page;
    visuals.window_fill = colours.card;
    visuals.window_stroke = Stroke::new(1.0, colours.line);
    visuals.window_corner_radius = CornerRadius::same(CARD_RADIUS);
    visuals.menu_corner_radius = CornerRadius::same(CONTROL_RADIUS);
    visuals.window_shadow = shadow(theme, 28, 48);
    visuals.popup_shadow = shadow(theme, 16, 28);
    visuals.extreme_bg_color = colours.sunken;
    visuals.text_edit_bg_color = Some(colours.sunken);
    visuals.faint_bg_color = colours.sunken;
    visuals.weak_text_color = Some(colours.muted);
    visuals.warn_fg_color = colours.warn;
    visuals.error_fg_color = colours.bad;
    visuals.text_cursor.stroke = Stroke::new(2.0, colours.accent);
    visuals.text_cursor.blink = false;

    let mut style = Style { visuals, animation_time: MOTION_SECS, ..Style::default() };
    style.text_styles = [
        (TextStyle::Small, font(Weight::Regular, size::SMALL)),
        (TextStyle::Body, font(Weight::Regular, size::BODY)),
        (TextStyle::Button, font(Weight::Medium, size::BODY)),
        (TextStyle::Heading, font(Weight::SemiBold, size::HEADING)),
        (TextStyle::Monospace, mono(size::BODY)),
    ]
    .into();
    style.spacing.item_spacing = vec2(space::S, space::S);
    style.spacing.button_padding = vec2(14.0, 8.0);
    style.spacing.interact_size = vec2(CONTROL_HEIGHT, 24.0);
    style.spacing.icon_width = 18.0;
    style.spacing.icon_width_inner = 10.0;
    style.spacing.menu_margin = Margin::same(6);
    style.spacing.window_margin = Margin::same(space::CARD as i8);
    style.spacing.tooltip_width = 360.0;
    style.spacing.scroll.floating = true;
    style.interaction.selectable_labels = false;
    style.interaction.tooltip_delay = 0.4;
    style
}

fn shadow(theme: Theme, blur: u8, alpha: u8) -> Shadow {
    let alpha = if theme == Theme::Dark { alpha.saturating_mul(3) } else { alpha };
    Shadow { offset: [0, 4], blur, spread: 0, color: Color32::from_black_alpha(alpha) }
}

/// The shadow of a card; none in the dark appearance, where it could not be seen.
pub(super) fn card_shadow(ui: &Ui) -> Shadow {
    if ui.visuals().dark_mode {
        Shadow::NONE
    } else {
        Shadow { offset: [0, 2], blur: 12, spread: 0, color: Color32::from_black_alpha(16) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The relative luminance of a colour, as WCAG 2.2 defines it.
    fn luminance(colour: Color32) -> f32 {
        let [r, g, b, _] = colour.to_array().map(|channel| {
            let value = f32::from(channel) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        });
        0.2126 * r + 0.7152 * g + 0.0722 * b
    }

    fn contrast(one: Color32, other: Color32) -> f32 {
        let (one, other) = (luminance(one), luminance(other));
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    #[test]
    fn text_passes_wcag_aa_on_everything_that_it_stands_on() {
        for (name, p) in [("light", &LIGHT), ("dark", &DARK)] {
            let pairs = [
                ("text", p.text, vec![p.page, p.card, p.sunken, p.hover, p.accent_soft]),
                ("muted", p.muted, vec![p.page, p.card, p.sunken, p.hover]),
                ("accent", p.accent, vec![p.page, p.card, p.sunken, p.hover, p.accent_soft]),
                ("on_accent", p.on_accent, vec![p.accent]),
                ("ok", p.ok, vec![p.card, p.ok_soft]),
                ("warn", p.warn, vec![p.card, p.warn_soft]),
                ("bad", p.bad, vec![p.card, p.bad_soft]),
                ("text on tints", p.text, vec![p.ok_soft, p.warn_soft, p.bad_soft]),
            ];
            for (role, text, grounds) in pairs {
                for ground in grounds {
                    let ratio = contrast(text, ground);
                    assert!(ratio >= 4.5, "{name} {role} on {ground:?}: {ratio:.2}");
                }
            }
        }
    }

    #[test]
    fn the_letter_on_a_badge_can_be_read() {
        for (faces, p) in [(&LIGHT_FACES, &LIGHT), (&DARK_FACES, &DARK)] {
            for ground in faces {
                let ratio = contrast(p.card, *ground);
                assert!(ratio >= 4.5, "{ground:?}: {ratio:.2}");
            }
        }
    }

    #[test]
    fn edges_of_controls_can_be_made_out() {
        for p in [&LIGHT, &DARK] {
            for ground in [p.card, p.sunken] {
                assert!(contrast(p.edge, ground) >= 3.0, "{:.2}", contrast(p.edge, ground));
            }
        }
    }
}
