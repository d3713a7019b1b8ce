//! The only unsafe code: borrowing the connection to the compositor that winit opened.

use eframe::CreationContext;
use raw_window_handle::{HasDisplayHandle, RawDisplayHandle};
use wayland_backend::client::Backend;

/// The connection of the window that is being created, if it is a Wayland window. The caller stops using it when
/// `FileDrops` is dropped, which happens together with the window's app, on the window's thread.
pub(super) fn backend(window: &CreationContext<'_>) -> Option<Backend> {
    let RawDisplayHandle::Wayland(handle) = window.display_handle().ok()?.as_raw() else { return None };
    // SAFETY: `from_foreign_display` wants the address of a live `wl_display` that stays alive as long as the backend.
    // - It is live now: winit hands out the handle of its own connection, and the context is only lent to us while the
    //   event loop runs. libwayland, which both use, is loaded then.
    // - It stays alive: the connection is closed when winit's event loop is dropped. `launch` runs eframe with
    //   `run_and_return`, and eframe then keeps that loop in a thread-local variable of the window's thread, until the
    //   thread ends. The backend lives on the listener's thread only; `FileDrops` joins that thread when it is dropped,
    //   can't be sent away from the window's thread, and belongs to the app, which eframe drops before it returns.
    // - No other access conflicts: libwayland's displays may be used from several threads, each with its own queue.
    #[allow(unsafe_code)]
    let backend = unsafe { Backend::from_foreign_display(handle.display.as_ptr().cast()) };
    Some(backend)
}
