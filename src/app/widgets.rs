//! The small things that views are made of. Each control has an accessible name and shows when it has the keyboard.
//!
//! - `bidi`: the order of what is written from right to left
//! - `boxes`: what stands around other things
//! - `button`: what can be clicked
//! - `charts`: progress bars and the speed graph
//! - `face`: the badge of a computer
//! - `form`: what is filled in or chosen from
//! - `icons`: icons
//! - `qr`: QR codes
//! - `rows`: rows with something at their right end
//! - `scrolling`: what the keyboard scrolls
//! - `text`: text, by its weight; what a control says while the pointer rests on it
//! - `textures`: thumbnails

mod bidi;
mod boxes;
mod button;
mod charts;
mod face;
pub(super) mod form;
mod icons;
mod qr;
mod rows;
mod scrolling;
mod text;
mod textures;

pub(super) use boxes::{
    card, dialog_frame, group, hairline, name_dialog, note, part, part_if_any, signed_note, slim_card, tinted,
};
pub(super) use button::{
    Button, Emphasis, bring_into_sight, focus_ring, fold, icon_button, link, named, tell_expanded,
};
pub(super) use charts::{bar, graph};
pub(super) use face::{face, face_tile, paint_face};
pub(super) use icons::{Icon, disc, icon, paint_icon, tile};
pub(super) use qr::qr;
pub(super) use rows::{row, row_of_words};
pub(super) use scrolling::{keep_arrows, scroll_by_keys};
pub(super) use text::{
    announce, block, fitting, heading, line, muted, name_line, one_line, paragraph, plain, prose, small,
    small_paragraph, tip, title, title_with, title_with_face,
};
pub(super) use textures::{Textures, paint_awaited};
