//! A watch whose version the server no longer remembers has to list anew.

use kube::runtime::watcher;

/// Whether the watch asked for a version that has expired.
///
/// kube's watcher lists anew when it is told so in the stream, but repeats for ever what is refused with 410 when the watch
/// is opened; its owner has to begin another one.
pub(crate) fn has_expired(error: &watcher::Error) -> bool {
    match error {
        watcher::Error::WatchStartFailed(kube::Error::Api(status)) => status.code == 410,
        _ => false,
    }
}
