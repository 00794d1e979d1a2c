//! Accepts connections, keeps count of them, and sees them out.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::Drained;
use super::connection::Connection;
use super::population::{ConnectionId, Population};
use super::socket;
use crate::certificates::TlsState;
use crate::limits::Limits;
use crate::routes::Service;

/// Rest after the system refused to hand out a connection, most likely for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Owner of all connections.
pub(super) struct Gate {
    service: Arc<Service>,
    tls: watch::Receiver<Arc<TlsState>>,
    limits: Limits,
    shutdown: CancellationToken,
    tasks: JoinSet<()>,
    population: Population<AbortHandle>,
    next_id: ConnectionId,
    news: mpsc::UnboundedReceiver<News>,
    /// Each connection sends two messages in its life, so the channel is as bounded as they are.
    reports: mpsc::UnboundedSender<News>,
}

/// What a connection tells of itself.
enum News {
    Authenticated(ConnectionId),
    Ended(ConnectionId),
}

/// A connection's place in the population; given back when dropped.
pub(super) struct Place {
    id: ConnectionId,
    reports: mpsc::UnboundedSender<News>,
}

impl Place {
    /// The client has authenticated: its connection is no stranger's any more.
    pub(super) fn authenticated(&self) {
        self.report(News::Authenticated(self.id));
    }

    fn report(&self, news: News) {
        // The gate is gone only together with its connections.
        let _ = self.reports.send(news);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.report(News::Ended(self.id));
    }
}

impl Gate {
    pub(super) fn new(
        service: Arc<Service>,
        tls: watch::Receiver<Arc<TlsState>>,
        limits: Limits,
        shutdown: CancellationToken,
    ) -> Self {
        let (reports, news) = mpsc::unbounded_channel();
        let population = Population::new(limits.unauthenticated_connections, limits.connections);
        Self { service, tls, limits, shutdown, tasks: JoinSet::new(), population, next_id: 0, news, reports }
    }

    /// Accepts until the shutdown, then drains.
    pub(super) async fn serve(mut self, listener: TcpListener) -> Drained {
        loop {
            tokio::select! {
                biased;
                () = self.shutdown.cancelled() => break,
                Some(news) = self.news.recv() => self.note(news),
                Some(_) = self.tasks.join_next() => {}
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => self.admit(stream),
                    Err(error) => self.make_room(&error).await,
                },
            }
        }
        drop(listener);
        self.drain().await
    }

    fn admit(&mut self, stream: TcpStream) {
        if let Err(error) = socket::prepare(&stream) {
            tracing::debug!(%error, "a connection ended before it began");
            return;
        }
        let id = self.next_id;
        self.next_id += 1;
        let connection = Connection {
            service: self.service.clone(),
            tls: self.tls.borrow().clone(),
            limits: self.limits.clone(),
            shutdown: self.shutdown.clone(),
        };
        let place = Place { id, reports: self.reports.clone() };
        let handle = self.tasks.spawn(connection.serve(stream, place));
        if let Some(oldest) = self.population.arrive(id, handle) {
            tracing::debug!(limit = self.limits.unauthenticated_connections, "too many unauthenticated connections");
            oldest.abort();
        }
    }

    fn note(&mut self, news: News) {
        match news {
            News::Ended(id) => self.population.leave(id),
            News::Authenticated(id) => {
                if let Some(too_many) = self.population.promote(id) {
                    tracing::warn!(limit = self.limits.connections, "too many connections to the kubelet API");
                    too_many.abort();
                }
            }
        }
    }

    async fn make_room(&mut self, error: &io::Error) {
        if matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset) {
            return;
        }
        tracing::warn!(%error, "the kubelet API cannot accept connections; the limit of open files may be too low");
        if let Some(oldest) = self.population.oldest_stranger() {
            oldest.abort();
        }
        sleep(ACCEPT_PAUSE).await;
    }

    async fn drain(mut self) -> Drained {
        let deadline = Instant::now() + self.limits.drain_timeout;
        loop {
            tokio::select! {
                biased;
                ended = self.tasks.join_next() => if ended.is_none() { break },
                () = sleep_until(deadline) => break,
            }
        }
        let cut = self.tasks.len();
        if cut > 0 {
            tracing::warn!(connections = cut, "connections to the kubelet API were cut at the deadline");
        }
        self.tasks.shutdown().await;
        Drained { cut }
    }
}
