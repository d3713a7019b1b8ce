//! The thread that talks to the Wayland compositor. It has a data device for each seat, and at most one drag at a time.
//!
//! A protocol error would cost the whole connection, and the window with it. So an offer lives until its drag has
//! left, whatever it holds (some compositors end the drag with the offer), and it is finished only after a copy was
//! agreed on.

use std::{
    collections::HashMap,
    io,
    os::fd::{AsFd, OwnedFd},
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Instant,
};

use rustix::event::{PollFd, PollFlags, poll};
use wayland_backend::client::{Backend, WaylandError};
use wayland_client::{
    Connection, Dispatch, EventQueue, Proxy, QueueHandle, event_created_child,
    protocol::{
        wl_data_device::{self, WlDataDevice},
        wl_data_device_manager::{self, DndAction, WlDataDeviceManager},
        wl_data_offer::{self, WlDataOffer},
        wl_registry::{self, WlRegistry},
        wl_seat::{self, WlSeat},
    },
};

use super::{
    event::{DragEvent, DragReporter},
    list::ListReader,
    load::{Form, Load},
};
use crate::sync::lock;

/// Starts the thread, which listens for drags over `surface` until `stop` is readable.
pub(super) fn start(
    backend: Backend,
    surface: usize,
    stop: OwnedFd,
    reporter: DragReporter,
) -> io::Result<JoinHandle<()>> {
    let connection = Connection::from_backend(backend);
    thread::Builder::new().name("file drops".to_owned()).spawn(move || {
        let mut queue = connection.new_event_queue();
        connection.display().get_registry(&queue.handle(), ());
        let mut state = DragState { surface, reporter, manager: None, seats: HashMap::new(), drag: None };
        if let Err(error) = run(&mut queue, &mut state, &stop) {
            tracing::warn!(%error, "files can't be dropped on the window any more");
        }
        state.clear();
        // The connection may be lost, and then there is nothing to flush to.
        drop(queue.flush());
    })
}

fn run(queue: &mut EventQueue<DragState>, state: &mut DragState, stop: &OwnedFd) -> io::Result<()> {
    loop {
        queue.dispatch_pending(state).map_err(io::Error::other)?;
        match queue.flush() {
            Err(WaylandError::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {}
            flushed => flushed.map_err(io::Error::other)?,
        }
        if state.reporter.is_over {
            return Ok(());
        }
        let Some(guard) = queue.prepare_read() else { continue };
        let reading = state.drag.as_ref().and_then(Drag::reading);
        let timeout = reading.map(|reading| reading.gathering.time_left());
        let connection = guard.connection_fd();
        let mut waits = vec![PollFd::new(&connection, PollFlags::IN), PollFd::new(stop, PollFlags::IN)];
        let pipe = reading.map(ListReader::as_fd);
        waits.extend(pipe.as_ref().map(|pipe| PollFd::new(pipe, PollFlags::IN)));
        match poll(&mut waits, timeout.as_ref()) {
            Err(rustix::io::Errno::INTR) => continue,
            polled => polled?,
        };
        let ready: Vec<bool> = waits.iter().map(|wait| !wait.revents().is_empty()).collect();
        drop(waits);
        if ready[1] {
            return Ok(());
        }
        if ready[0] {
            match guard.read() {
                Err(WaylandError::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {}
                read => {
                    read.map_err(io::Error::other)?;
                }
            }
        }
        state.read_list(ready.get(2) == Some(&true));
    }
}

struct DragState {
    /// The window's surface, as an address to compare with.
    surface: usize,
    reporter: DragReporter,
    manager: Option<WlDataDeviceManager>,
    /// The seats, by the names that the registry gives them.
    seats: HashMap<u32, DragSeat>,
    drag: Option<Drag>,
}

struct DragSeat {
    seat: WlSeat,
    device: Option<WlDataDevice>,
}

/// What the source of a drag has said about it.
#[derive(Debug, Default)]
struct OfferFacts {
    forms: Mutex<Vec<String>>,
    is_copy: AtomicBool,
}

struct Drag {
    device: WlDataDevice,
    serial: u32,
    offer: WlDataOffer,
    position: (f64, f64),
    list: DragFiles,
    /// Whether it was dropped before its list was whole.
    is_dropped: bool,
}

enum DragFiles {
    Reading(Form, ListReader),
    Known(Load),
    /// The drag holds nothing of use, or it can't be known, or it isn't over this window.
    Refused,
}

impl Drag {
    fn reading(&self) -> Option<&ListReader> {
        match &self.list {
            DragFiles::Reading(_, reading) => Some(reading),
            _ => None,
        }
    }

    fn is_refused(&self) -> bool {
        matches!(self.list, DragFiles::Refused)
    }

    /// Refuses the drag.
    fn refuse(&mut self) {
        self.list = DragFiles::Refused;
        if !self.is_dropped {
            self.offer.accept(self.serial, None);
        }
    }
}

impl DragState {
    fn moved(&mut self, position: (f64, f64)) {
        let Some(drag) = &mut self.drag else { return };
        drag.position = position;
        if !drag.is_refused() {
            self.reporter.moved(position);
        }
    }

    fn enter(&mut self, connection: &Connection, mut drag: Drag, is_over_window: bool) {
        self.leave();
        let form = drag.offer.data::<OfferFacts>().filter(|_| is_over_window).and_then(|facts| {
            let mut forms = lock(&facts.forms);
            let (form, place) = Form::best(forms.iter().map(String::as_str))?;
            Some((form, forms.swap_remove(place)))
        });
        let Some((form, mime_type)) = form else {
            drag.refuse();
            self.drag = Some(drag);
            return;
        };
        match ListReader::start(Instant::now()) {
            Ok((reading, pipe)) => {
                drag.offer.accept(drag.serial, Some(mime_type.clone()));
                // Only ever a copy: after a move the source would delete the files.
                if drag.offer.version() >= wl_data_offer::REQ_SET_ACTIONS_SINCE {
                    drag.offer.set_actions(DndAction::Copy, DndAction::Copy);
                }
                drag.offer.receive(mime_type, pipe.as_fd());
                // The request holds a copy of the pipe's end until it is sent, and until then the list has no end.
                drop(connection.flush());
                drag.list = DragFiles::Reading(form, reading);
                self.reporter.tell(DragEvent::Hover { paths: Vec::new(), position: drag.position });
            }
            Err(error) => {
                tracing::warn!(%error, "no pipe for a list of files");
                drag.refuse();
            }
        }
        self.drag = Some(drag);
    }

    /// Ends the drag without a drop, if there is one.
    fn leave(&mut self) {
        if let Some(drag) = self.drag.take() {
            drag.offer.destroy();
            if !drag.is_refused() {
                self.reporter.tell(DragEvent::Left);
            }
        }
    }

    fn dropped(&mut self) {
        let Some(drag) = &mut self.drag else { return };
        match drag.list {
            DragFiles::Reading(..) => drag.is_dropped = true,
            DragFiles::Refused => self.leave(),
            DragFiles::Known(_) => self.finish(),
        }
    }

    /// Takes the files of a drag that was dropped.
    fn finish(&mut self) {
        let Some(drag) = self.drag.take() else { return };
        let DragFiles::Known(load) = drag.list else { return };
        let has_actions = drag.offer.version() >= wl_data_offer::REQ_FINISH_SINCE;
        let facts = drag.offer.data::<OfferFacts>();
        let is_agreed = !has_actions || facts.is_some_and(|facts| facts.is_copy.load(Ordering::Relaxed));
        if has_actions && is_agreed {
            drag.offer.finish();
        }
        drag.offer.destroy();
        if is_agreed {
            self.reporter.tell(DragEvent::Dropped { load, position: drag.position });
        } else {
            self.reporter.tell(DragEvent::Left);
        }
    }

    /// Continues to read the list of the current drag.
    fn read_list(&mut self, is_ready: bool) {
        let Some(drag) = &mut self.drag else { return };
        let DragFiles::Reading(form, reading) = &mut drag.list else { return };
        let now = Instant::now();
        let checked = reading.gathering.check(now);
        let list = checked.and_then(|()| if is_ready { reading.advance(now) } else { Ok(None) });
        let load = match list {
            Ok(None) => return,
            Ok(Some(data)) => Load::read(*form, &data),
            Err(error) => {
                tracing::warn!(%error, "the list of dragged files can't be read");
                None
            }
        };
        let (is_dropped, position) = (drag.is_dropped, drag.position);
        let Some(load) = load else {
            drag.refuse();
            self.reporter.tell(DragEvent::Left);
            if is_dropped {
                self.leave();
                self.reporter.tell(DragEvent::Unreadable);
            }
            return;
        };
        let paths = if is_dropped { Vec::new() } else { load.paths().to_vec() };
        drag.list = DragFiles::Known(load);
        if is_dropped {
            self.finish();
        } else {
            self.reporter.tell(DragEvent::Hover { paths, position });
        }
    }

    /// Gives every seat a device, once there is a manager to make them.
    fn add_devices(&mut self, queue: &QueueHandle<Self>) {
        let Some(manager) = &self.manager else { return };
        for seat in self.seats.values_mut() {
            seat.device.get_or_insert_with(|| manager.get_data_device(&seat.seat, queue, ()));
        }
    }

    fn remove_seat(&mut self, name: u32) {
        let Some(seat) = self.seats.remove(&name) else { return };
        if self.drag.as_ref().is_some_and(|drag| Some(&drag.device) == seat.device.as_ref()) {
            self.leave();
        }
        if let Some(device) = seat.device
            && device.version() >= wl_data_device::REQ_RELEASE_SINCE
        {
            device.release();
        }
        if seat.seat.version() >= wl_seat::REQ_RELEASE_SINCE {
            seat.seat.release();
        }
    }

    fn clear(&mut self) {
        self.leave();
        for name in self.seats.keys().copied().collect::<Vec<_>>() {
            self.remove_seat(name);
        }
    }
}

impl Dispatch<WlRegistry, ()> for DragState {
    fn event(
        state: &mut Self,
        registry: &WlRegistry,
        event: wl_registry::Event,
        (): &(),
        _: &Connection,
        queue: &QueueHandle<Self>,
    ) {
        match event {
            wl_registry::Event::Global { name, interface, version } => {
                if interface == WlSeat::interface().name {
                    let version = version.min(wl_seat::REQ_RELEASE_SINCE);
                    let seat = registry.bind(name, version, queue, ());
                    state.seats.insert(name, DragSeat { seat, device: None });
                } else if interface == WlDataDeviceManager::interface().name && state.manager.is_none() {
                    let version = version.min(wl_data_offer::REQ_FINISH_SINCE);
                    state.manager = Some(registry.bind(name, version, queue, ()));
                }
                state.add_devices(queue);
            }
            wl_registry::Event::GlobalRemove { name } => state.remove_seat(name),
            _ => {}
        }
    }
}

impl Dispatch<WlDataDevice, ()> for DragState {
    fn event(
        state: &mut Self,
        device: &WlDataDevice,
        event: wl_data_device::Event,
        (): &(),
        connection: &Connection,
        _: &QueueHandle<Self>,
    ) {
        let is_current = state.drag.as_ref().is_some_and(|drag| drag.device == *device);
        let is_dropped = state.drag.as_ref().is_some_and(|drag| drag.is_dropped);
        match event {
            wl_data_device::Event::Enter { serial, surface, x, y, id: Some(offer) } => {
                let is_over_window = surface.id().as_ptr() as usize == state.surface;
                let drag = Drag {
                    device: device.clone(),
                    serial,
                    offer,
                    position: (x, y),
                    list: DragFiles::Refused,
                    is_dropped: false,
                };
                state.enter(connection, drag, is_over_window);
            }
            wl_data_device::Event::Motion { x, y, .. } if is_current && !is_dropped => state.moved((x, y)),
            wl_data_device::Event::Leave if is_current && !is_dropped => state.leave(),
            wl_data_device::Event::Drop if is_current => state.dropped(),
            // The clipboard is left to the toolkit.
            wl_data_device::Event::Selection { id: Some(offer) } => offer.destroy(),
            _ => {}
        }
    }

    event_created_child!(DragState, WlDataDevice, [
        wl_data_device::EVT_DATA_OFFER_OPCODE => (WlDataOffer, OfferFacts::default()),
    ]);
}

impl Dispatch<WlDataOffer, OfferFacts> for DragState {
    fn event(
        _: &mut Self,
        _: &WlDataOffer,
        event: wl_data_offer::Event,
        facts: &OfferFacts,
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        match event {
            wl_data_offer::Event::Offer { mime_type } => lock(&facts.forms).push(mime_type),
            wl_data_offer::Event::Action { dnd_action } => {
                facts
                    .is_copy
                    .store(matches!(dnd_action.into_result(), Ok(DndAction::Copy)), Ordering::Relaxed);
            }
            _ => {}
        }
    }
}

impl Dispatch<WlSeat, ()> for DragState {
    fn event(_: &mut Self, _: &WlSeat, _: wl_seat::Event, (): &(), _: &Connection, _: &QueueHandle<Self>) {}
}

impl Dispatch<WlDataDeviceManager, ()> for DragState {
    fn event(
        _: &mut Self,
        _: &WlDataDeviceManager,
        _: wl_data_device_manager::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
    }
}
