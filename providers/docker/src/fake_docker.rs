//! A Docker engine that only says which version it is, for tests.

use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

/// Listens on a socket of its own and answers every request with the same JSON, for as long as the test's runtime lives.
pub(crate) struct FakeDocker {
    directory: tempfile::TempDir,
    said: Arc<Said>,
}

struct Said {
    answer: Mutex<Value>,
    paths: Mutex<Vec<String>>,
}

impl FakeDocker {
    pub(crate) fn start(answer: Value) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let said = Arc::new(Said { answer: Mutex::new(answer), paths: Mutex::default() });
        let listener = UnixListener::bind(directory.path().join("docker.sock")).unwrap();
        let answering = Arc::clone(&said);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer_one(stream, Arc::clone(&answering)));
            }
        });
        Self { directory, said }
    }

    /// Another engine takes its place.
    pub(crate) fn replace(&self, answer: Value) {
        *self.said.answer.lock() = answer;
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.directory.path().join("docker.sock")
    }

    /// What was asked for, in order.
    pub(crate) fn paths(&self) -> Vec<String> {
        self.said.paths.lock().clone()
    }
}

/// Answers one request and closes the connection.
async fn answer_one(mut stream: UnixStream, said: Arc<Said>) {
    let mut request = Vec::new();
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        let mut bytes = [0; 1024];
        match stream.read(&mut bytes).await {
            Ok(read) if read > 0 => request.extend_from_slice(&bytes[..read]),
            _ => return,
        }
    }
    let request = String::from_utf8_lossy(&request).into_owned();
    said.paths.lock().push(request.split(' ').nth(1).unwrap_or_default().to_owned());
    let body = said.answer.lock().to_string();
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: ".to_owned();
    // The client may have gone.
    let _ = stream.write_all(format!("{head}{}\r\n\r\n{body}", body.len()).as_bytes()).await;
}
