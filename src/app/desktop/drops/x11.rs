//! The thread that talks to the X server: the target's side of XDND, version 5, at most one drag at a time.
//!
//! The window's own messages go to winit. So the window names a proxy, a window of this thread's connection that is
//! never shown, and programs send theirs there. Those that know no proxies still reach winit, which asks for the list
//! of files and keeps it where this thread can read it: it then says what winit is about to lose.

use std::{
    io,
    os::fd::OwnedFd,
    path::PathBuf,
    thread::{self, JoinHandle},
    time::Instant,
};

use rustix::event::{PollFd, PollFlags, poll};
use x11rb::{
    COPY_DEPTH_FROM_PARENT, COPY_FROM_PARENT, NONE,
    connection::Connection,
    errors::{ConnectionError, ReplyError},
    protocol::{
        Event,
        xproto::{
            Atom, AtomEnum, ChangeWindowAttributesAux, ClientMessageEvent, ConnectionExt as _,
            CreateWindowAux, EventMask, PropMode, Property, PropertyNotifyEvent, SelectionNotifyEvent,
            Timestamp, WindowClass,
        },
    },
    rust_connection::RustConnection,
    wrapper::ConnectionExt as _,
};

use super::{
    event::{DragEvent, DragReporter},
    list::Gathering,
    load::{Form, Load},
    uri_list::UriList,
};

/// The newest version of XDND.
const VERSION: u32 = 5;
/// The most forms of data that a source is asked about.
const MAX_FORMS: u32 = 200;

x11rb::atom_manager! {
    Atoms: AtomsCookie {
        INCR,
        XdndActionCopy,
        XdndAware,
        XdndDrop,
        XdndEnter,
        XdndFinished,
        XdndLeave,
        XdndPosition,
        XdndProxy,
        XdndSelection,
        XdndStatus,
        XdndTypeList,
    }
}

/// Starts the thread, which listens for drags over `window` until `stop` is readable.
pub(super) fn start(window: u32, stop: OwnedFd, reporter: DragReporter) -> io::Result<JoinHandle<()>> {
    let (connection, screen) = x11rb::connect(None).map_err(io::Error::other)?;
    let root = connection.setup().roots[screen].root;
    let mut target = XdndTarget::new(connection, root, window, reporter).map_err(io::Error::other)?;
    thread::Builder::new().name("file drops".to_owned()).spawn(move || {
        if let Err(error) = target.run(&stop) {
            tracing::warn!(%error, "the toolkit is left with files that are dragged over the window");
        }
        target.leave();
        // The connection may be lost, or the window already closed.
        let _ = target.connection.delete_property(window, target.atoms.XdndProxy).map(drop);
        let _ = target.connection.sync();
    })
}

struct XdndTarget {
    connection: RustConnection,
    atoms: Atoms,
    root: u32,
    /// The window that programs see.
    window: u32,
    proxy: u32,
    reporter: DragReporter,
    drag: Option<XdndDrag>,
}

struct XdndDrag {
    source: u32,
    /// The best form that the source offers, and its name.
    form: Option<(Form, Atom)>,
    position: (f64, f64),
    held: Held,
    /// Whether it was dropped before its list was whole.
    is_dropped: bool,
}

enum Held {
    /// It has not been asked for: the pointer has not moved over the window yet.
    Unknown,
    /// It was asked for; `is_in_pieces` says that it comes bit by bit.
    Coming {
        gathering: Gathering,
        is_in_pieces: bool,
    },
    Known(Load),
    /// The drag holds nothing of use, or can't be read.
    Refused,
}

impl XdndTarget {
    fn new(
        connection: RustConnection,
        root: u32,
        window: u32,
        reporter: DragReporter,
    ) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let atoms = Atoms::new(&connection)?.reply()?;
        let proxy = connection.generate_id()?;
        let aux = CreateWindowAux::new().override_redirect(1).event_mask(EventMask::PROPERTY_CHANGE);
        let class = WindowClass::INPUT_OUTPUT;
        connection
            .create_window(
                COPY_DEPTH_FROM_PARENT,
                proxy,
                root,
                -1,
                -1,
                1,
                1,
                0,
                class,
                COPY_FROM_PARENT,
                &aux,
            )?
            .check()?;
        let put = |window, name, kind: AtomEnum, value| {
            connection.change_property32(PropMode::REPLACE, window, name, kind, &[value])?.check()
        };
        put(proxy, atoms.XdndAware, AtomEnum::ATOM, VERSION)?;
        // A proxy that names itself is one that is still there.
        put(proxy, atoms.XdndProxy, AtomEnum::WINDOW, proxy)?;
        let watched = ChangeWindowAttributesAux::new().event_mask(EventMask::PROPERTY_CHANGE);
        connection.change_window_attributes(window, &watched)?.check()?;
        put(window, atoms.XdndProxy, AtomEnum::WINDOW, proxy)?;
        Ok(Self { connection, atoms, root, window, proxy, reporter, drag: None })
    }

    fn run(&mut self, stop: &OwnedFd) -> Result<(), ConnectionError> {
        loop {
            while let Some(event) = self.connection.poll_for_event()? {
                self.take(&event)?;
            }
            self.connection.flush()?;
            if self.reporter.is_over {
                return Ok(());
            }
            let coming = self.drag.as_ref().and_then(|drag| match &drag.held {
                Held::Coming { gathering, .. } => Some(gathering.time_left()),
                _ => None,
            });
            let stream = self.connection.stream();
            let mut waits = [PollFd::new(stream, PollFlags::IN), PollFd::new(stop, PollFlags::IN)];
            match poll(&mut waits, coming.as_ref()) {
                Err(rustix::io::Errno::INTR) => continue,
                polled => polled.map_err(io::Error::from)?,
            };
            if !waits[1].revents().is_empty() {
                return Ok(());
            }
            if let Some(XdndDrag { held: Held::Coming { gathering, .. }, .. }) = &self.drag
                && gathering.check(Instant::now()).is_err()
            {
                self.known(None)?;
            }
        }
    }

    fn take(&mut self, event: &Event) -> Result<(), ConnectionError> {
        match event {
            Event::ClientMessage(message) => self.message(message),
            Event::SelectionNotify(answer) => self.answered(answer),
            Event::PropertyNotify(change) if change.state == Property::NEW_VALUE => self.changed(change),
            Event::DestroyNotify(gone) if self.is_from(gone.window) => {
                self.leave();
                Ok(())
            }
            // Errors of requests about windows that are gone by now.
            _ => Ok(()),
        }
    }

    fn is_from(&self, source: u32) -> bool {
        self.drag.as_ref().is_some_and(|drag| drag.source == source)
    }

    fn message(&mut self, message: &ClientMessageEvent) -> Result<(), ConnectionError> {
        let (atoms, data) = (self.atoms, message.data.as_data32());
        let source = data[0];
        let is_dropped = self.drag.as_ref().is_some_and(|drag| drag.is_dropped);
        match message.type_ {
            name if name == atoms.XdndEnter => self.enter(source, data),
            name if name == atoms.XdndPosition && self.is_from(source) => self.position(data[2], data[3]),
            name if name == atoms.XdndLeave && self.is_from(source) && !is_dropped => {
                self.leave();
                Ok(())
            }
            name if name == atoms.XdndDrop && self.is_from(source) => self.dropped(data[2]),
            _ => Ok(()),
        }
    }

    fn enter(&mut self, source: u32, data: [u32; 5]) -> Result<(), ConnectionError> {
        self.leave();
        let has_list = data[1] & 1 == 1;
        let mut forms = data[2..].to_vec();
        if has_list {
            let list = self.connection.get_property(
                false,
                source,
                self.atoms.XdndTypeList,
                AtomEnum::ATOM,
                0,
                MAX_FORMS,
            )?;
            forms =
                or_none(list.reply())?.and_then(|reply| Some(reply.value32()?.collect())).unwrap_or_default();
        }
        forms.retain(|form| *form != NONE);
        let names =
            forms.iter().map(|form| self.connection.get_atom_name(*form)).collect::<Result<Vec<_>, _>>()?;
        let mut mime_types = Vec::new();
        for name in names {
            let name = or_none(name.reply())?.map(|reply| reply.name).unwrap_or_default();
            mime_types.push(String::from_utf8(name).unwrap_or_default());
        }
        let form =
            Form::best(mime_types.iter().map(String::as_str)).map(|(form, place)| (form, forms[place]));
        // A source that ends in the middle of a drag says nothing of it.
        let watched = ChangeWindowAttributesAux::new().event_mask(EventMask::STRUCTURE_NOTIFY);
        self.connection.change_window_attributes(source, &watched)?;
        let held = if form.is_some() { Held::Unknown } else { Held::Refused };
        self.drag = Some(XdndDrag { source, form, position: (0.0, 0.0), held, is_dropped: false });
        Ok(())
    }

    fn position(&mut self, place: u32, time: Timestamp) -> Result<(), ConnectionError> {
        let place = ((place >> 16) as i16, place as i16);
        let at = self.connection.translate_coordinates(self.root, self.window, place.0, place.1)?;
        let at = or_none(at.reply())?.map_or((0, 0), |at| (at.dst_x, at.dst_y));
        let position = (f64::from(at.0), f64::from(at.1));
        let Some(drag) = &mut self.drag else { return Ok(()) };
        drag.position = position;
        match (&drag.held, drag.form) {
            (Held::Unknown, Some((form, name))) => {
                self.reporter.tell(DragEvent::Hover { paths: Vec::new(), position });
                drag.held = if form == Form::Picture {
                    Held::Known(Load::Picture)
                } else {
                    let selection = self.atoms.XdndSelection;
                    self.connection.convert_selection(self.proxy, selection, name, selection, time)?;
                    Held::Coming { gathering: Gathering::start(Instant::now()), is_in_pieces: false }
                };
            }
            (Held::Coming { .. } | Held::Known(_), _) => self.reporter.moved(position),
            _ => {}
        }
        self.say_status()
    }

    /// Tells the source whether this can be dropped. Only ever a copy: after a move it would delete the files.
    fn say_status(&self) -> Result<(), ConnectionError> {
        const TAKES: u32 = 1;
        const WANTS_MOVES: u32 = 2;
        let Some(drag) = &self.drag else { return Ok(()) };
        let (flags, action) = match drag.held {
            Held::Refused => (WANTS_MOVES, NONE),
            _ => (TAKES | WANTS_MOVES, self.atoms.XdndActionCopy),
        };
        self.tell(drag.source, self.atoms.XdndStatus, [self.window, flags, 0, 0, action])
    }

    fn tell(&self, source: u32, name: Atom, data: [u32; 5]) -> Result<(), ConnectionError> {
        let message = ClientMessageEvent::new(32, source, name, data);
        self.connection.send_event(false, source, EventMask::NO_EVENT, message)?;
        Ok(())
    }

    /// The source has answered what it holds, or that it won't.
    fn answered(&mut self, answer: &SelectionNotifyEvent) -> Result<(), ConnectionError> {
        if answer.requestor != self.proxy || answer.selection != self.atoms.XdndSelection {
            return Ok(());
        }
        if answer.property == NONE { self.known(None) } else { self.read_piece() }
    }

    fn changed(&mut self, change: &PropertyNotifyEvent) -> Result<(), ConnectionError> {
        if change.atom != self.atoms.XdndSelection {
            return Ok(());
        }
        if change.window == self.window {
            return self.watch_toolkit();
        }
        let is_in_pieces = self
            .drag
            .as_ref()
            .is_some_and(|drag| matches!(drag.held, Held::Coming { is_in_pieces: true, .. }));
        if is_in_pieces { self.read_piece() } else { Ok(()) }
    }

    /// Takes what the source has put down: all of it, the news that it comes in pieces, or a piece. An empty piece is
    /// the last one.
    fn read_piece(&mut self) -> Result<(), ConnectionError> {
        let property = self.atoms.XdndSelection;
        let reply = self.connection.get_property(true, self.proxy, property, AtomEnum::ANY, 0, u32::MAX)?;
        let reply = or_none(reply.reply())?;
        let Some(XdndDrag { held: Held::Coming { gathering, is_in_pieces }, form: Some((form, _)), .. }) =
            &mut self.drag
        else {
            return Ok(());
        };
        let Some(reply) = reply else { return self.known(None) };
        if reply.type_ == self.atoms.INCR {
            *is_in_pieces = true;
            return Ok(());
        }
        if *is_in_pieces && reply.type_ == NONE {
            // The next piece isn't there yet. An empty one has a type.
            return Ok(());
        }
        let is_whole = !*is_in_pieces || reply.value.is_empty();
        if gathering.add(&reply.value, Instant::now()).is_err() {
            return self.known(None);
        }
        if !is_whole {
            return Ok(());
        }
        let load = Load::read(*form, &gathering.take());
        self.known(load)
    }

    /// What the drag holds is known, or will never be.
    fn known(&mut self, load: Option<Load>) -> Result<(), ConnectionError> {
        let Some(drag) = &mut self.drag else { return Ok(()) };
        let (is_dropped, position) = (drag.is_dropped, drag.position);
        let Some(load) = load else {
            drag.held = Held::Refused;
            self.reporter.tell(DragEvent::Left);
            if !is_dropped {
                return self.say_status();
            }
            self.reporter.tell(DragEvent::Unreadable);
            return self.finish();
        };
        let paths = if is_dropped { Vec::new() } else { load.paths().to_vec() };
        drag.held = Held::Known(load);
        if is_dropped {
            return self.finish();
        }
        self.reporter.tell(DragEvent::Hover { paths, position });
        Ok(())
    }

    fn dropped(&mut self, time: Timestamp) -> Result<(), ConnectionError> {
        if let Some(drag) = &mut self.drag {
            drag.is_dropped = true;
            if matches!(drag.held, Held::Coming { .. }) {
                return Ok(());
            }
            if matches!(drag.held, Held::Unknown) {
                // The source has never said where the pointer is.
                let place = self.connection.query_pointer(self.root)?;
                let place = or_none(place.reply())?.map_or((0, 0), |at| (at.root_x, at.root_y));
                let packed = u32::from(place.0.cast_unsigned()) << 16 | u32::from(place.1.cast_unsigned());
                self.position(packed, time)?;
                return Ok(());
            }
        }
        self.finish()
    }

    /// Ends the drag that was dropped.
    fn finish(&mut self) -> Result<(), ConnectionError> {
        let Some(drag) = self.drag.take() else { return Ok(()) };
        let (taken, action) = match drag.held {
            Held::Known(load) => {
                self.reporter.tell(DragEvent::Dropped { load, position: drag.position });
                (1, self.atoms.XdndActionCopy)
            }
            _ => (0, NONE),
        };
        self.tell(drag.source, self.atoms.XdndFinished, [self.window, taken, action, 0, 0])
    }

    /// Ends the drag without a drop, if there is one.
    fn leave(&mut self) {
        if let Some(drag) = self.drag.take()
            && matches!(drag.held, Held::Coming { .. } | Held::Known(_))
        {
            self.reporter.tell(DragEvent::Left);
        }
    }

    /// The toolkit has a list of files. It takes none of them unless it can reach all.
    fn watch_toolkit(&mut self) -> Result<(), ConnectionError> {
        let property = self.atoms.XdndSelection;
        let reply = self.connection.get_property(false, self.window, property, AtomEnum::ANY, 0, u32::MAX)?;
        let Some(reply) = or_none(reply.reply())? else { return Ok(()) };
        let mut list = UriList::read(&reply.value);
        let is_lost = |path: &mut PathBuf| path.to_str().is_none() || path.canonicalize().is_err();
        for path in list.paths.extract_if(.., is_lost).collect::<Vec<_>>() {
            list.add_other(&path.to_string_lossy());
        }
        if list.others > 0 {
            self.reporter.tell(DragEvent::Lost(list));
        }
        Ok(())
    }
}

/// A reply, or `None` if the request failed because a window is gone.
fn or_none<T>(reply: Result<T, ReplyError>) -> Result<Option<T>, ConnectionError> {
    match reply {
        Ok(reply) => Ok(Some(reply)),
        Err(ReplyError::X11Error(_)) => Ok(None),
        Err(ReplyError::ConnectionError(error)) => Err(error),
    }
}
