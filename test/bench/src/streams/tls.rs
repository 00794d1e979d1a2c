//! Bare TLS, to compare with: a server that is told how many zeros it is to write.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::Result;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;

use super::certificates::Certificates;

/// What is written at once.
static PIECE: [u8; 64 * 1024] = [0; 64 * 1024];

/// Listens until it is dropped.
pub(super) struct BareServer {
    address: SocketAddr,
    _runtime: Runtime,
}

impl BareServer {
    pub(super) fn start(certificates: &Certificates) -> Result<Self> {
        let acceptor = TlsAcceptor::from(Arc::new(certificates.server_config()?));
        let runtime = Runtime::new()?;
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
        let address = listener.local_addr()?;
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // The client notices what goes wrong.
                tokio::spawn(serve(acceptor.clone(), stream));
            }
        });
        Ok(Self { address, _runtime: runtime })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

async fn serve(acceptor: TlsAcceptor, stream: TcpStream) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = acceptor.accept(stream).await?;
    let mut left = stream.read_u64().await?;
    while left > 0 {
        let length = usize::try_from(left).unwrap_or(usize::MAX).min(PIECE.len());
        left -= stream.write(&PIECE[..length]).await? as u64;
    }
    Ok(stream.shutdown().await?)
}
