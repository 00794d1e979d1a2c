//! Connections into the network of a sandbox, which has ports on its loopback that nobody reaches from outside.

use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use bollard::Docker;
use nix::errno::Errno;
use nix::sched::{CloneFlags, setns};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tokio::time::timeout;
use vk_core::{Error, ErrorKind, Result};
use vk_pod_engine::runtime::SandboxId;

use crate::connection::{read_error, status_of};

/// On a loopback interface only a server whose queue is full takes longer than an instant.
const CONNECT_TIME: Duration = Duration::from_secs(10);

/// Connects to a port of `localhost` in the sandbox's network, by IPv4 and then by IPv6 as container runtimes do it.
pub(super) async fn connect(docker: &Docker, sandbox: &SandboxId, port: u16) -> Result<TcpStream> {
    let network = network_of(docker, sandbox).await?;
    let sockets = Sockets::inside(network.clone()).await.map_err(|error| cannot_enter(&network, error))?;
    let refused = match connect_by(sockets.v4, SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await {
        Ok(connection) => return Ok(connection),
        Err(error) => error,
    };
    if let Some(v6) = sockets.v6
        && let Ok(connection) = connect_by(v6, SocketAddr::from((Ipv6Addr::LOCALHOST, port))).await
    {
        return Ok(connection);
    }
    let message = format!("failed to connect to localhost:{port} inside the pod's network: {refused}");
    Err(Error::new(ErrorKind::Conflict, message))
}

/// The file that stands for the network namespace of a running sandbox. Its name is Docker's choice and never used again, so
/// it cannot lead anywhere else, as the number of a process could.
async fn network_of(docker: &Docker, sandbox: &SandboxId) -> Result<PathBuf> {
    let found = match docker.inspect_container(sandbox.as_str(), None).await {
        Err(error) if status_of(&error) == Some(404) => None,
        result => Some(result.map_err(read_error)?),
    };
    let key = found.and_then(|found| found.network_settings?.sandbox_key).filter(|key| !key.is_empty());
    let ended = || Error::unresolved("the pod's sandbox", "the pod's sandbox does not run");
    key.map(PathBuf::from).ok_or_else(ended)
}

/// Sockets that belong to a network namespace; they go on to do so, whoever uses them.
struct Sockets {
    v4: TcpSocket,
    /// `None` where the kernel has no IPv6.
    v6: Option<TcpSocket>,
}

impl Sockets {
    /// A thread of its own enters the namespace and ends: one that went on to serve others would bring them there, too.
    async fn inside(network: PathBuf) -> io::Result<Self> {
        let (made, sockets) = oneshot::channel();
        thread::Builder::new().name("pod-network".to_owned()).spawn(move || {
            // Who does not wait any more needs no sockets.
            drop(made.send(Self::on_this_thread(&network)));
        })?;
        sockets.await.map_err(io::Error::other)?
    }

    fn on_this_thread(network: &Path) -> io::Result<Self> {
        setns(File::open(network)?, CloneFlags::CLONE_NEWNET)?;
        Ok(Self { v4: TcpSocket::new_v4()?, v6: TcpSocket::new_v6().ok() })
    }
}

async fn connect_by(socket: TcpSocket, address: SocketAddr) -> io::Result<TcpStream> {
    let connection = timeout(CONNECT_TIME, socket.connect(address)).await??;
    connection.set_nodelay(true)?;
    Ok(connection)
}

fn cannot_enter(network: &Path, error: io::Error) -> Error {
    let remedy = match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::EPERM | Errno::EACCES) => "the agent needs root, or CAP_SYS_ADMIN",
        // In another mount namespace there is no such file, or an empty one in its place.
        Some(Errno::ENOENT | Errno::EINVAL) => {
            "the agent has to run on Docker's host; in a container, mount this directory"
        }
        _ => "see the error",
    };
    Error::internal(format!("cannot enter the pod's network at {}: {error}: {remedy}", network.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_may_not_or_cannot_enter_is_told_what_to_do() {
        for (path, remedy) in [("/nowhere/netns", "on Docker's host"), ("/dev/null", "on Docker's host")] {
            let path = PathBuf::from(path);
            let error = Sockets::inside(path.clone()).await.err().unwrap();
            let told = cannot_enter(&path, error).message;
            assert!(told.contains(remedy) && told.contains(path.to_str().unwrap()), "{told}");
        }
        let told = cannot_enter(Path::new("/a"), Errno::EPERM.into()).message;
        assert!(told.contains("CAP_SYS_ADMIN"), "{told}");
    }
}
