//! `virtual-kubelet version`.

/// Version of the program.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The line that `virtual-kubelet version` prints, in the Go project's form. `VIRTUAL_KUBELET_BUILT` is set at build time
/// by whoever makes a release.
pub(crate) fn line() -> String {
    format!("Version: {VERSION}, Built: {}", option_env!("VIRTUAL_KUBELET_BUILT").unwrap_or("N/A"))
}
