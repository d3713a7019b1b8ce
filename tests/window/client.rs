//! The test's own connection to its display: it finds windows, takes pictures, presses keys and moves the pointer.

use x11rb::{
    CURRENT_TIME,
    connection::Connection,
    protocol::{
        xproto::{
            self, Atom, AtomEnum, ChangeWindowAttributesAux, ClientMessageEvent, ConnectionExt as _,
            CreateWindowAux, EventMask, ImageFormat, MapState, PropMode, SELECTION_NOTIFY_EVENT,
            SelectionNotifyEvent, SelectionRequestEvent, Window, WindowClass,
        },
        xtest::ConnectionExt as _,
    },
    rust_connection::RustConnection,
    wrapper::ConnectionExt as _,
};

use crate::picture::Picture;

x11rb::atom_manager! {
    /// Names to which the display server gives numbers.
    pub Atoms: AtomsCookie {
        CLIPBOARD,
        CLIPBOARD_MANAGER,
        INCR,
        SAVE_TARGETS,
        TARGETS,
        UTF8_STRING,
        URI_LIST: b"text/uri-list",
        TEST_PROPERTY: b"CAIMAN_TEST",
        XdndEnter,
        XdndPosition,
        XdndStatus,
        XdndDrop,
        XdndFinished,
        XdndProxy,
        XdndSelection,
        XdndTypeList,
        XdndActionCopy,
        XdndAware,
        _NET_ACTIVE_WINDOW,
        _NET_CLIENT_LIST,
        _NET_CLOSE_WINDOW,
        _NET_SUPPORTING_WM_CHECK,
        _NET_WM_NAME,
        _NET_WM_PID,
    }
}

/// A key, named by the number of the symbol on it. An ASCII character is its own number.
#[derive(Clone, Copy)]
pub struct Key(pub u32);

pub const RETURN: Key = Key(0xff0d);
pub const TAB: Key = Key(0xff09);
pub const ESCAPE: Key = Key(0xff1b);
const SHIFT: Key = Key(0xffe1);
const CONTROL: Key = Key(0xffe3);

const PRESS: u8 = xproto::KEY_PRESS_EVENT;
const RELEASE: u8 = xproto::KEY_RELEASE_EVENT;

/// A connection to the display.
pub struct Client {
    pub connection: RustConnection,
    pub atoms: Atoms,
    root: Window,
    keys: Keys,
}

impl Client {
    pub fn connect(display: &str) -> Self {
        let (connection, screen) = RustConnection::connect(Some(display)).unwrap();
        let atoms = Atoms::new(&connection).unwrap().reply().unwrap();
        let root = connection.setup().roots[screen].root;
        let keys = Keys::ask(&connection);
        Self { connection, atoms, root, keys }
    }

    pub fn has_window_manager(&self) -> bool {
        self.numbers(self.root, self.atoms._NET_SUPPORTING_WM_CHECK).is_some()
    }

    /// The visible window of a process.
    pub fn window_of(&self, process: u32) -> Option<Window> {
        let windows = self.numbers(self.root, self.atoms._NET_CLIENT_LIST)?;
        windows.into_iter().find(|window| {
            let owner = self.numbers(*window, self.atoms._NET_WM_PID);
            let attributes = self.connection.get_window_attributes(*window).unwrap().reply();
            owner.is_some_and(|owner| owner == [process])
                && attributes.is_ok_and(|attributes| attributes.map_state == MapState::VIEWABLE)
        })
    }

    pub fn title(&self, window: Window) -> String {
        let title = self.property(window, self.atoms._NET_WM_NAME).map(|reply| reply.value);
        String::from_utf8(title.unwrap_or_default()).unwrap()
    }

    /// Whether files can be dropped on a window.
    pub fn takes_drops(&self, window: Window) -> bool {
        self.numbers(window, self.atoms.XdndAware).is_some()
    }

    /// Asks the window manager to put the window in front and give it the keyboard.
    pub fn activate(&self, window: Window) {
        // The request claims to come from a pager. From a program, it could be refused as one that pushes itself forward.
        self.ask_manager(window, self.atoms._NET_ACTIVE_WINDOW, [2, CURRENT_TIME, 0, 0, 0]);
    }

    /// Whether keys go to a window.
    pub fn has_keyboard(&self, window: Window) -> bool {
        let focus = self.connection.get_input_focus().unwrap().reply().unwrap().focus;
        self.numbers(self.root, self.atoms._NET_ACTIVE_WINDOW).is_some_and(|active| active == [window])
            && focus == window
    }

    /// Asks the window manager to close the window, as the button in its title bar does.
    pub fn close(&self, window: Window) {
        self.ask_manager(window, self.atoms._NET_CLOSE_WINDOW, [CURRENT_TIME, 2, 0, 0, 0]);
    }

    pub fn picture_of_screen(&self) -> Picture {
        let screen = self.connection.get_geometry(self.root).unwrap().reply().unwrap();
        self.picture(0, 0, screen.width, screen.height)
    }

    /// A picture of the part of the screen where a window is.
    pub fn picture_of(&self, window: Window) -> Picture {
        let size = self.connection.get_geometry(window).unwrap().reply().unwrap();
        let (left, top) = self.corner_of(window);
        self.picture(left, top, size.width, size.height)
    }

    /// The point of the screen at this place in a window, given in fractions of the window's width and height.
    pub fn point_in(&self, window: Window, (across, down): (f32, f32)) -> (i16, i16) {
        let size = self.connection.get_geometry(window).unwrap().reply().unwrap();
        let (left, top) = self.corner_of(window);
        let along = |length: u16, part: f32| (f32::from(length) * part) as i16;
        (left + along(size.width, across), top + along(size.height, down))
    }

    pub fn point_to(&self, x: i16, y: i16) {
        self.fake(xproto::MOTION_NOTIFY_EVENT, 0, (x, y));
        self.connection.sync().unwrap();
    }

    /// Clicks at a point of the screen.
    pub fn click(&self, (x, y): (i16, i16)) {
        const LEFT_BUTTON: u8 = 1;
        self.point_to(x, y);
        for action in [xproto::BUTTON_PRESS_EVENT, xproto::BUTTON_RELEASE_EVENT] {
            self.fake(action, LEFT_BUTTON, (0, 0));
        }
        self.connection.sync().unwrap();
    }

    /// Presses one key.
    pub fn press(&self, key: Key) {
        self.chord(&[], key);
    }

    /// Presses a key with Control.
    pub fn control(&self, character: char) {
        self.chord(&[CONTROL], Key(character.into()));
    }

    pub fn type_text(&self, text: &str) {
        for character in text.chars() {
            self.chord(&[], Key(character.into()));
        }
    }

    /// A window that is never shown, for what only a window may do, such as owning a selection.
    pub fn unseen_window(&self) -> Window {
        let window = self.connection.generate_id().unwrap();
        let aux = CreateWindowAux::new().event_mask(EventMask::STRUCTURE_NOTIFY | EventMask::PROPERTY_CHANGE);
        self.connection
            .create_window(0, window, self.root, 0, 0, 1, 1, 0, WindowClass::INPUT_OUTPUT, 0, &aux)
            .unwrap();
        window
    }

    /// Sends a message that is about `window` to the window `receiver`.
    pub fn tell(&self, receiver: Window, window: Window, name: Atom, data: [u32; 5]) {
        let event = ClientMessageEvent::new(32, window, name, data);
        self.connection.send_event(false, receiver, EventMask::NO_EVENT, event).unwrap();
        self.connection.flush().unwrap();
    }

    /// Answers a program that asks for a selection, which this test has as `bytes` in one form. Returns whether the program got
    /// the bytes.
    pub fn answer(&self, request: &SelectionRequestEvent, form: Atom, bytes: &[u8]) -> bool {
        let (to, property) = (request.requestor, request.property);
        let is_served = request.target == form;
        if is_served {
            self.answer_as(request, form, bytes);
            return true;
        }
        let is_known = request.target == self.atoms.TARGETS;
        if is_known {
            let forms = [self.atoms.TARGETS, form];
            self.connection
                .change_property32(PropMode::REPLACE, to, property, AtomEnum::ATOM, &forms)
                .unwrap();
        }
        self.notify(request, is_known);
        false
    }

    /// Gives a program that asks for a selection these bytes, of this type.
    pub fn answer_as(&self, request: &SelectionRequestEvent, kind: Atom, bytes: &[u8]) {
        self.put(request.requestor, request.property, kind, bytes);
        self.notify(request, true);
    }

    /// Writes bytes of this type into a property.
    pub fn put(&self, window: Window, property: Atom, kind: Atom, bytes: &[u8]) {
        self.connection.change_property8(PropMode::REPLACE, window, property, kind, bytes).unwrap();
        self.connection.flush().unwrap();
    }

    /// Hears of changes to the properties of another program's window from now on.
    pub fn hear_of_properties(&self, window: Window) {
        let aux = ChangeWindowAttributesAux::new().event_mask(EventMask::PROPERTY_CHANGE);
        self.connection.change_window_attributes(window, &aux).unwrap();
    }

    fn notify(&self, request: &SelectionRequestEvent, is_known: bool) {
        let notify = SelectionNotifyEvent {
            response_type: SELECTION_NOTIFY_EVENT,
            sequence: 0,
            time: request.time,
            requestor: request.requestor,
            selection: request.selection,
            target: request.target,
            property: if is_known { request.property } else { x11rb::NONE },
        };
        self.connection.send_event(false, request.requestor, EventMask::NO_EVENT, notify).unwrap();
        self.connection.flush().unwrap();
    }

    pub fn property(&self, window: Window, name: Atom) -> Option<xproto::GetPropertyReply> {
        // The window may be closed at this moment.
        let reply = self
            .connection
            .get_property(false, window, name, AtomEnum::ANY, 0, u32::MAX)
            .unwrap()
            .reply()
            .ok()?;
        (reply.type_ != x11rb::NONE).then_some(reply)
    }

    fn numbers(&self, window: Window, name: Atom) -> Option<Vec<u32>> {
        Some(self.property(window, name)?.value32()?.collect())
    }

    fn ask_manager(&self, window: Window, name: Atom, data: [u32; 5]) {
        let event = ClientMessageEvent::new(32, window, name, data);
        let mask = EventMask::SUBSTRUCTURE_NOTIFY | EventMask::SUBSTRUCTURE_REDIRECT;
        self.connection.send_event(false, self.root, mask, event).unwrap();
        self.connection.flush().unwrap();
    }

    fn corner_of(&self, window: Window) -> (i16, i16) {
        let corner = self.connection.translate_coordinates(window, self.root, 0, 0).unwrap().reply().unwrap();
        (corner.dst_x, corner.dst_y)
    }

    fn picture(&self, x: i16, y: i16, width: u16, height: u16) -> Picture {
        // The picture is taken of the screen, because a window has no pixels where another one covers it.
        let image = self.connection.get_image(ImageFormat::Z_PIXMAP, self.root, x, y, width, height, !0);
        Picture::new(width, height, &image.unwrap().reply().unwrap().data)
    }

    fn chord(&self, held: &[Key], key: Key) {
        let (code, is_shifted) = self.keys.find(key);
        let held: Vec<u8> = held
            .iter()
            .copied()
            .chain(is_shifted.then_some(SHIFT))
            .map(|key| self.keys.find(key).0)
            .collect();
        let presses = held.iter().copied().chain([code]);
        let releases = std::iter::once(code).chain(held.iter().rev().copied());
        for (action, code) in presses.map(|code| (PRESS, code)).chain(releases.map(|code| (RELEASE, code))) {
            self.fake(action, code, (0, 0));
        }
        self.connection.sync().unwrap();
    }

    fn fake(&self, action: u8, detail: u8, (x, y): (i16, i16)) {
        self.connection.xtest_fake_input(action, detail, CURRENT_TIME, self.root, x, y, 0).unwrap();
    }
}

/// The keyboard's layout: which key has which symbols.
struct Keys {
    first: u8,
    on_each: usize,
    symbols: Vec<u32>,
}

impl Keys {
    fn ask(connection: &RustConnection) -> Self {
        let (first, last) = (connection.setup().min_keycode, connection.setup().max_keycode);
        let mapping = connection.get_keyboard_mapping(first, last - first + 1).unwrap().reply().unwrap();
        Self { first, on_each: mapping.keysyms_per_keycode.into(), symbols: mapping.keysyms }
    }

    /// The code of the key with this symbol, and whether the symbol needs Shift.
    fn find(&self, key: Key) -> (u8, bool) {
        let with = |column: usize| {
            let mut of_each = self.symbols.chunks(self.on_each);
            of_each.position(|symbols| symbols.get(column) == Some(&key.0))
        };
        let (place, is_shifted) = with(0)
            .map(|place| (place, false))
            .or_else(|| with(1).map(|place| (place, true)))
            .unwrap_or_else(|| panic!("no key has the symbol {:#x}", key.0));
        (self.first + u8::try_from(place).expect("a key's code is a byte"), is_shifted)
    }
}
