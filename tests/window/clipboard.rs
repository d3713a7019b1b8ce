//! The clipboard, which is read and filled as other programs do it.

use std::{
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};

use x11rb::{
    CURRENT_TIME, NONE,
    connection::Connection,
    protocol::{Event, xproto::ConnectionExt},
};

use crate::{
    client::{Atoms, Client},
    display::Display,
    within,
};

/// How long an owner of the clipboard has to answer.
const ANSWER: Duration = Duration::from_secs(5);

/// The text on the clipboard; `None` if it has no owner, or one that ended when it was asked and so never answers.
pub fn text(display: &Display) -> Option<String> {
    let client = Client::connect(&display.name);
    let (window, atoms) = (client.unseen_window(), &client.atoms);
    client
        .connection
        .convert_selection(window, atoms.CLIPBOARD, atoms.UTF8_STRING, atoms.TEST_PROPERTY, CURRENT_TIME)
        .unwrap();
    client.connection.flush().unwrap();
    let property = within(ANSWER, || match client.connection.poll_for_event().unwrap() {
        Some(Event::SelectionNotify(notify)) => Some(notify.property),
        _ => None,
    })?;
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
        Self::start(display, |atoms| (atoms.CLIPBOARD, atoms.URI_LIST), uri_list.into_bytes())
    }

    /// A clipboard manager, which takes over the text of a program that ends.
    pub fn manager(display: &Display) -> Self {
        Self::start(display, |atoms| (atoms.CLIPBOARD_MANAGER, atoms.UTF8_STRING), Vec::new())
    }

    fn start(display: &Display, owned: fn(&Atoms) -> (u32, u32), mut bytes: Vec<u8>) -> Self {
        let client = Arc::new(Client::connect(&display.name));
        let window = client.unseen_window();
        let (selection, form) = owned(&client.atoms);
        own(&client, window, selection);
        let thread = thread::spawn({
            let client = client.clone();
            move || {
                let atoms = &client.atoms;
                let mut asked = None;
                loop {
                    match client.connection.wait_for_event().unwrap() {
                        Event::SelectionRequest(request) if request.target == atoms.SAVE_TARGETS => {
                            // The text is asked for before the answer, because the program ends with that.
                            client
                                .connection
                                .convert_selection(
                                    window,
                                    atoms.CLIPBOARD,
                                    form,
                                    atoms.TEST_PROPERTY,
                                    CURRENT_TIME,
                                )
                                .unwrap();
                            client.connection.flush().unwrap();
                            asked = Some(request);
                        }
                        Event::SelectionRequest(request) => {
                            client.answer(&request, form, &bytes);
                        }
                        Event::SelectionNotify(notify) => {
                            bytes = client.property(window, notify.property).unwrap().value;
                            own(&client, window, atoms.CLIPBOARD);
                            client.answer(&asked.take().unwrap(), atoms.SAVE_TARGETS, &[]);
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

fn own(client: &Client, window: u32, selection: u32) {
    client.connection.set_selection_owner(window, selection, CURRENT_TIME).unwrap();
    let owner = client.connection.get_selection_owner(selection).unwrap().reply().unwrap().owner;
    assert_eq!(owner, window, "the test owns the selection");
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
