//! Connections to mock pods: each has an echo server on port 7 (RFC 862) and an HTTP server on port 80.

use std::convert::Infallible;

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{Request as HttpRequest, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncWriteExt, DuplexStream, duplex};
use vk_core::{Error, ErrorKind, PodKey, Result};
use vk_provider::{BoxDuplex, PortForward, PortForwardRequest};

use crate::backend::Request;
use crate::client::Client;

const ECHO: u16 = 7;
const HTTP: u16 = 80;

/// What is under way in either direction.
const PIPE: usize = 64 * 1024;

/// Serves connections to mock pods.
#[derive(Debug, Clone)]
pub(crate) struct MockPortForward {
    client: Client,
}

impl MockPortForward {
    pub(crate) fn new(client: Client) -> Self {
        Self { client }
    }

    async fn open(&self, PortForwardRequest { target, port, .. }: PortForwardRequest) -> Result<BoxDuplex> {
        let uid = target.uid;
        // An error unless the pod is there.
        let mut changes = self.client.ask(|reply| Request::Follow { uid, reply }).await?;
        let (near, far) = duplex(PIPE);
        let gone = async move { while changes.changed().await.is_ok() {} };
        let serve: BoxFuture<'static, ()> = match port {
            ECHO => Box::pin(echo(far)),
            HTTP => Box::pin(answer(far, target.key)),
            _ => {
                let message = format!("failed to connect to localhost:{port} inside the mock pod: connection refused");
                return Err(Error::new(ErrorKind::Conflict, message));
            }
        };
        // Ends with its client, or with the pod.
        tokio::spawn(async move {
            tokio::select! {
                biased;
                () = serve => {}
                () = gone => {}
            }
        });
        Ok(Box::new(near))
    }
}

impl PortForward for MockPortForward {
    fn connect(&self, request: PortForwardRequest) -> BoxFuture<'_, Result<BoxDuplex>> {
        Box::pin(self.open(request))
    }
}

async fn echo(stream: DuplexStream) {
    let (mut input, mut output) = tokio::io::split(stream);
    // A client that has gone needs no echo.
    drop(tokio::io::copy(&mut input, &mut output).await);
    drop(output.shutdown().await);
}

/// Answers every request with the pod's name and the request's path.
async fn answer(stream: DuplexStream, pod: PodKey) {
    let respond = |request: HttpRequest<Incoming>| {
        let body = format!("mock pod {pod}: {} {}\n", request.method(), request.uri().path());
        async move { Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(body)))) }
    };
    // A client that breaks off is no affair of the server's.
    drop(http1::Builder::new().half_close(true).serve_connection(TokioIo::new(stream), service_fn(respond)).await);
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::AsyncReadExt;
    use vk_provider::provider::{Provider, Terminate};

    use super::*;
    use crate::MockProvider;
    use crate::fixtures::{create, pod, start, target};

    async fn connect(provider: &MockProvider, port: u16) -> Result<BoxDuplex> {
        let forward = provider.describe().interfaces.port_forward.clone().unwrap();
        forward.connect(PortForwardRequest::new(target("a"), port)).await
    }

    async fn said(provider: &MockProvider, port: u16, request: &str) -> String {
        let mut connection = connect(provider, port).await.unwrap();
        connection.write_all(request.as_bytes()).await.unwrap();
        connection.shutdown().await.unwrap();
        let mut said = String::new();
        connection.read_to_string(&mut said).await.unwrap();
        said
    }

    #[tokio::test]
    async fn a_pod_has_an_echo_and_an_http_server() {
        let (provider, backend) = MockProvider::in_memory("vk", start());
        tokio::spawn(backend.run());
        assert!(connect(&provider, 7).await.is_err(), "there is no such pod");
        provider.create(create(&pod("a", "Always", &[]))).await.unwrap();
        assert_eq!(said(&provider, 7, "hello").await, "hello");
        let request = "GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        let answers = said(&provider, 80, request).await;
        for words in ["mock pod default/pod-a: GET /a", "mock pod default/pod-a: GET /b"] {
            assert!(answers.contains(words), "{answers}");
        }
        let refused = connect(&provider, 81).await.err().unwrap();
        assert!(refused.message.contains("localhost:81") && refused.message.contains("refused"), "{refused}");
    }

    #[tokio::test]
    async fn connections_end_with_their_pod() {
        let (provider, backend) = MockProvider::in_memory("vk", start());
        tokio::spawn(backend.run());
        provider.create(create(&pod("a", "Always", &[]))).await.unwrap();
        let mut connection = connect(&provider, 7).await.unwrap();
        provider.terminate(Terminate::new(target("a"), Duration::from_secs(1))).await.unwrap();
        provider.remove(target("a")).await.unwrap();
        assert_eq!(connection.read(&mut [0]).await.unwrap(), 0);
    }
}
