//! The connection to Docker: made when it is first needed, and what its errors mean.

mod bytes;

use std::sync::Arc;
use std::time::Duration;

use bollard::errors::Error as DockerError;
use bollard::{API_DEFAULT_VERSION, Docker};
pub(crate) use bytes::Hijacked;
use parking_lot::RwLock;
use vk_core::{Error, Result};

use crate::config::Endpoint;
use crate::version::{self, ApiVersion, VersionError};

/// Bound of a single request's wait for an answer, in seconds.
const REQUEST_SECONDS: u64 = 120;
/// Bound of the negotiation of a version.
const NEGOTIATION: Duration = Duration::from_secs(5);

/// A client of one Docker engine. Clones share it.
#[derive(Clone)]
pub(crate) struct Connection {
    endpoint: Arc<Endpoint>,
    /// Renewed after an outage: another engine may have come up.
    agreed: Arc<RwLock<Option<Agreed>>>,
}

/// A client, and the version that was agreed on.
#[derive(Clone)]
struct Agreed {
    client: Docker,
    version: ApiVersion,
}

/// Why there is no connection.
enum Failure {
    /// Docker does not run, or is out of reach.
    NoAnswer(DockerError),
    /// It runs, and cannot be used.
    Version(VersionError),
}

impl Connection {
    pub(crate) fn new(endpoint: Endpoint) -> Self {
        Self { endpoint: Arc::new(endpoint), agreed: Arc::default() }
    }

    /// The client, after a version has been agreed on.
    pub(crate) async fn docker(&self) -> Result<Docker> {
        Ok(self.agreed().await?.client)
    }

    async fn agreed(&self) -> Result<Agreed> {
        if let Some(agreed) = &*self.agreed.read() {
            return Ok(agreed.clone());
        }
        let agreed = self.connect().await.map_err(|failure| Error::unavailable(self.complaint(&failure)))?;
        *self.agreed.write() = Some(agreed.clone());
        Ok(agreed)
    }

    /// Refuses an engine that answers and cannot be used. One that does not answer may yet be the right one.
    ///
    /// # Errors
    /// With the version that was found, the one that is needed, and what to do.
    pub(crate) async fn refuse_wrong_version(&self) -> std::result::Result<(), String> {
        match self.connect().await {
            Err(failure @ Failure::Version(_)) => Err(self.complaint(&failure)),
            Err(Failure::NoAnswer(_)) => Ok(()),
            Ok(agreed) => {
                *self.agreed.write() = Some(agreed);
                Ok(())
            }
        }
    }

    /// Agrees on a version anew before the next request.
    pub(crate) fn renew(&self) {
        *self.agreed.write() = None;
    }

    async fn connect(&self) -> Result<Agreed, Failure> {
        let client = self.client_of_endpoint().map_err(Failure::NoAnswer)?;
        let asked = tokio::time::timeout(NEGOTIATION, client.version()).await;
        let engine = asked.unwrap_or(Err(DockerError::RequestTimeoutError)).map_err(Failure::NoAnswer)?;
        let version = version::agree(&engine).map_err(Failure::Version)?;
        let client = client.with_request_modifier(move |mut request| {
            version::name_in(request.uri_mut(), version);
            make_registry_auth_url_safe(request.headers_mut());
            request
        });
        Ok(Agreed { client, version })
    }

    fn client_of_endpoint(&self) -> Result<Docker, DockerError> {
        match &*self.endpoint {
            Endpoint::Unix(path) => {
                Docker::connect_with_unix(&path.to_string_lossy(), REQUEST_SECONDS, API_DEFAULT_VERSION)
            }
            Endpoint::Http(address) => Docker::connect_with_http(address, REQUEST_SECONDS, API_DEFAULT_VERSION),
        }
    }

    fn complaint(&self, failure: &Failure) -> String {
        match failure {
            Failure::NoAnswer(error) => {
                format!("Docker does not answer at {}: {}; is dockerd running?", self.endpoint, cause(error))
            }
            Failure::Version(error) => format!("{}: {error}", self.endpoint),
        }
    }
}

/// Docker reads this header as URL-safe base64 and takes anything else for no credentials at all; the client writes
/// standard base64, which differs for some passwords.
fn make_registry_auth_url_safe(headers: &mut http::HeaderMap) {
    const NAME: &str = "x-registry-auth";
    let fixed =
        headers.get(NAME).and_then(|value| value.to_str().ok()).map(|text| text.replace('+', "-").replace('/', "_"));
    if let Some(Ok(mut value)) = fixed.map(|text| http::HeaderValue::from_str(&text)) {
        value.set_sensitive(true);
        headers.insert(NAME, value);
    }
}

/// What an error of Docker's client means for a call that changes something.
pub(crate) fn error_of(error: DockerError) -> Error {
    match error {
        DockerError::DockerResponseServerError { status_code: 503, message } => Error::unavailable(message),
        DockerError::DockerResponseServerError { status_code: 401 | 403, message } => {
            Error::new(vk_core::ErrorKind::Unauthenticated, message)
        }
        DockerError::DockerResponseServerError { message, .. } => Error::internal(message.trim().to_owned()),
        DockerError::DockerStreamError { error } => Error::internal(error),
        DockerError::HyperLegacyError { ref err } if err.is_connect() => not_running(&cause(&error)),
        DockerError::SocketNotFoundError(_) => not_running(&error.to_string()),
        error if is_transport(&error) => Error::outcome_unknown(cause(&error)),
        error => Error::internal(error.to_string()),
    }
}

fn not_running(cause: &str) -> Error {
    Error::unavailable(format!("Docker does not answer: {cause}; is dockerd running?"))
}

/// The same for a call that only reads.
pub(crate) fn read_error(error: DockerError) -> Error {
    of_reading(error_of(error))
}

/// An answer that got lost is no answer, if nothing was to be changed.
pub(crate) fn of_reading(error: Error) -> Error {
    if error.kind == vk_core::ErrorKind::OutcomeUnknown { Error::unavailable(error.message) } else { error }
}

fn is_transport(error: &DockerError) -> bool {
    matches!(
        error,
        DockerError::RequestTimeoutError
            | DockerError::IOError { .. }
            | DockerError::HyperResponseError { .. }
            | DockerError::HyperLegacyError { .. }
    )
}

/// The error with what lies behind it: the outermost one often says only that something failed.
fn cause(error: &DockerError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        source = inner.source();
    }
    text
}

/// Status code of Docker's answer, if the error is one.
pub(crate) fn status_of(error: &DockerError) -> Option<u16> {
    match error {
        DockerError::DockerResponseServerError { status_code, .. } => Some(*status_code),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
