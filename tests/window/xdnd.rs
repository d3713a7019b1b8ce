//! Another program, from which files are dragged: the source's side of XDND, version 5.

use std::{
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use x11rb::{
    CURRENT_TIME,
    connection::Connection,
    protocol::{Event, xproto::ConnectionExt},
};

use crate::{client::Client, display::Display, until};

const VERSION: u32 = 5;
/// The characters of a path that are not escaped in a URI.
const IN_PATHS: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'/').remove(b'.').remove(b'-').remove(b'_').remove(b'~');

/// Paths as a list of URIs, the form in which programs give files to each other.
pub fn uri_list(paths: &[PathBuf]) -> String {
    let uri = |path: &PathBuf| format!("file://{}", percent_encode(path.as_os_str().as_bytes(), IN_PATHS));
    let uris: Vec<_> = paths.iter().map(uri).collect();
    uris.join("\r\n") + "\r\n"
}

/// Drags files over a window and drops them. `at` is the place, in fractions of the window's width and height.
pub fn drop_files(display: &Display, window: u32, at: (f32, f32), paths: &[PathBuf]) {
    assert!(paths.iter().all(|path| Path::is_absolute(path)));
    Drag { client: Client::connect(&display.name), target: window, served: 0 }.run(at, &uri_list(paths));
}

struct Drag {
    client: Client,
    target: u32,
    /// How many times the target has asked for the files and got them.
    served: u32,
}

impl Drag {
    fn run(mut self, at: (f32, f32), uri_list: &str) {
        let (source, atoms) = (self.client.unseen_window(), self.client.atoms);
        self.client.connection.set_selection_owner(source, atoms.XdndSelection, CURRENT_TIME).unwrap();
        let (x, y) = self.client.point_in(self.target, at);
        let say = |drag: &Self, name, data: [u32; 4]| {
            drag.client.tell(drag.target, name, [source, data[0], data[1], data[2], data[3]]);
        };
        say(&self, atoms.XdndEnter, [VERSION << 24, atoms.URI_LIST, 0, 0]);
        // A hand is never quite still, so the pointer passes several places. XDND has the source wait for each answer.
        for step in (0..4).rev() {
            let (x, y) = (x - step, y - step);
            self.client.point_to(x, y);
            let place = u32::from(x.cast_unsigned()) << 16 | u32::from(y.cast_unsigned());
            say(&self, atoms.XdndPosition, [0, place, CURRENT_TIME, atoms.XdndActionCopy]);
            let status = self.hear(atoms.XdndStatus, uri_list);
            assert_eq!(status[1] & 1, 1, "the window wants the files");
        }
        // The toolkit asks for the files while they are held over the window, and takes no drop before it has them.
        until("a question for the files", || {
            self.serve(uri_list);
            (self.served > 0).then_some(())
        });
        say(&self, atoms.XdndDrop, [0, CURRENT_TIME, 0, 0]);
        let finished = self.hear(atoms.XdndFinished, uri_list);
        assert_eq!(finished[1] & 1, 1, "the window took the files");
    }

    /// Waits for a message of this name from the target, and gives it the files whenever it asks for them.
    fn hear(&mut self, name: u32, uri_list: &str) -> [u32; 5] {
        until("an answer to a drag", || {
            let (heard, data) = self.serve(uri_list)?;
            (heard == name).then_some(data)
        })
    }

    /// Handles one event, if there is one. Returns its name and data if it is a message.
    fn serve(&mut self, uri_list: &str) -> Option<(u32, [u32; 5])> {
        match self.client.connection.poll_for_event().unwrap()? {
            Event::SelectionRequest(request) => {
                let form = self.client.atoms.URI_LIST;
                self.served += u32::from(self.client.answer(&request, form, uri_list.as_bytes()));
                None
            }
            Event::ClientMessage(message) => Some((message.type_, message.data.as_data32())),
            _ => None,
        }
    }
}
