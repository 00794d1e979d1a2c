//! Faults on demand: a plan is asked before each request and before each watch event.

use std::time::Duration;

use http::{Method, StatusCode};

use crate::identity::Identity;
use crate::request::{Query, Target, Verb};

/// What a plan knows of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RequestClass {
    /// Who asks.
    pub user: String,
    /// The verb; [`Verb::Unknown`] for paths that are no resources.
    pub verb: Verb,
    /// API group.
    pub group: String,
    /// Plural of the resource; the path itself for paths that are no resources.
    pub resource: String,
    /// Subresource, or empty.
    pub subresource: String,
    /// Namespace, or empty.
    pub namespace: String,
    /// Name, or empty.
    pub name: String,
}

impl RequestClass {
    pub(crate) fn of(method: &Method, uri: &http::Uri, identity: &Identity) -> Self {
        let user = identity.user.clone();
        match Target::read(method, uri.path(), &Query::read(uri.query().unwrap_or_default())) {
            Target::Resource(path) => Self {
                user,
                verb: path.verb,
                group: path.group,
                resource: path.plural,
                subresource: path.subresource,
                namespace: path.namespace,
                name: path.name,
            },
            Target::Path { path, .. } => Self {
                user,
                verb: Verb::Unknown,
                group: String::new(),
                resource: path,
                subresource: String::new(),
                namespace: String::new(),
                name: String::new(),
            },
        }
    }

    /// `patch pods/status`, for rules and messages.
    #[must_use]
    pub fn action(&self) -> String {
        let slash = if self.subresource.is_empty() { "" } else { "/" };
        format!("{} {}{slash}{}", self.verb.as_str(), self.resource, self.subresource)
    }
}

/// What goes wrong with one request. The default is nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestFault {
    /// Time until the server sees the request.
    pub delay_before: Duration,
    /// What the server makes of it.
    pub outcome: Outcome,
    /// Time until the client sees the answer.
    pub delay_after: Duration,
    /// A list is answered as it was this many revisions ago.
    pub stale_by: u64,
}

impl RequestFault {
    /// Nothing but this outcome.
    #[must_use]
    pub fn outcome(outcome: Outcome) -> Self {
        Self { outcome, ..Self::default() }
    }

    /// The server answers with this status, and does not act.
    #[must_use]
    pub fn status(code: u16) -> Self {
        Self::outcome(Outcome::Refuse { code, retry_after: None })
    }
}

/// How a request ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Outcome {
    /// As it should.
    #[default]
    Serve,
    /// The server answers with a status of this code and does not act.
    Refuse {
        /// The HTTP status code, for example 429 or 503.
        code: u16,
        /// `Retry-After` in seconds.
        retry_after: Option<u32>,
    },
    /// The connection breaks before the server sees the request.
    ResetBefore,
    /// The request is never seen and never answered.
    HangBefore,
    /// The server acts; the connection breaks before the answer.
    ResetAfter,
    /// The server acts; the answer never comes.
    HangAfter,
    /// The server acts; the answer breaks off in the middle of its body.
    Truncate,
}

/// What goes wrong with one event of a watch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EventFault {
    /// Nothing.
    #[default]
    None,
    /// It comes late, and all that follow it.
    Delay(Duration),
    /// The server closes the watch in order, without this event.
    Close,
    /// The connection breaks before this event.
    Reset,
    /// The connection breaks in the middle of this event.
    Truncate,
    /// From here on the watch says nothing more, and stays open.
    Silence,
}

/// Decides what goes wrong. Called in the order in which requests arrive, so a seeded plan is deterministic.
pub trait FaultPlan: Send + 'static {
    /// Asked before the server sees a request.
    fn on_request(&mut self, request: &RequestClass) -> RequestFault {
        let _ = request;
        RequestFault::default()
    }

    /// Asked before the event number `index` (from 0) of a watch is sent.
    fn on_event(&mut self, request: &RequestClass, index: u64) -> EventFault {
        let _ = (request, index);
        EventFault::None
    }
}

/// The plan in which nothing goes wrong.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoFaults;

impl FaultPlan for NoFaults {}

impl<F> FaultPlan for F
where
    F: FnMut(&RequestClass) -> RequestFault + Send + 'static,
{
    fn on_request(&mut self, request: &RequestClass) -> RequestFault {
        self(request)
    }
}

/// The reason that belongs to a code (`NewGenericServerResponse`).
pub(crate) fn reason_of(code: StatusCode) -> &'static str {
    match code.as_u16() {
        400 => "BadRequest",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "NotFound",
        409 => "Conflict",
        410 => "Expired",
        422 => "Invalid",
        429 => "TooManyRequests",
        500 => "InternalError",
        503 => "ServiceUnavailable",
        504 => "Timeout",
        _ => "",
    }
}
