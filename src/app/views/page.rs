//! The page: header, banners, Send and Receive side by side, the transfers below; and over all of it the drop target.

use eframe::egui::{
    Align, CentralPanel, Frame, Id, Label, Layout, Margin, Rect, ScrollArea, Ui, UiBuilder, Vec2,
    accesskit::Node, vec2,
};

use super::{
    DropRects, DropTarget, View, branches, card_parts::code_or_name, drop_zone, first_steps, header, offer,
    people, receive, send_card, transfer, unfinished,
};
use crate::{
    app::{
        explain,
        model::{
            action::{Action, BannerId},
            card::Card,
            settings_form::Page,
            state::State,
            tone::Tone,
        },
        theme::{palette, size, space},
        widgets::{
            self, Icon, group, heading, icon, icon_button, line, link, paragraph, part, plain, row, small,
        },
    },
    engine::{TypedCode, read_code},
    history::Direction,
};

/// Width of the page, in points, below which Send and Receive stand one above the other.
const NARROW: f32 = 700.0;
/// The greatest width of the page's content, in points; longer lines would be hard to read.
const WIDEST: f32 = 1240.0;
/// Least height of Send and Receive while nothing is below them, in points.
const ROOMY: f32 = 330.0;
/// Greatest height of Send and Receive while nothing is below them, in points.
const ROOMIEST: f32 = 560.0;
/// Height of Send and Receive while there are transfers below them, in points.
const COMPACT: f32 = 250.0;

/// Least height of Receive where it stands below Send, in points.
const LOWEST: f32 = 180.0;
/// Height that Receive and the gap before it take where it stands below Send, in points.
const BELOW: f32 = 250.0;
/// Least height of Send where Receive stands below it, in points. The picture is left out there.
const FLAT: f32 = 200.0;
/// Least height of Receive where it is little more than its field, in points.
const TIGHT: f32 = 100.0;

/// How many cards are drawn in full; those below them are rows.
const FULL_CARDS: usize = 3;

/// Draws the page and returns where the cards are that take a drop.
pub(in crate::app) fn page_ui(ui: &mut Ui, state: &mut State, view: &mut View<'_>) -> DropRects {
    let mut rects = Vec::new();
    let frame = Frame::new().fill(palette(ui).page);
    CentralPanel::default().frame(frame).show(ui, |ui| {
        let inset = Margin::symmetric(space::PAGE as i8, 0);
        ScrollArea::vertical().auto_shrink(false).content_margin(inset).show(ui, |ui| {
            let width = ui.available_width().min(WIDEST);
            let aside = ((ui.available_width() - width) / 2.0).floor().max(0.0);
            let column = Rect::from_min_size(ui.cursor().min + vec2(aside, 0.0), vec2(width, f32::INFINITY));
            ui.scope_builder(UiBuilder::new().max_rect(column), |ui| {
                if state.dialog.is_some() {
                    // Screen readers shall find nothing but the dialog.
                    ui.ctx().accesskit_node_builder(ui.unique_id(), Node::set_hidden);
                }
                ui.add_space(space::L);
                part(ui, "header", |ui| header::header_ui(ui, state, view));
                ui.add_space(space::S);
                banners_ui(ui, state, view);
                if !state.settings.first_steps_done {
                    part(ui, "first steps", |ui| first_steps::first_steps_ui(ui, state, view));
                }
                if state.tells_of_internet() {
                    part(ui, "internet", |ui| internet_ui(ui, view));
                }
                sides_ui(ui, state, view, &mut rects);
                ui.add_space(space::L);
                if !state.people.all().is_empty() {
                    part(ui, "people", |ui| people::people_ui(ui, state, view, &mut rects));
                }
                transfers_ui(ui, state, view, &mut rects);
                part(ui, "unfinished", |ui| unfinished::unfinished_ui(ui, state, view));
                ui.add_space(space::PAGE);
            });
        });
        if state.hover_count > 0 {
            drop_zone::overlay_ui(ui, state, view, &rects);
        }
    });
    rects
}

fn banners_ui(ui: &mut Ui, state: &State, view: &mut View<'_>) {
    let mut closed: Option<BannerId> = None;
    let mut did = None;
    let close = view.say("close");
    for banner in &state.banners {
        let (ground, ink, sign) = banner.tone.look(palette(ui));
        let right = |ui: &mut Ui| {
            if let Some((text, action)) = &banner.way_on
                && link(ui, text).clicked()
            {
                closed = Some(banner.id);
                did = Some(action.clone());
            }
            if icon_button(ui, Icon::X, &close).clicked() {
                closed = Some(banner.id);
            }
        };
        part(ui, ("banner", banner.id), |ui| {
            widgets::tinted(ui, ground, |ui| {
                row(ui, 28.0, right, |ui| {
                    icon(ui, sign, 18.0, ink);
                    let ink = palette(ui).text;
                    paragraph(ui, &banner.text, plain(size::BODY), ink);
                });
            });
        });
        ui.add_space(space::S);
    }
    if let Some(id) = closed {
        view.act(Action::CloseBanner(id));
    }
    view.actions.extend(did);
    offered_code_ui(ui, state, view);
}

/// Draws a code that was found on the clipboard.
fn offered_code_ui(ui: &mut Ui, state: &State, view: &mut View<'_>) {
    let Some(code) = &state.offered_code else { return };
    let (ground, ink, _) = Tone::Plain.look(palette(ui));
    let text = view.words.tell("clipboard-code", &[("code", short(code).into())]);
    let (take, close) = (view.say("clipboard-take"), view.say("close"));
    let mut did = None;
    let right = |ui: &mut Ui| {
        if link(ui, &take).clicked() {
            did = Some(Action::FillCode(code.clone()));
        }
        if icon_button(ui, Icon::X, &close).clicked() {
            did = Some(Action::ForgetOffered);
        }
    };
    part(ui, "offered code", |ui| {
        widgets::tinted(ui, ground, |ui| {
            row(ui, 28.0, right, |ui| {
                icon(ui, Icon::ClipboardList, 18.0, ink);
                let ink = palette(ui).text;
                line(ui, &text, plain(size::BODY), ink);
            });
        });
    });
    ui.add_space(space::S);
    view.actions.extend(did);
}

/// Draws, once, who carries what goes over the internet.
fn internet_ui(ui: &mut Ui, view: &mut View<'_>) {
    let (ground, ink, _) = Tone::Plain.look(palette(ui));
    let mut did = None;
    widgets::tinted(ui, ground, |ui| {
        ui.set_width(ui.available_width());
        ui.horizontal_top(|ui| {
            icon(ui, Icon::Globe, size::ICON, ink);
            ui.vertical(|ui| {
                ui.add(Label::new(view.say("internet-first")).wrap());
                ui.horizontal(|ui| {
                    if link(ui, &view.say("internet-understood")).clicked() {
                        did = Some(Action::InternetTold);
                    }
                    ui.add_space(space::S);
                    if link(ui, &view.say("internet-change")).clicked() {
                        did = Some(Action::ShowSettings(Page::Internet));
                    }
                });
            });
        });
    });
    ui.add_space(space::S);
    view.actions.extend(did);
}

/// The words of the code in a text, without the link or the invitation around it.
fn short(text: &str) -> String {
    match read_code(text) {
        Ok(TypedCode::Caiman(invite) | TypedCode::Either(invite, _)) => invite.code().to_string(),
        Ok(TypedCode::Croc(found)) => found.code.as_str().to_owned(),
        Err(_) => text.to_owned(),
    }
}

fn sides_ui(ui: &mut Ui, state: &mut State, view: &mut View<'_>, rects: &mut DropRects) {
    if state.cards.iter().any(Card::is_offered_by_code) {
        return waiting_sides_ui(ui, state, view, rects);
    }
    // Below them the page ends with some room, so that nothing scrolls as long as all is in sight.
    let below = space::L + space::PAGE + 4.0 * ui.spacing().item_spacing.y;
    let people = people::height(state, ui.available_width(), ui.spacing().item_spacing.y);
    let room = ui.ctx().content_rect().bottom() - ui.cursor().top() - below - people;
    let height = if state.cards.is_empty() && state.unfinished_apart().next().is_none() {
        room.clamp(ROOMY, ROOMIEST)
    } else {
        COMPACT
    };
    let width = ui.available_width();
    if width < NARROW {
        if state.cards.is_empty() {
            // A receiver shall see at once where the code goes.
            let height = height.min((room - BELOW).max(FLAT));
            side(ui, "send", vec2(width, height), |ui| drop_zone::send_side_ui(ui, view));
        } else {
            // What moves is to be in sight.
            part(ui, "send", |ui| drop_zone::strip_ui(ui, view));
        }
        let is_tight = !state.cards.is_empty();
        ui.add_space(if is_tight { space::S } else { space::L });
        let least = if is_tight { TIGHT } else { LOWEST };
        side(ui, "receive", vec2(width, least), |ui| receive::receive_side_ui(ui, state, is_tight, view));
        return;
    }
    // The right side grows with its content, and the left side is kept at the same height. How much it has grown doesn't change with the
    // size of the window.
    let grown = Id::unique("growth of receive");
    let before = ui.data(|data| data.get_temp::<f32>(grown)).unwrap_or_default();
    ui.horizontal_top(|ui| {
        let right = (width * 0.37).clamp(300.0, 420.0).floor();
        side(ui, "send", vec2(width - right - space::L, height + before), |ui| {
            drop_zone::send_side_ui(ui, view);
        });
        ui.add_space(space::L - ui.spacing().item_spacing.x);
        let drawn =
            side(ui, "receive", vec2(right, height), |ui| receive::receive_side_ui(ui, state, false, view));
        let now = (drawn - height).max(0.0);
        if (now - before).abs() > 0.5 {
            ui.data_mut(|data| data.insert_temp(grown, now));
            ui.ctx().request_discard("the two sides are of different heights");
        }
    });
}

/// Draws both sides while sends wait: these stand at the left, below the strip to which the drop zone has shrunk.
fn waiting_sides_ui(ui: &mut Ui, state: &mut State, view: &mut View<'_>, rects: &mut DropRects) {
    let width = ui.available_width();
    let mut send = |ui: &mut Ui, state: &State, view: &mut View<'_>| {
        part(ui, "send", |ui| drop_zone::strip_ui(ui, view));
        ui.add_space(space::S);
        for card in state.cards.iter().filter(|card| card.is_offered_by_code()) {
            card_ui(ui, card, false, state, view, rects);
        }
    };
    if width < NARROW {
        send(ui, state, view);
        ui.add_space(space::S);
        side(ui, "receive", vec2(width, TIGHT), |ui| receive::receive_side_ui(ui, state, true, view));
        return;
    }
    ui.horizontal_top(|ui| {
        let right = (width * 0.37).clamp(300.0, 420.0).floor();
        ui.vertical(|ui| {
            ui.set_width(width - right - space::L);
            send(ui, state, view);
        });
        ui.add_space(space::L - ui.spacing().item_spacing.x);
        side(ui, "receive", vec2(right, COMPACT), |ui| receive::receive_side_ui(ui, state, false, view));
    });
}

/// Draws a card of this size, higher if its content needs that; returns its height.
fn side(ui: &mut Ui, name: &str, size: Vec2, add: impl FnOnce(&mut Ui)) -> f32 {
    ui.allocate_ui_with_layout(size, Layout::top_down(Align::Min), |ui| {
        ui.set_max_size(size);
        widgets::card(ui, |ui| {
            let inner = size - Vec2::splat(2.0 * space::CARD + 2.0);
            ui.set_min_size(inner);
            ui.set_max_size(inner);
            part(ui, name, add);
        })
    })
    .inner
    .response
    .rect
    .height()
}

/// Draws the heading of the transfers, what they come to together, and what can be done to all of them.
fn transfers_head_ui(ui: &mut Ui, state: &State, view: &mut View<'_>) {
    let name = view.say("transfers");
    let (count, speed, left) = state.totals(view.now);
    let totals = (count > 1).then(|| explain::totals(view.words, count, speed, left));
    let is_paused = state.is_paused();
    let pause = (count > 1).then(|| view.say(if is_paused { "resume-all" } else { "pause-all" }));
    let clear = state.has_ended().then(|| view.say("clear-finished"));
    let mut did = None;
    let right = |ui: &mut Ui| {
        let links = [(&pause, Action::PauseAll(!is_paused)), (&clear, Action::DismissEnded)];
        for (text, action) in links {
            let Some(text) = text else { continue };
            ui.add_space(space::XS);
            if part(ui, text, |ui| link(ui, text)).clicked() {
                did = Some(action);
            }
        }
    };
    row(ui, 28.0, right, |ui| {
        heading(ui, &name);
        if let Some(totals) = &totals {
            ui.add_space(space::S);
            small(ui, totals);
        }
    });
    view.actions.extend(did);
}

/// Whether a card is about a transfer that moves or has ended, and has nothing to ask or to pass on.
fn is_plain(card: &Card, state: &State) -> bool {
    let waits = card.direction == Direction::Sent && card.end.is_none() && card.accepted.is_none();
    !card.is_asking() && !waits && state.branches(card.id).next().is_none() && !card.folds.wants_focus
}

fn transfers_ui(ui: &mut Ui, state: &State, view: &mut View<'_>, rects: &mut DropRects) {
    let stands_here = |card: &&Card| card.branch_of().is_none() && !card.is_offered_by_code();
    if !state.cards.iter().any(|card| stands_here(&card)) {
        return;
    }
    part(ui, "transfers", |ui| transfers_head_ui(ui, state, view));
    for (number, card) in state.cards.iter().filter(stands_here).enumerate() {
        card_ui(ui, card, number >= FULL_CARDS, state, view, rects);
    }
}

/// Draws a card, as a row if it is one of many and there is nothing to say but how far it has come.
fn card_ui(
    ui: &mut Ui,
    card: &Card,
    is_slim: bool,
    state: &State,
    view: &mut View<'_>,
    rects: &mut DropRects,
) {
    let name = code_or_name(card, explain::name(view.words, card));
    group(ui, card.id, &name, |ui| {
        if is_slim && is_plain(card, state) && !card.folds.details {
            let drawn = widgets::slim_card(ui, |ui| {
                ui.set_width(ui.available_width());
                transfer::slim_transfer_ui(ui, card, view);
            });
            if card.takes_more() {
                rects.push((DropTarget::Transfer(card.id), drawn.response.rect));
            }
            return;
        }
        let drawn = widgets::card(ui, |ui| {
            ui.set_width(ui.available_width());
            if card.is_asking() {
                offer::offer_ui(ui, card, view);
            } else if card.direction == Direction::Sent && card.end.is_none() && card.accepted.is_none() {
                send_card::send_card_ui(ui, card, state, view);
            } else {
                transfer::transfer_ui(ui, card, state, view);
            }
            if state.branches(card.id).next().is_some() {
                part(ui, "branches", |ui| branches::branches_ui(ui, card, state, view));
            }
        });
        if state.takes_additions(card) || card.takes_more() {
            rects.push((DropTarget::Transfer(card.id), drawn.response.rect));
        }
    });
    ui.add_space(space::XS);
}
