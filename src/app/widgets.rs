//! The small things that views are made of: buttons, cards, bars, the speed graph, the QR code. Each control has an
//! accessible name and shows the keyboard's focus.

mod boxes;
mod button;
mod charts;
pub(super) mod form;
mod icons;
mod qr;
mod rows;
mod text;

pub(super) use boxes::{card, dialog_frame, hairline, name_dialog, note, part, signed_note, tinted};
pub(super) use button::{Button, Emphasis, focus_ring, icon_button, link, named};
pub(super) use charts::{bar, graph};
pub(super) use icons::{Icon, disc, icon, paint_icon, tile};
pub(super) use qr::{qr, qr_side};
pub(super) use rows::{row, row_of_words};
pub(super) use text::{fitting, heading, muted, small, title, title_with};
