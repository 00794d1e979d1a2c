//! What foreign text meets first, for the fuzz targets in `fuzz/`. Not part of the API: it may change at any time.

use http::StatusCode;

use super::port_forward::options;
use super::remote_command::options::SessionOptions;
use super::route::{Endpoint, ForwardPath, Route, SessionPath};
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

/// Reads the query of `/portForward`: the ports.
///
/// # Errors
/// The status and the text that a client would get.
pub fn ports(query: &str) -> Result<Vec<u16>, (StatusCode, String)> {
    options::ports(query).map_err(|refusal| (refusal.status, refusal.message))
}

/// The names in a path that would reach a provider; none if the path leads nowhere or a name is refused.
pub fn names(path: &str) -> Vec<String> {
    match Route::parse(path).endpoint {
        Endpoint::ContainerLogs(path)
        | Endpoint::Exec(SessionPath { container: path, .. })
        | Endpoint::Attach(SessionPath { container: path, .. })
        | Endpoint::Run(SessionPath { container: path, .. })
            if path.check().is_ok() =>
        {
            vec![path.pod.namespace, path.pod.pod, path.container]
        }
        Endpoint::PortForward(ForwardPath { pod, .. }) if pod.check().is_ok() => vec![pod.namespace, pod.pod],
        _ => Vec::new(),
    }
}
