//! Where threads meet: the lock, and the one task that the client spawns. In the unit tests shuttle
//! chooses at each of them who goes on; see `interleavings`.

#[cfg(not(test))]
use core::future::Future;

#[cfg(test)]
pub(crate) use crate::interleavings::spawn;
#[cfg(test)]
pub(crate) use shuttle::sync::{Mutex, MutexGuard};
#[cfg(not(test))]
pub(crate) use std::sync::{Mutex, MutexGuard};

/// Runs a task on the present runtime. Without one it is dropped.
#[cfg(not(test))]
pub(crate) fn spawn(task: impl Future<Output = ()> + Send + 'static) {
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        drop(runtime.spawn(task));
    }
}
