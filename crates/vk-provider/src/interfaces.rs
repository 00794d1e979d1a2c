//! What a back end offers beyond running pods. Absent means that the kubelet API answers so, with the reason.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use jiff::Timestamp;
use vk_core::Result;
use vk_core::resolved::Target;

use crate::probes::Probes;
use crate::stats::Stats;
use crate::streams::{BoxDuplex, Exit, Streams};

/// The interfaces of a provider. One struct, so that a layer maps what it touches and passes on the rest.
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct Interfaces {
    /// Container logs.
    pub logs: Option<Arc<dyn Logs>>,
    /// Commands in running containers.
    pub exec: Option<Arc<dyn Exec>>,
    /// The streams of a container's own process.
    pub attach: Option<Arc<dyn Attach>>,
    /// Connections to the ports of pods.
    pub port_forward: Option<Arc<dyn PortForward>>,
    /// What pods use.
    pub stats: Option<Arc<dyn Stats>>,
    /// What probes have found.
    pub probes: Option<Arc<dyn Probes>>,
}

impl fmt::Debug for Interfaces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Interfaces")
            .field("logs", &self.logs.is_some())
            .field("exec", &self.exec.is_some())
            .field("attach", &self.attach.is_some())
            .field("port_forward", &self.port_forward.is_some())
            .field("stats", &self.stats.is_some())
            .field("probes", &self.probes.is_some())
            .finish()
    }
}

/// Reads container logs.
pub trait Logs: Send + Sync {
    /// Opens the log of one container.
    ///
    /// # Errors
    /// [`vk_core::ErrorKind::Unresolved`] if there is no such container or no such run yet,
    /// [`vk_core::ErrorKind::Unavailable`] if the back end does not answer.
    fn open(&self, request: LogRequest) -> BoxFuture<'_, Result<LogReply>>;
}

/// Which part of a log is wanted, as `v1.PodLogOptions` says.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct LogRequest {
    /// The pod.
    pub target: Target,
    /// Name of the container.
    pub container: String,
    /// Go on as lines are written.
    pub follow: bool,
    /// The run before the newest one.
    pub previous: bool,
    /// Only the last so many lines.
    pub tail_lines: Option<u64>,
    /// Only lines written since.
    pub since: Option<Timestamp>,
    /// Put the time before each line, as RFC 3339 with nanoseconds and a space.
    pub timestamps: bool,
    /// Which of the two streams.
    pub stream: LogStream,
}

impl LogRequest {
    /// The whole log so far, both streams.
    pub fn new(target: Target, container: impl Into<String>) -> Self {
        Self {
            target,
            container: container.into(),
            follow: false,
            previous: false,
            tail_lines: None,
            since: None,
            timestamps: false,
            stream: LogStream::All,
        }
    }
}

/// The streams of a container that a log holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogStream {
    /// Both, in the order in which they were written.
    #[default]
    All,
    /// Only stdout.
    Stdout,
    /// Only stderr.
    Stderr,
}

/// A log, opened.
pub enum LogReply {
    /// Bytes as they come, every option of the request honoured. The stream ends with the log, or with the container if it
    /// is followed.
    Stream(BoxStream<'static, Result<Bytes>>),
    /// The whole log of the run with a time before each line, for back ends that can only hand out all of it; the caller
    /// cuts it to what was asked for.
    Snapshot(Bytes),
}

impl fmt::Debug for LogReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stream(_) => f.write_str("Stream"),
            Self::Snapshot(bytes) => write!(f, "Snapshot({} bytes)", bytes.len()),
        }
    }
}

/// Runs commands in running containers.
pub trait Exec: Send + Sync {
    /// Runs one to its end. Dropped before that, because the client has gone, the command is to be killed if the back end can.
    ///
    /// # Errors
    /// [`vk_core::ErrorKind::Unresolved`] if the container does not run,
    /// [`vk_core::ErrorKind::Unavailable`] if the back end does not answer.
    fn exec(&self, request: ExecRequest, streams: Streams) -> BoxFuture<'_, Result<Exit>>;
}

/// A command, as `v1.PodExecOptions` says.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ExecRequest {
    /// The pod.
    pub target: Target,
    /// Name of the container.
    pub container: String,
    /// Program and arguments; no shell is put before them.
    pub command: Vec<String>,
    /// It gets a terminal; stderr is then part of stdout.
    pub tty: bool,
}

impl ExecRequest {
    /// A command without a terminal.
    pub fn new(target: Target, container: impl Into<String>, command: Vec<String>) -> Self {
        Self { target, container: container.into(), command, tty: false }
    }
}

/// Attaches to the process that a container runs.
pub trait Attach: Send + Sync {
    /// Passes on its streams from now on, until it ends. Dropped before that, because the client has gone, the process runs on.
    ///
    /// # Errors
    /// As for [`Exec::exec`].
    fn attach(&self, request: AttachRequest, streams: Streams) -> BoxFuture<'_, Result<Exit>>;
}

/// What to attach to, as `v1.PodAttachOptions` says.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct AttachRequest {
    /// The pod.
    pub target: Target,
    /// Name of the container.
    pub container: String,
    /// The client has a terminal. What the container itself has (`spec.containers[].tty`) decides what its output looks like.
    pub tty: bool,
}

impl AttachRequest {
    /// Attaches without a terminal.
    pub fn new(target: Target, container: impl Into<String>) -> Self {
        Self { target, container: container.into(), tty: false }
    }
}

/// Connects to the ports of pods.
pub trait PortForward: Send + Sync {
    /// Connects to a TCP port inside the pod's own network, as a process of the pod would to `localhost`: a server that
    /// listens on a loopback address of the pod is reached, one on the agent's own network never is. Bytes pass both ways
    /// until each end has ended its direction by `shutdown`; dropped, the connection is closed.
    ///
    /// # Errors
    /// [`vk_core::ErrorKind::Conflict`] if nothing listens there for now, [`vk_core::ErrorKind::Unresolved`] if the pod has
    /// no network, [`vk_core::ErrorKind::Unavailable`] if the back end does not answer.
    fn connect(&self, request: PortForwardRequest) -> BoxFuture<'_, Result<BoxDuplex>>;
}

/// Which port of which pod.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct PortForwardRequest {
    /// The pod.
    pub target: Target,
    /// The port, never 0.
    pub port: u16,
}

impl PortForwardRequest {
    /// One connection to this port.
    pub fn new(target: Target, port: u16) -> Self {
        Self { target, port }
    }
}
