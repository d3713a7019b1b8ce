//! How to lock a [`Mutex`], and what a panic under the lock does to others that use it.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// How the message of a panic begins that only follows from an earlier one, under the same lock.
pub(crate) const POISONED: &str = "no code panics while it holds this lock";

/// Locks what belongs to one transfer. A panic under the lock may have left it half changed, so whatever locks it afterwards
/// panics as well: the transfer ends rather than going on with a state that may be wrong.
///
/// # Panics
/// When another thread has panicked while it held the lock.
pub fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect(POISONED)
}

/// Locks what several transfers or clients share, even if a thread has panicked while it held the lock: a panic in the work
/// for one of them must not spread to the others. Only for data that no panic can leave half changed.
pub fn lock_shared<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, thread};

    use super::*;

    #[test]
    fn after_a_panic_what_is_shared_can_be_locked_and_what_is_not_panics() {
        let mutex = Arc::new(Mutex::new(1));
        let held = Arc::clone(&mutex);
        let panicked = thread::spawn(move || {
            let _guard = lock(&held);
            panic!("on purpose");
        });
        assert!(panicked.join().is_err());
        assert_eq!(*lock_shared(&mutex), 1);
        assert!(thread::spawn(move || *lock(&mutex)).join().is_err());
    }
}
