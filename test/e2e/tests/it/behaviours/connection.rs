//! A process's connections to the API server, which can be cut as its end cuts them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use futures::future::Either;
use kube::Client;
use kube::Config;
use kube::client::ClientBuilder;
use tower::{BoxError, Layer, Service};

/// Makes clients whose requests go nowhere once it is cut.
#[derive(Clone)]
pub(super) struct Connection {
    config: Config,
    cut: Arc<AtomicBool>,
}

impl Connection {
    pub(super) fn new(config: Config) -> Self {
        Self { config, cut: Arc::default() }
    }

    pub(super) fn client(&self) -> Client {
        ClientBuilder::try_from(self.config.clone()).unwrap().with_layer(&Cutting { cut: self.cut.clone() }).build()
    }

    pub(super) fn cut(&self) {
        self.cut.store(true, Ordering::Relaxed);
    }
}

struct Cutting {
    cut: Arc<AtomicBool>,
}

impl<S> Layer<S> for Cutting {
    type Service = CutService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        CutService { inner, cut: self.cut.clone() }
    }
}

#[derive(Clone)]
struct CutService<S> {
    inner: S,
    cut: Arc<AtomicBool>,
}

impl<S, R> Service<R> for CutService<S>
where
    S: Service<R, Error = BoxError>,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = Either<S::Future, std::future::Ready<Result<S::Response, BoxError>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: R) -> Self::Future {
        if self.cut.load(Ordering::Relaxed) {
            return Either::Right(std::future::ready(Err("the process has ended".into())));
        }
        Either::Left(self.inner.call(request))
    }
}
