//! Sends a line on two streams of one connection and prints what comes back: `cargo run --example echo_client -- ADDRESS`,
//! with the address of the example `echo_server`.

use std::env;
use std::error::Error;

use spdy::{Connection, End, Headers, Role, Session, Settings};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = env::args().nth(1).ok_or("the address of a server is missing")?;
    let stream = TcpStream::connect(address).await?;
    let (session, _, connection) = Connection::new(stream, Role::Client, Settings::default());
    let running = tokio::spawn(connection.run());
    tokio::try_join!(say(&session, "greeting", "hello"), say(&session, "farewell", "goodbye"))?;
    // Streams that are open would go on to their ends.
    session.close();
    match running.await?? {
        End::Closed => Ok(()),
        End::PeerClosed { open_streams } => Err(format!("the server went, {open_streams} streams were open").into()),
    }
}

async fn say(session: &Session, kind: &str, text: &str) -> Result<(), Box<dyn Error>> {
    let mut stream = session.open(Headers::from_pairs([("kind", kind)])).await?;
    stream.write_all(text.as_bytes()).await?;
    stream.shutdown().await?;
    let reply = stream.reply().await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    println!("{}: {answer}", reply.get("echo-of").unwrap_or_default());
    Ok(())
}
