//! What foreign text meets first, for the fuzz targets in `fuzz/`. Not part of the API: it may change at any time.

use http::StatusCode;

use super::remote_command::options::SessionOptions;
use super::route::{ContainerPath, Endpoint, PodPath, Route, SessionPath};
use crate::logs::LogOptions;

/// Reads the query of `/containerLogs`.
///
/// # Errors
/// The status and the text that a client would get.
pub fn log_options(query: &str) -> Result<(), (StatusCode, String)> {
    LogOptions::parse(query).map(drop).map_err(|refusal| (refusal.status, refusal.message))
}

/// Reads the query of `/exec`: the command.
///
/// # Errors
/// The status and the text that a client would get.
pub fn command(query: &str) -> Result<Vec<String>, (StatusCode, String)> {
    SessionOptions::parse(query).map(|options| options.command).map_err(|refusal| (refusal.status, refusal.message))
}

/// Subresources of the Node, any one of which gives access to a path.
pub fn subresources(path: &str) -> &'static [&'static str] {
    Route::parse(path).subresources
}

/// The names in a path that would reach a provider; none if the path leads nowhere or a name is refused.
pub fn names(path: &str) -> Vec<String> {
    let (Endpoint::ContainerLogs(path)
    | Endpoint::Exec(SessionPath { container: path, .. })
    | Endpoint::Attach(SessionPath { container: path, .. })
    | Endpoint::Run(SessionPath { container: path, .. })) = Route::parse(path).endpoint
    else {
        return Vec::new();
    };
    if path.check().is_err() {
        return Vec::new();
    }
    let ContainerPath { pod: PodPath { namespace, pod }, container } = path;
    vec![namespace, pod, container]
}
