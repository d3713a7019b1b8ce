//! The clipboard, which is read and filled as other programs do it.

use std::{
    sync::Arc,
    thread::{self, JoinHandle},
};

use x11rb::{
    CURRENT_TIME, NONE,
    connection::Connection,
    protocol::{Event, xproto::ConnectionExt},
};

use crate::{client::Client, display::Display, until};

/// The text on the clipboard.
pub fn text(display: &Display) -> Option<String> {
    let client = Client::connect(&display.name);
    let (window, atoms) = (client.unseen_window(), &client.atoms);
    client
        .connection
        .convert_selection(window, atoms.CLIPBOARD, atoms.UTF8_STRING, atoms.TEST_PROPERTY, CURRENT_TIME)
        .unwrap();
    client.connection.flush().unwrap();
    let property = until("an answer from the owner of the clipboard", || {
        match client.connection.poll_for_event().unwrap() {
            Some(Event::SelectionNotify(notify)) => Some(notify.property),
            _ => None,
        }
    });
    (property != NONE).then(|| String::from_utf8(client.property(window, property).unwrap().value).unwrap())
}

/// What a test has put on the clipboard. When this is dropped, the clipboard is empty.
pub struct Copied {
    client: Arc<Client>,
    window: u32,
    thread: Option<JoinHandle<()>>,
}

impl Copied {
    /// Puts files on the clipboard, as a file manager does.
    pub fn files(display: &Display, uri_list: String) -> Self {
        let client = Arc::new(Client::connect(&display.name));
        let window = client.unseen_window();
        let (clipboard, form) = (client.atoms.CLIPBOARD, client.atoms.URI_LIST);
        client.connection.set_selection_owner(window, clipboard, CURRENT_TIME).unwrap();
        let owner = client.connection.get_selection_owner(clipboard).unwrap().reply().unwrap().owner;
        assert_eq!(owner, window, "the test owns the clipboard");
        let thread = thread::spawn({
            let client = client.clone();
            move || {
                loop {
                    match client.connection.wait_for_event().unwrap() {
                        Event::SelectionRequest(request) => {
                            client.answer(&request, form, uri_list.as_bytes());
                        }
                        Event::DestroyNotify(_) => return,
                        _ => {}
                    }
                }
            }
        });
        Self { client, window, thread: Some(thread) }
    }
}

impl Drop for Copied {
    fn drop(&mut self) {
        // The thread ends when its window is destroyed.
        let destroyed = self.client.connection.destroy_window(self.window).map(|_| ());
        if destroyed.and_then(|()| self.client.connection.flush()).is_ok()
            && let Some(thread) = self.thread.take()
        {
            let _ = thread.join();
        }
    }
}
