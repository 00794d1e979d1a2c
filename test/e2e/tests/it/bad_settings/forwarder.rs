//! A port of this machine behind which, at first, nobody is.

use std::net::{TcpListener, TcpStream};
use std::thread;

use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrIn, bind, getsockname, socket};
use std::net::SocketAddrV4;
use std::os::fd::AsRawFd;
use std::os::fd::OwnedFd;

use crate::stage::pass;

/// Keeps a port without listening on it, so that connections are refused, and later passes them on.
pub(super) struct Forwarder {
    socket: OwnedFd,
    port: u16,
}

impl Forwarder {
    /// Takes a port.
    pub(super) fn reserve() -> Self {
        let socket = socket(AddressFamily::Inet, SockType::Stream, SockFlag::SOCK_CLOEXEC, None).unwrap();
        let any: SocketAddrV4 = "127.0.0.1:0".parse().unwrap();
        bind(socket.as_raw_fd(), &SockaddrIn::from(any)).unwrap();
        let port = getsockname::<SockaddrIn>(socket.as_raw_fd()).unwrap().port();
        Self { socket, port }
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// From now on connections lead to `target`, as in `10.0.0.1:6443`, until the process ends.
    pub(super) fn open(self, target: &str) {
        nix::sys::socket::listen(&self.socket, nix::sys::socket::Backlog::MAXCONN).unwrap();
        let listener = TcpListener::from(self.socket);
        let target = target.to_owned();
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(server) = TcpStream::connect(&target) else { continue };
                pass(&client, &server);
                pass(&server, &client);
            }
        });
    }
}
