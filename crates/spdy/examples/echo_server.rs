//! Sends every stream of every client back to it: `cargo run --example echo_server -- 127.0.0.1:8443`, then the example
//! `echo_client`.

use std::env;
use std::io;

use spdy::{Connection, Headers, Request, Role, Settings};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:0".to_owned());
    let listener = TcpListener::bind(address).await?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        let (stream, peer) = listener.accept().await?;
        tokio::spawn(async move {
            match serve(stream).await {
                Ok(end) => println!("{peer}: {end:?}"),
                Err(error) => println!("{peer}: {error}"),
            }
        });
    }
}

async fn serve(stream: TcpStream) -> Result<spdy::End, spdy::ConnectionError> {
    // Whoever opens no streams here can drop the session; `incoming` keeps the connection.
    let (_, mut incoming, connection) = Connection::new(stream, Role::Server, Settings::default());
    tokio::spawn(async move {
        while let Some(request) = incoming.next().await {
            tokio::spawn(echo(request));
        }
    });
    connection.run().await
}

async fn echo(request: Request) -> io::Result<()> {
    let kind = request.headers().get("kind").unwrap_or("nothing").to_owned();
    let (mut receive, mut send) = request.accept(Headers::from_pairs([("echo-of", kind)])).into_split();
    tokio::io::copy(&mut receive, &mut send).await?;
    // The end of our direction; the client has ended its own before.
    send.shutdown().await
}
