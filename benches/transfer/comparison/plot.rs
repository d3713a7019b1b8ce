//! The picture of the measured times, `assets/pictures/speed.svg`: one panel for each quantity, seconds upwards on a logarithmic
//! scale. Pure, and the same for the same numbers, so that a test can tell when the picture is older than the files.
//!
//! Colours are classes, because a picture in a page follows the reader's choice of light or dark only by a style sheet of its own. It
//! brings its own background, as the page around it may have made the other choice.

use std::fmt::Write as _;

use super::{
    numbers::number,
    series::{Point, Series},
};

/// The panels: of each the file with its times, the title, what is to the right, and how that is spaced.
const PANELS: [(&str, &str, &str, Spacing); 3] = [
    ("size.csv", "One file", "size of the file, MiB", Spacing::Logarithmic),
    ("files.csv", "Many small files", "number of files, 0.1 to 8 KB each", Spacing::Logarithmic),
    ("loss.csv", "100 MB over a lossy line", "packets lost, %", Spacing::Even),
];

/// What one panel shows.
pub(crate) struct Panel {
    pub(crate) title: &'static str,
    pub(crate) x_label: &'static str,
    pub(crate) spacing: Spacing,
    pub(crate) series: Series,
}

/// Where values lie on the axis to the right.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Spacing {
    Logarithmic,
    /// At equal distances, in their order: for quantities that may be 0.
    Even,
}

/// How a program is drawn.
struct Look {
    /// Its name in the files.
    program: &'static str,
    label: &'static str,
    class: &'static str,
    mark: Mark,
}

#[derive(Clone, Copy, PartialEq)]
enum Mark {
    Circle,
    Ring,
    Square,
    Diamond,
    Triangle,
    /// No mark, and a dotted line.
    Dots,
}

/// In the order of the legend. The first are drawn last, over the others.
const LOOKS: [Look; 9] = [
    look("caiman, relay", "Caiman by a relay", "caiman", Mark::Circle),
    look("caiman, direct", "Caiman directly", "caiman", Mark::Ring),
    look("caiman, relay, BBR", "Caiman by a relay with BBR", "bbr", Mark::Circle),
    look("croc, relay", "croc by a relay", "croc", Mark::Square),
    look("wormhole-rs, relay", "magic-wormhole.rs by a relay", "wormhole", Mark::Diamond),
    look("sendme, direct", "sendme directly", "sendme", Mark::Triangle),
    look("plain copies, relay", "plain copies", REFERENCE, Mark::Dots),
    look("tar over TCP", "tar", REFERENCE, Mark::Dots),
    look("iperf3", "iperf3 with 8 streams", REFERENCE, Mark::Dots),
];
/// The class of the programs that only move bytes. They have one entry in the legend, because a panel has one of them at most.
const REFERENCE: &str = "reference";

/// A class, and its colour where the reader has chosen light, and dark.
const COLOURS: [(&str, &str, &str); 10] = [
    ("card", "#ffffff", "#0d1117"),
    ("edge", "#d1d9e0", "#30363d"),
    ("grid", "#e6e9ed", "#21262d"),
    ("ink", "#1f2328", "#e6edf3"),
    ("soft", "#59636e", "#9198a1"),
    ("caiman", "#1a7f37", "#3fb950"),
    ("bbr", "#0a7ea4", "#39c5cf"),
    ("croc", "#bc4c00", "#f0883e"),
    ("wormhole", "#8250df", "#bc8cff"),
    ("sendme", "#bf3989", "#f778ba"),
];

const WIDTH: f64 = 900.0;
/// From the edge of the picture, and between panels.
const SPACE: f64 = 24.0;
/// What the labels of the seconds take to the left of a panel.
const LEFT: f64 = 42.0;
pub(crate) const PLOT_HEIGHT: f64 = 230.0;
/// What a character of the legend and of the notes takes, on average and rather too much than too little.
const CHARACTER: f64 = 6.3;
/// The line and the mark of an entry of the legend, and the space after the entry.
const SAMPLE: f64 = 34.0;
const ENTRY_SPACE: f64 = 20.0;

const fn look(program: &'static str, label: &'static str, class: &'static str, mark: Mark) -> Look {
    Look { program, label, class, mark }
}

/// Whether the picture has a line for this program.
pub(crate) fn has_line_for(program: &str) -> bool {
    LOOKS.iter().any(|look| look.program == program)
}

/// The panels of which `read` has the file. Gives up if a file is not as it should be.
pub(crate) fn panels(read: impl Fn(&str) -> Option<String>) -> Vec<Panel> {
    let panel = |(file, title, x_label, spacing)| {
        let series = read(file)?.parse().unwrap_or_else(|error| panic!("{file}: {error}"));
        Some(Panel { title, x_label, spacing, series })
    };
    PANELS.into_iter().filter_map(panel).collect()
}

/// The picture, as SVG. Gives up if a file names a program that has no line.
pub(crate) fn draw(panels: &[Panel]) -> String {
    for point in panels.iter().flat_map(|panel| &panel.series.points) {
        assert!(has_line_for(&point.program), "the picture has no line for {}", point.program);
    }
    let mut body = String::new();
    text(&mut body, "title ink", SPACE, 38.0, "How long a transfer takes");
    text(
        &mut body,
        "soft",
        SPACE,
        58.0,
        "Seconds until everything has arrived, on a logarithmic scale. Lower is better.",
    );
    let top = legend(&mut body, panels, 86.0) + 56.0;
    let count = panels.len() as f64;
    let width = (WIDTH - SPACE * (count + 1.0)) / count;
    for (number, panel) in panels.iter().enumerate() {
        let left = SPACE + number as f64 * (width + SPACE);
        Frame::new(panel, left + LEFT, top, width - LEFT).draw(&mut body, panel);
    }
    let height = notes(&mut body, panels, top + PLOT_HEIGHT + 68.0);
    let summary =
        "Seconds that a transfer takes with Caiman and with other programs, against what is transferred";
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" viewBox=\"0 0 {WIDTH} {height}\" \
         role=\"img\" aria-label=\"{summary}\">\n<style>\n{}</style>\n\
         <rect class=\"card\" width=\"{WIDTH}\" height=\"{height}\" rx=\"8\"/>\n\
         <rect class=\"edge\" x=\"0.5\" y=\"0.5\" width=\"{}\" height=\"{}\" rx=\"8\"/>\n{body}</svg>\n",
        style(),
        WIDTH - 1.0,
        height - 1.0,
    )
}

fn style() -> String {
    let mut style = String::from(
        "text { font: 12px system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif }\n\
         text.title { font-size: 17px; font-weight: 600 }\n\
         text.head { font-size: 13px; font-weight: 600 }\n\
         text.small { font-size: 11px }\n\
         .end { text-anchor: end }\n.middle { text-anchor: middle }\n\
         polyline { stroke-width: 2; stroke-linejoin: round; stroke-linecap: round }\n\
         .Ring polyline { stroke-dasharray: 7 5 }\n\
         .Dots polyline { stroke-dasharray: 0.1 4.5; stroke-width: 2.4 }\n\
         text.ink, text.soft { stroke: none }\n\
         .range { opacity: 0.45 }\n",
    );
    for is_dark in [false, true] {
        if is_dark {
            style.push_str("@media (prefers-color-scheme: dark) {\n");
        }
        for (class, light, dark) in COLOURS {
            let colour = if is_dark { dark } else { light };
            let _ = writeln!(style, ".{class} {{ fill: {colour}; stroke: {colour} }}");
            if class == "card" {
                let _ = writeln!(style, ".mark {{ stroke: {colour}; stroke-width: 1.5 }}");
                let _ = writeln!(style, ".Ring .mark {{ fill: {colour}; stroke: inherit; stroke-width: 2 }}");
            }
            if class == "soft" {
                let _ = writeln!(style, ".{REFERENCE} {{ fill: {colour}; stroke: {colour} }}");
            }
        }
        style.push_str(".edge, polyline { fill: none }\n");
        if is_dark {
            style.push_str("}\n");
        }
    }
    style
}

/// Draws an entry for each program that has a point, and returns where the last line of them stands.
fn legend(out: &mut String, panels: &[Panel], mut y: f64) -> f64 {
    let has_points = |look: &&Look| {
        panels.iter().flat_map(|panel| &panel.series.points).any(|point| point.program == look.program)
    };
    let shown: Vec<&Look> = LOOKS.iter().filter(has_points).collect();
    let mut entries: Vec<(&Look, String)> = Vec::new();
    for look in shown {
        match entries.last_mut() {
            Some((last, label)) if last.class == REFERENCE => {
                let _ = write!(label, ", {}", look.label);
            }
            _ if look.class == REFERENCE => entries.push((look, format!("for comparison: {}", look.label))),
            _ => entries.push((look, look.label.to_owned())),
        }
    }
    let mut x = SPACE;
    for (look, label) in entries {
        let width = SAMPLE + label.chars().count() as f64 * CHARACTER;
        if x > SPACE && x + width > WIDTH - SPACE {
            (x, y) = (SPACE, y + 22.0);
        }
        let end = x + 26.0;
        let _ = writeln!(out, "<g class=\"{} {}\">", look.class, look.mark.class());
        let _ = writeln!(out, "<polyline points=\"{x:.1},{:.1} {end:.1},{:.1}\"/>", y - 4.0, y - 4.0);
        look.mark.draw(out, x + 13.0, y - 4.0);
        out.push_str("</g>\n");
        text(out, "ink", x + SAMPLE, y, &label);
        x += width + ENTRY_SPACE;
    }
    y
}

/// Writes how the panels were measured, each note once and in lines that fit, and returns the height of the whole picture.
fn notes(out: &mut String, panels: &[Panel], mut y: f64) -> f64 {
    let mut notes: Vec<(String, &str)> = Vec::new();
    for panel in panels {
        match notes.iter_mut().find(|(_, note)| *note == panel.series.note) {
            Some((titles, _)) => {
                let _ = write!(titles, " and {}", panel.title.to_lowercase());
            }
            None => notes.push((panel.title.to_owned(), &panel.series.note)),
        }
    }
    let per_line = ((WIDTH - 2.0 * SPACE) / (CHARACTER - 0.6)) as usize;
    for (titles, note) in notes {
        let mut line = String::new();
        for word in format!("{titles}: {note}").split(' ') {
            if line.chars().count() + 1 + word.chars().count() > per_line {
                text(out, "small soft", SPACE, y, &line);
                y += 16.0;
                line.clear();
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        text(out, "small soft", SPACE, y, &line);
        y += 16.0;
    }
    y + 4.0
}

/// Where the points of a panel lie.
pub(crate) struct Frame {
    left: f64,
    top: f64,
    width: f64,
    /// The values on the axis to the right, in order and each once.
    values: Vec<f64>,
    spacing: Spacing,
    seconds: (f64, f64),
}

impl Frame {
    pub(crate) fn new(panel: &Panel, left: f64, top: f64, width: f64) -> Self {
        let points = &panel.series.points;
        let mut values: Vec<f64> = points.iter().map(|point| point.x).collect();
        values.sort_by(f64::total_cmp);
        values.dedup();
        let least = points.iter().map(|point| point.least).fold(f64::INFINITY, f64::min);
        let most = points.iter().map(|point| point.most).fold(0.0, f64::max);
        let round = round_numbers();
        let below = round.iter().copied().rfind(|number| *number < least).unwrap_or(least);
        let above = round.iter().copied().find(|number| *number > most).unwrap_or(most);
        Self { left, top, width, values, spacing: panel.spacing, seconds: (below, above) }
    }

    pub(crate) fn x(&self, value: f64) -> f64 {
        // The first and the last value keep a little away from the sides.
        let (inset, last) = (16.0, self.values.len().saturating_sub(1));
        let share = match self.spacing {
            Spacing::Logarithmic => share(value, self.values[0], self.values[last]),
            Spacing::Even => {
                let place = self.values.iter().filter(|known| **known < value).count();
                place as f64 / last.max(1) as f64
            }
        };
        self.left + inset + share * (self.width - 2.0 * inset)
    }

    pub(crate) fn y(&self, seconds: f64) -> f64 {
        self.top + PLOT_HEIGHT * (1.0 - share(seconds, self.seconds.0, self.seconds.1))
    }

    fn draw(&self, out: &mut String, panel: &Panel) {
        let (right, bottom) = (self.left + self.width, self.top + PLOT_HEIGHT);
        text(out, "head ink", self.left - LEFT, self.top - 16.0, panel.title);
        for seconds in self.marked_seconds() {
            let y = self.y(seconds);
            let _ = writeln!(
                out,
                "<line class=\"grid\" x1=\"{:.1}\" y1=\"{y:.1}\" x2=\"{right:.1}\" y2=\"{y:.1}\"/>",
                self.left
            );
            text(out, "small soft end", self.left - 6.0, y + 4.0, &format!("{} s", number(seconds)));
        }
        let _ = writeln!(
            out,
            "<line class=\"edge\" x1=\"{:.1}\" y1=\"{bottom:.1}\" x2=\"{right:.1}\" y2=\"{bottom:.1}\"/>",
            self.left
        );
        let mut free = f64::NEG_INFINITY;
        for value in &self.values {
            let (x, label) = (self.x(*value), number(*value));
            let half = label.len() as f64 * CHARACTER / 2.0;
            let _ = writeln!(
                out,
                "<line class=\"edge\" x1=\"{x:.1}\" y1=\"{bottom:.1}\" x2=\"{x:.1}\" y2=\"{:.1}\"/>",
                bottom + 4.0
            );
            if x - half > free {
                text(out, "small soft middle", x, bottom + 18.0, &label);
                free = x + half;
            }
        }
        text(out, "soft middle", self.left + self.width / 2.0, bottom + 38.0, panel.x_label);
        for look in LOOKS.iter().rev() {
            let mut points: Vec<&Point> =
                panel.series.points.iter().filter(|point| point.program == look.program).collect();
            points.sort_by(|one, other| one.x.total_cmp(&other.x));
            if !points.is_empty() {
                self.line(out, look, &points);
            }
        }
    }

    fn line(&self, out: &mut String, look: &Look, points: &[&Point]) {
        let _ = writeln!(out, "<g class=\"{} {}\">", look.class, look.mark.class());
        let places: Vec<String> = points
            .iter()
            .map(|point| format!("{:.1},{:.1}", self.x(point.x), self.y(point.seconds)))
            .collect();
        let _ = writeln!(out, "<polyline points=\"{}\"/>", places.join(" "));
        for point in points {
            let (x, from, to) = (self.x(point.x), self.y(point.least), self.y(point.most));
            if from - to > 1.0 {
                let _ = writeln!(
                    out,
                    "<line class=\"range\" x1=\"{x:.1}\" y1=\"{from:.1}\" x2=\"{x:.1}\" y2=\"{to:.1}\"/>"
                );
            }
            look.mark.draw(out, x, self.y(point.seconds));
        }
        out.push_str("</g>\n");
    }

    /// The seconds that have a line and a label: round numbers, and only powers of ten if those are enough.
    pub(crate) fn marked_seconds(&self) -> Vec<f64> {
        let (least, most) = self.seconds;
        let round = round_numbers();
        let within: Vec<f64> =
            round.iter().copied().filter(|number| (least..=most).contains(number)).collect();
        let powers: Vec<f64> =
            round.into_iter().step_by(3).filter(|number| within.contains(number)).collect();
        if powers.len() > 3 { powers } else { within }
    }
}

impl Mark {
    fn class(self) -> &'static str {
        match self {
            Self::Ring => "Ring",
            Self::Dots => "Dots",
            _ => "Line",
        }
    }

    fn draw(self, out: &mut String, x: f64, y: f64) {
        let corners = |offsets: &[(f64, f64)]| {
            let corners: Vec<String> =
                offsets.iter().map(|(right, down)| format!("{:.1},{:.1}", x + right, y + down)).collect();
            format!("<polygon class=\"mark\" points=\"{}\"/>", corners.join(" "))
        };
        let shape = match self {
            Self::Circle => format!("<circle class=\"mark\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4.5\"/>"),
            Self::Ring => format!("<circle class=\"mark\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.2\"/>"),
            Self::Square => corners(&[(-4.0, -4.0), (4.0, -4.0), (4.0, 4.0), (-4.0, 4.0)]),
            Self::Diamond => corners(&[(0.0, -5.5), (5.5, 0.0), (0.0, 5.5), (-5.5, 0.0)]),
            Self::Triangle => corners(&[(0.0, -5.2), (5.2, 4.2), (-5.2, 4.2)]),
            Self::Dots => return,
        };
        let _ = writeln!(out, "{shape}");
    }
}

/// 1, 2 and 5 times powers of ten, from a millisecond to a day.
fn round_numbers() -> Vec<f64> {
    (-3..6).flat_map(|power| [1.0, 2.0, 5.0].map(|digit| digit * 10_f64.powi(power))).collect()
}

/// Where a value lies between two others on a logarithmic axis, from 0 to 1.
fn share(value: f64, least: f64, most: f64) -> f64 {
    if most > least { (value / least).ln() / (most / least).ln() } else { 0.5 }
}

fn text(out: &mut String, class: &str, x: f64, y: f64, content: &str) {
    let content = content.replace('&', "&amp;").replace('<', "&lt;");
    let _ = writeln!(out, "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{content}</text>");
}
