//! Another program, from which something is dragged: the source's side of XDND, version 5.

use std::{
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use x11rb::{
    CURRENT_TIME,
    connection::Connection,
    protocol::{
        Event,
        xproto::{AtomEnum, ConnectionExt, PropMode, Property, PropertyNotifyEvent, SelectionRequestEvent},
    },
    wrapper::ConnectionExt as _,
};

use crate::{client::Client, display::Display, until};

const VERSION: u32 = 5;
/// The characters of a path that are not escaped in a URI.
const IN_PATHS: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'/').remove(b'.').remove(b'-').remove(b'_').remove(b'~');

pub const FILES: &str = "text/uri-list";

/// Paths as a list of URIs, the form in which programs give files to each other.
pub fn uri_list(paths: &[PathBuf]) -> String {
    assert!(paths.iter().all(|path| Path::is_absolute(path)));
    let uri = |path: &PathBuf| format!("file://{}", percent_encode(path.as_os_str().as_bytes(), IN_PATHS));
    let uris: Vec<_> = paths.iter().map(uri).collect();
    uris.join("\r\n") + "\r\n"
}

/// A program from which something is dragged.
pub struct Source<'a> {
    /// What is dragged: the forms in which it is offered, each with its bytes.
    pub forms: &'a [(&'a str, &'a [u8])],
    /// Whether the program knows that a window may name a proxy. Toolkits do; some compositors don't.
    pub knows_proxies: bool,
    /// Whether the program hands out what is dragged in pieces, as it has to if that is much.
    pub is_in_pieces: bool,
}

impl Source<'_> {
    /// Drags over a window and drops. `at` is the place, in fractions of the window's width and height.
    pub fn drop_on(&self, display: &Display, window: u32, at: (f32, f32)) {
        let client = Client::connect(&display.name);
        let proxy = client
            .property(window, client.atoms.XdndProxy)
            .and_then(|reply| reply.value32()?.next())
            .filter(|_| self.knows_proxies);
        let atom =
            |name: &str| client.connection.intern_atom(false, name.as_bytes()).unwrap().reply().unwrap().atom;
        let forms = self.forms.iter().map(|(name, bytes)| (atom(name), bytes.to_vec())).collect();
        let receiver = proxy.unwrap_or(window);
        let is_in_pieces = self.is_in_pieces;
        Drag { client, target: window, receiver, forms, is_in_pieces, pieces: None, served: 0 }.run(at);
    }
}

struct Drag {
    client: Client,
    target: u32,
    /// The window to which messages go.
    receiver: u32,
    forms: Vec<(u32, Vec<u8>)>,
    is_in_pieces: bool,
    /// What is being handed out in pieces: the question for it, its form, and the rest of it.
    pieces: Option<(SelectionRequestEvent, u32, Vec<u8>)>,
    /// How many times the target has asked for what is dragged and got it.
    served: u32,
}

impl Drag {
    fn run(mut self, at: (f32, f32)) {
        const HAS_LIST: u32 = 1;
        let (source, atoms) = (self.client.unseen_window(), self.client.atoms);
        self.client.connection.set_selection_owner(source, atoms.XdndSelection, CURRENT_TIME).unwrap();
        let names: Vec<u32> = self.forms.iter().map(|(name, _)| *name).collect();
        self.client
            .connection
            .change_property32(PropMode::REPLACE, source, atoms.XdndTypeList, AtomEnum::ATOM, &names)
            .unwrap();
        let (x, y) = self.client.point_in(self.target, at);
        let say = |drag: &Self, name, data: [u32; 4]| {
            let data = [source, data[0], data[1], data[2], data[3]];
            drag.client.tell(drag.receiver, drag.target, name, data);
        };
        say(&self, atoms.XdndEnter, [VERSION << 24 | HAS_LIST, names[0], 0, 0]);
        // A hand is never quite still, so the pointer passes several places. XDND has the source wait for each answer.
        for step in (0..4).rev() {
            let (x, y) = (x - step, y - step);
            self.client.point_to(x, y);
            let place = u32::from(x.cast_unsigned()) << 16 | u32::from(y.cast_unsigned());
            say(&self, atoms.XdndPosition, [0, place, CURRENT_TIME, atoms.XdndActionCopy]);
            let status = self.hear(atoms.XdndStatus);
            assert_eq!(status[1] & 1, 1, "the window wants what is dragged");
        }
        // The toolkit asks for the files while they are held over the window, and takes no drop before it has them.
        until("a question for what is dragged", || {
            self.serve();
            (self.served > 0).then_some(())
        });
        say(&self, atoms.XdndDrop, [0, CURRENT_TIME, 0, 0]);
        let finished = self.hear(atoms.XdndFinished);
        assert_eq!(finished[1] & 1, 1, "the window took what was dragged");
    }

    /// Puts down the next piece once the last one was taken. An empty piece says that there are no more.
    fn hand_out_a_piece(&mut self, change: &PropertyNotifyEvent) {
        const PIECE: usize = 100;
        let Some((request, form, rest)) = &mut self.pieces else { return };
        if (change.window, change.atom) != (request.requestor, request.property) {
            return;
        }
        let piece: Vec<u8> = rest.drain(..rest.len().min(PIECE)).collect();
        self.client.put(request.requestor, request.property, *form, &piece);
        if piece.is_empty() {
            self.pieces = None;
            self.served += 1;
        }
    }

    /// Waits for a message of this name from the target, and gives it what it asks for.
    fn hear(&mut self, name: u32) -> [u32; 5] {
        until("an answer to a drag", || {
            let (heard, data) = self.serve()?;
            (heard == name).then_some(data)
        })
    }

    /// Handles one event, if there is one. Returns its name and data if it is a message.
    fn serve(&mut self) -> Option<(u32, [u32; 5])> {
        match self.client.connection.poll_for_event().unwrap()? {
            Event::SelectionRequest(request) => {
                let asked = self.forms.iter().find(|(name, _)| *name == request.target);
                let (form, bytes) = asked.unwrap_or(&self.forms[0]);
                if self.is_in_pieces && asked.is_some() {
                    let length = u32::try_from(bytes.len()).unwrap().to_ne_bytes();
                    self.pieces = Some((request, *form, bytes.clone()));
                    self.client.hear_of_properties(request.requestor);
                    self.client.answer_as(&request, self.client.atoms.INCR, &length);
                } else {
                    self.served += u32::from(self.client.answer(&request, *form, bytes));
                }
                None
            }
            Event::PropertyNotify(change) if change.state == Property::DELETE => {
                self.hand_out_a_piece(&change);
                None
            }
            Event::ClientMessage(message) => Some((message.type_, message.data.as_data32())),
            _ => None,
        }
    }
}
