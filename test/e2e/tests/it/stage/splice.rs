//! Bytes from one connection to another.

use std::io;
use std::net::{Shutdown, TcpStream};
use std::thread;

/// Copies what comes from one side to the other, until it ends.
pub(crate) fn pass(from: &TcpStream, to: &TcpStream) {
    let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
    thread::spawn(move || {
        // A side that breaks off ends the other.
        let _ = io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    });
}
