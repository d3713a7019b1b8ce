//! The window without a display: made-up events against its state and its views, then whole transfers between two
//! windows. [`Screen`] stands for the display, the user in front of it, and the toolkit around the window.

mod breaking;
mod croc;
mod dialogs;
mod endings;
mod first_steps;
mod flows;
mod gallery;
mod internet;
mod keyboard;
mod licences;
mod looks;
pub(super) mod made_up;
mod names;
mod offering;
mod painter;
mod people;
mod receiving;
mod resting;
mod screen;
mod sending;
mod several;
mod transfers;
mod unfinished;

use screen::{Screen, both};
