//! The settings dialog. Every change holds at once and is saved; there is nothing to confirm.

use eframe::egui::{
    Align, Align2, Context, CornerRadius, Frame, Id, Label, Layout, Margin, Modal, RichText, Role,
    ScrollArea, Sense, Stroke, TextEdit, Ui, WidgetInfo, vec2,
};

use super::View;
use crate::{
    app::{
        explain,
        model::{
            action::{Action, SettingsAction},
            settings_form::{Page, SettingsForm},
            state::{Checked, Host, State},
            tone::Tone,
        },
        theme::{self, CONTROL_RADIUS, Weight, palette, size, space},
        widgets::{
            self, Button, Icon, Kind, focus_ring, form, heading, icon, icon_button, link, muted, named, note,
            part, row, small, tinted,
        },
        words::{Words, shown_path},
    },
    code::MAX_DRAWN_WORDS,
    engine::{MAX_RECEIVERS, PathMode},
    protocol::relay::MAX_LANES,
    settings::{Appearance, HostRelay, ReduceMotion, WindowSystem},
};

const NAV: f32 = 190.0;
const LABEL_WIDTH: f32 = 130.0;
const PAGES: [(Page, &str, Icon); 4] = [
    (Page::Relays, "set-relays", Icon::Server),
    (Page::Host, "set-host", Icon::Radio),
    (Page::Transfers, "set-transfers", Icon::ArrowDownUp),
    (Page::Window, "set-window", Icon::AppWindow),
];

/// Draws the dialog.
pub(crate) fn settings_ui(ctx: &Context, state: &mut State, view: &mut View<'_>) {
    let room = ctx.content_rect().size();
    let size = vec2((room.x - 64.0).min(760.0), (room.y - 96.0).min(560.0));
    let shown = Modal::new(Id::unique("settings")).frame(widgets::dialog_frame(&ctx.global_style())).show(
        ctx,
        |ui| {
            ui.set_min_size(size);
            ui.set_max_size(size);
            let (name, close) = (view.say("settings"), view.say("close"));
            widgets::name_dialog(ui, &name);
            let mut closes = false;
            let right = |ui: &mut Ui| closes = icon_button(ui, Icon::X, &close).clicked();
            row(ui, theme::CONTROL_HEIGHT, right, |ui| heading(ui, &name));
            ui.add_space(space::XS);
            let is_wide = size.x >= 560.0;
            if is_wide {
                ui.horizontal_top(|ui| {
                    ui.spacing_mut().item_spacing.x = space::CARD;
                    ui.allocate_ui_with_layout(
                        vec2(NAV, ui.available_height()),
                        Layout::top_down(Align::Min),
                        |ui| {
                            ui.set_width(NAV);
                            pages_ui(ui, state, view, true);
                        },
                    );
                    ui.vertical(|ui| {
                        ui.spacing_mut().item_spacing.x = space::S;
                        page_ui(ui, state, view);
                    });
                });
            } else {
                ui.horizontal_wrapped(|ui| pages_ui(ui, state, view, false));
                page_ui(ui, state, view);
            }
            closes
        },
    );
    if shown.inner || shown.should_close() {
        view.act(Action::Show(None));
    }
}

fn pages_ui(ui: &mut Ui, state: &mut State, view: &View<'_>, is_wide: bool) {
    for (page, key, sign) in PAGES {
        let text = view.say(key);
        let is_on = state.form.page == page;
        let button = Button::new(if is_on { Kind::Secondary } else { Kind::Quiet }, &text).icon(sign);
        let response = if is_wide { button.wide().left().ui(ui) } else { button.ui(ui) };
        response.widget_info(|| WidgetInfo::selected(Role::RadioButton, true, is_on, &text));
        if is_on {
            form::chosen_edge(ui, response.rect);
        }
        if response.clicked() {
            state.form.page = page;
        }
    }
}

fn page_ui(ui: &mut Ui, state: &mut State, view: &mut View<'_>) {
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        // The scroll bar floats over the right edge.
        ui.set_max_width(ui.available_width() - space::M);
        ui.spacing_mut().item_spacing.y = space::M;
        match state.form.page {
            Page::Relays => relays_ui(ui, state, view),
            Page::Host => host_ui(ui, state, view),
            Page::Transfers => transfers_ui(ui, state, view),
            Page::Window => window_ui(ui, state, view),
        }
    });
}

fn changed(view: &mut View<'_>) {
    view.act(Action::Settings(SettingsAction::Changed));
}

fn relays_ui(ui: &mut Ui, state: &mut State, view: &mut View<'_>) {
    muted(ui, &view.say("set-relays-hint"));
    let mut moved = None;
    let mut removed = None;
    for index in 0..state.form.relays.len() {
        part(ui, ("relay", index), |ui| {
            let frame = Frame::new()
                .stroke(Stroke::new(1.0, palette(ui).line))
                .corner_radius(CornerRadius::same(CONTROL_RADIUS + 2))
                .inner_margin(Margin::same(12));
            frame.show(ui, |ui| {
                part(ui, "head", |ui| relay_head_ui(ui, state, index, view, &mut moved, &mut removed));
                if state.form.editing == Some(index) && relay_fields_ui(ui, &mut state.form, index, view) {
                    changed(view);
                }
            });
        });
    }
    if let Some(index) = moved {
        state.form.raise_relay(index);
        changed(view);
    }
    if let Some(index) = removed {
        state.form.remove_relay(index);
        changed(view);
    }
    let add = view.say("set-add-relay");
    if part(ui, "add", |ui| Button::new(Kind::Secondary, &add).icon(Icon::Plus).ui(ui).clicked()) {
        state.form.add_relay();
    }
}

fn relay_head_ui(
    ui: &mut Ui,
    state: &mut State,
    index: usize,
    view: &mut View<'_>,
    moved: &mut Option<usize>,
    removed: &mut Option<usize>,
) {
    let Some(draft) = state.form.relays.get(index).cloned() else { return };
    let title = if draft.name.trim().is_empty() { draft.address.clone() } else { draft.name.clone() };
    let title = if title.is_empty() { view.say("set-new-relay") } else { title };
    let named = |key: &str| view.words.tell(key, &[("name", title.as_str().into())]);
    let (raise, edit, remove) = (named("set-raise"), named("set-edit"), named("set-remove"));
    let test = view.say("set-test");
    let mut edits = false;
    let mut tests = false;
    let is_raised = state.form.raised.take_if(|raised| *raised == index).is_some();
    let right = |ui: &mut Ui| {
        let can = draft.parsed().is_some();
        let name = named("set-test-named");
        let button = Button::new(Kind::Secondary, &test).name(&name).enabled(can).ui(ui);
        if is_raised && index == 0 {
            // It is at the top and can't be moved any further.
            button.request_focus();
        }
        tests = button.clicked() && can;
        if index > 0 {
            let button = icon_button(ui, Icon::ArrowUp, &raise);
            if is_raised {
                button.request_focus();
            }
            if button.clicked() {
                *moved = Some(index);
            }
        }
        edits = icon_button(ui, Icon::Pencil, &edit).clicked();
        if icon_button(ui, Icon::Trash2, &remove).clicked() {
            *removed = Some(index);
        }
    };
    row(ui, theme::CONTROL_HEIGHT, right, |ui| {
        let font = theme::font(Weight::Medium, size::BODY);
        ui.add(Label::new(RichText::new(&title).font(font)).truncate());
        if state.form.in_use() == Some(index) {
            let p = palette(ui);
            ui.label(RichText::new(view.say("set-in-use")).size(size::SMALL).color(p.ok));
        }
    });
    if edits {
        state.form.editing = (state.form.editing != Some(index)).then_some(index);
    }
    if tests && let Some(address) = draft.parsed() {
        view.act(Action::Settings(SettingsAction::Test(address)));
    }
    if let Some(address) = draft.parsed() {
        checked_ui(ui, state.checked.get(&address), view);
    }
}

fn checked_ui(ui: &mut Ui, checked: Option<&Checked>, view: &View<'_>) {
    let p = palette(ui);
    let (sign, ink, text) = match checked {
        None => return,
        Some(Checked::Pending) => (Icon::Hourglass, p.muted, view.say("relay-checking")),
        Some(Checked::Good(check)) => {
            let key = if check.has_password { "set-good-password" } else { "set-good" };
            let latency = (check.latency.as_millis() as u64).into();
            (Icon::CircleCheck, p.ok, view.words.tell(key, &[("latency", latency)]))
        }
        Some(Checked::Bad(error)) => (Icon::CircleAlert, p.bad, explain::relay(view.words, error)),
    };
    ui.horizontal_top(|ui| {
        icon(ui, sign, 16.0, ink);
        ui.add(Label::new(RichText::new(text).color(ink)).wrap());
    });
}

/// The fields of one relay; whether the keyboard has left any.
fn relay_fields_ui(ui: &mut Ui, form: &mut SettingsForm, index: usize, view: &View<'_>) -> bool {
    let SettingsForm { relays, shows_passwords: shows, wants_focus, .. } = form;
    let Some(draft) = relays.get_mut(index) else { return false };
    let mut has_changed = false;
    let address = view.say("set-address");
    if std::mem::take(wants_focus) {
        ui.memory_mut(|memory| memory.request_focus(field_id(ui, &address)));
    }
    has_changed |= field(ui, &address, &mut draft.address, &view.say("set-address-hint"), false);
    if !draft.address.trim().is_empty() && draft.parsed().is_none() {
        wrong(ui, &view.say("set-bad-address"));
    }
    has_changed |= field(ui, &view.say("set-name"), &mut draft.name, &view.say("set-optional"), false);
    has_changed |=
        field(ui, &view.say("set-password"), &mut draft.password, &view.say("set-optional"), !*shows);
    form::switch(ui, shows, &view.say("set-show-passwords"));
    has_changed
}

fn wrong(ui: &mut Ui, text: &str) {
    ui.add(Label::new(RichText::new(text).size(size::SMALL).color(palette(ui).bad)).wrap());
}

/// What stands before a control, all of the same width.
fn label_ui(ui: &mut Ui, label: &str) {
    let (rect, _) = ui.allocate_exact_size(vec2(LABEL_WIDTH, theme::CONTROL_HEIGHT), Sense::hover());
    let font = theme::font(Weight::Regular, size::BODY);
    ui.painter().text(rect.left_center(), Align2::LEFT_CENTER, label, font, palette(ui).text);
}

/// The name that the toolkit knows a field by. Hints come and go around it while it is being edited.
fn field_id(ui: &Ui, label: &str) -> Id {
    ui.scope_id().with(label)
}

/// A labelled text field; whether the keyboard has left it, so that what stands there may be taken over.
fn field(ui: &mut Ui, label: &str, text: &mut String, hint: &str, is_secret: bool) -> bool {
    let p = palette(ui);
    let frame = Frame::new()
        .fill(p.sunken)
        .stroke(Stroke::new(1.0, p.edge))
        .corner_radius(CornerRadius::same(CONTROL_RADIUS))
        .inner_margin(Margin::symmetric(10, 8));
    let mut is_left = false;
    let id = field_id(ui, label);
    ui.horizontal(|ui| {
        label_ui(ui, label);
        let edit = TextEdit::singleline(text)
            .id(id)
            .hint_text(RichText::new(hint).color(p.muted))
            .password(is_secret)
            .char_limit(300)
            .desired_width(ui.available_width().min(340.0))
            .frame(frame)
            .show(ui)
            .response
            .response;
        let value = if is_secret { "•".repeat(text.chars().count()) } else { text.clone() };
        edit.widget_info(|| WidgetInfo {
            label: Some(label.to_owned()),
            ..WidgetInfo::text_edit(true, &value, &value, hint)
        });
        is_left = edit.lost_focus();
        focus_ring(ui, &edit, edit.rect, CONTROL_RADIUS);
    });
    is_left
}

/// What a setting means, below its control.
fn hint_ui(ui: &mut Ui, text: &str) {
    // Nearer to its own control than to the next one.
    ui.add_space(-space::S);
    ui.horizontal_top(|ui| {
        ui.add_space(LABEL_WIDTH + ui.spacing().item_spacing.x);
        let text = RichText::new(text).size(size::SMALL).color(palette(ui).muted);
        ui.add(Label::new(text).wrap());
    });
}

/// A labelled choice; whether another was made.
fn choose<T: PartialEq + Copy>(ui: &mut Ui, label: &str, value: &mut T, choices: &[(T, String)]) -> bool {
    let mut has_changed = false;
    ui.horizontal(|ui| {
        label_ui(ui, label);
        let text = choices.iter().find(|(choice, _)| choice == value).map_or("", |(_, text)| text);
        form::list(ui, label, label, text, 200.0, |ui| {
            for (choice, text) in choices {
                has_changed |= ui.selectable_value(value, *choice, text).changed();
            }
        });
    });
    has_changed
}

/// A labelled slider.
fn slider<N: eframe::emath::Numeric>(
    ui: &mut Ui,
    label: &str,
    value: &mut N,
    range: std::ops::RangeInclusive<N>,
    step: f64,
    words: impl Fn(&N) -> String,
) -> eframe::egui::Response {
    ui.horizontal(|ui| {
        label_ui(ui, label);
        form::slider(ui, label, value, range, step, words)
    })
    .inner
}

fn host_ui(ui: &mut Ui, state: &mut State, view: &mut View<'_>) {
    muted(ui, &view.say("set-host-hint"));
    host_status_ui(ui, state, view);
    let form = &mut state.form;
    let mut has_changed = field(ui, &view.say("set-port"), &mut form.host_port, "27001", false);
    if form.parsed_port().is_none() {
        wrong(ui, &view.say("set-bad-port"));
    }
    has_changed |= field(ui, &view.say("set-data-ports"), &mut form.data_ports, "27002-27009", false);
    if form.parsed_data_ports().is_none() {
        wrong(ui, &view.say("set-bad-ports"));
    }
    let hint = view.say("set-optional");
    let is_secret = !form.shows_passwords;
    has_changed |= field(ui, &view.say("set-password"), &mut form.host_password, &hint, is_secret);
    form::switch(ui, &mut form.shows_passwords, &view.say("set-show-passwords"));
    has_changed |=
        form::switch(ui, &mut state.settings.host.start_with_window, &view.say("set-host-at-start"));
    if has_changed {
        changed(view);
    }
    let set = &state.settings.host;
    let differs = |host: &Host| {
        let HostRelay { port, data_ports, password, .. } = &host.as_set;
        (port, data_ports, password) != (&set.port, &set.data_ports, &set.password)
    };
    if state.host.as_ref().is_some_and(differs) {
        small(ui, &view.say("set-host-restart"));
    }
}

fn host_status_ui(ui: &mut Ui, state: &State, view: &mut View<'_>) {
    // Start becomes Stop, and keeps the keyboard.
    const SWITCH: &str = "switch";
    match &state.host {
        None => {
            if let Some(error) = &state.host_error {
                note(ui, Tone::Bad, &explain::host(view.words, error));
            }
            let text = view.say("set-host-start");
            if part(ui, SWITCH, |ui| Button::new(Kind::Primary, &text).icon(Icon::Play).ui(ui).clicked()) {
                view.act(Action::Settings(SettingsAction::StartRelay));
            }
        }
        Some(host) => {
            let (ground, ink, sign) = Tone::Good.look(palette(ui));
            tinted(ui, ground, |ui| {
                ui.set_width(ui.available_width());
                let ports: Vec<String> = host.ports.iter().map(ToString::to_string).collect();
                let args = [("ports", ports.join(", ").into())];
                ui.horizontal_top(|ui| {
                    icon(ui, sign, size::ICON, ink);
                    let key = if host.is_stopping { "set-host-stopping" } else { "set-host-runs" };
                    ui.add(Label::new(view.words.tell(key, &args)).wrap());
                });
                for address in host.reachable.iter().flatten() {
                    let text = address.to_string();
                    let copy = view.words.tell("set-copy-address", &[("address", text.as_str().into())]);
                    let mut copies = false;
                    let right = |ui: &mut Ui| copies = icon_button(ui, Icon::Copy, &copy).clicked();
                    row(ui, 30.0, right, |ui| {
                        ui.add(Label::new(RichText::new(&text).font(theme::mono(size::BODY))).truncate());
                    });
                    if copies {
                        view.act(Action::CopyText(text));
                    }
                }
                if let Some(reachable) = &host.reachable {
                    small(ui, &explain::host_reach(view.words, reachable));
                }
            });
            let text = view.say("set-host-stop");
            // A second time, it doesn't wait for what the relay still carries. Never disabled: that would lose the keyboard.
            let stop = Button::new(Kind::Secondary, &text).icon(Icon::Square);
            if part(ui, SWITCH, |ui| stop.ui(ui).clicked()) {
                view.act(Action::Settings(SettingsAction::StopRelay));
            }
        }
    }
}

fn transfers_ui(ui: &mut Ui, state: &mut State, view: &mut View<'_>) {
    let folder = shown_path(&state.save_folder);
    ui.horizontal(|ui| {
        label_ui(ui, &view.say("save-to"));
        let name = format!("{}: {folder}", view.say("save-to-change"));
        if named(link(ui, &folder), &name).on_hover_text(view.say("save-to-change")).clicked() {
            view.act(Action::PickDestination(None));
        }
    });
    let settings = &mut state.settings;
    let mut has_changed = slider(
        ui,
        &view.say("set-words"),
        &mut settings.code_words,
        4..=MAX_DRAWN_WORDS as u8,
        1.0,
        u8::to_string,
    )
    .changed();
    hint_ui(ui, &view.say("set-words-hint"));
    let most = 1..=MAX_RECEIVERS;
    has_changed |=
        slider(ui, &view.say("set-receivers"), &mut settings.receivers, most, 1.0, u16::to_string).changed();
    hint_ui(ui, &view.say("set-receivers-hint"));
    has_changed |=
        slider(ui, &view.say("set-lanes"), &mut settings.lanes, 1..=MAX_LANES, 1.0, u16::to_string).changed();
    hint_ui(ui, &view.say("set-lanes-hint"));
    let ways = [
        (PathMode::Automatic, view.say("set-path-automatic")),
        (PathMode::LocalOnly, view.say("set-path-local")),
        (PathMode::RelayOnly, view.say("set-path-relay")),
    ];
    has_changed |= choose(ui, &view.say("set-path"), &mut settings.path_mode, &ways);
    hint_ui(
        ui,
        &view.say(match settings.path_mode {
            PathMode::Automatic => "set-path-automatic-hint",
            PathMode::LocalOnly => "set-path-local-hint",
            PathMode::RelayOnly => "set-path-relay-hint",
        }),
    );
    if settings.path_mode != PathMode::RelayOnly {
        let name = view.say("set-direct-port");
        has_changed |= field(ui, &name, &mut state.form.direct_port, &view.say("set-any-port"), false);
        if state.form.parsed_direct_port().is_none() {
            wrong(ui, &view.say("set-bad-port"));
        }
    }
    if settings.path_mode == PathMode::Automatic {
        has_changed |= form::switch(ui, &mut settings.map_port, &view.say("set-map-port"));
        hint_ui(ui, &view.say("set-map-port-hint"));
    }
    has_changed |= field(ui, &view.say("set-rate"), &mut state.form.rate, &view.say("set-no-limit"), false);
    if state.form.parsed_rate().is_none() {
        wrong(ui, &view.say("set-bad-rate"));
    }
    has_changed |= form::switch(ui, &mut state.settings.keep_awake, &view.say("set-keep-awake"));
    if has_changed {
        changed(view);
    }
}

fn window_ui(ui: &mut Ui, state: &mut State, view: &mut View<'_>) {
    let settings = &mut state.settings;
    let looks = [
        (Appearance::System, view.say("set-look-system")),
        (Appearance::Light, view.say("set-look-light")),
        (Appearance::Dark, view.say("set-look-dark")),
    ];
    let mut has_changed = choose(ui, &view.say("set-look"), &mut settings.appearance, &looks);
    let scale = slider(ui, &view.say("set-scale"), &mut state.form.scale, 0.75..=2.0, 0.05, |scale| {
        format!("{:.0} %", scale * 100.0)
    });
    // While it is dragged, the slider would move away under the pointer.
    if scale.drag_stopped() || (scale.changed() && !scale.dragged()) {
        state.settings.scale = state.form.scale;
        has_changed = true;
    }
    let settings = &mut state.settings;
    let mut languages = vec![(None, view.say("set-language-system"))];
    languages.extend(Words::languages().map(|(tag, name)| (Some(tag), name.to_owned())));
    let mut language =
        Words::languages().map(|(tag, _)| tag).find(|tag| settings.language.as_deref() == Some(tag));
    if choose(ui, &view.say("set-language"), &mut language, &languages) {
        settings.language = language.map(str::to_owned);
        has_changed = true;
    }
    let motion = [
        (ReduceMotion::Automatic, view.say("set-motion-system")),
        (ReduceMotion::On, view.say("set-motion-less")),
        (ReduceMotion::Off, view.say("set-motion-full")),
    ];
    has_changed |= choose(ui, &view.say("set-motion"), &mut settings.reduce_motion, &motion);
    has_changed |= form::switch(ui, &mut settings.notifications, &view.say("set-notifications"));
    if cfg!(target_os = "linux") {
        let systems = [
            (WindowSystem::Automatic, view.say("set-system-automatic")),
            (WindowSystem::X11, "X11".to_owned()),
        ];
        has_changed |= choose(ui, &view.say("set-system"), &mut settings.window_system, &systems);
        hint_ui(ui, &view.say("set-system-hint"));
    }
    if has_changed {
        changed(view);
    }
    widgets::small(ui, &format!("Caiman {}", env!("CARGO_PKG_VERSION")));
}
