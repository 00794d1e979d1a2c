use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures::task::noop_waker;
use tokio::io::AsyncWrite;
use tokio::sync::mpsc;

use super::*;
use crate::connection::{Session, Stream};
use crate::frame::{Priority, ResetStatus};
use crate::headers::Headers;

/// A server's driver that nobody polls, and what holds it.
fn driver() -> (Driver, Session, mpsc::Receiver<Request>) {
    let (data, data_seen) = mpsc::unbounded_channel();
    let (control, control_seen) = mpsc::unbounded_channel();
    let (requests, requests_seen) = mpsc::channel(1);
    let session = Session::new(data, control);
    let channels = session.channels().downgrade();
    let driver = Driver::new(Role::Server, Settings::default(), channels, data_seen, control_seen, requests);
    (driver, session, requests_seen)
}

/// Whether somebody was woken.
#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn id(number: u32) -> StreamId {
    StreamId::new(number).unwrap()
}

/// The client opens a stream, which is taken.
fn open(driver: &mut Driver, requests: &mut mpsc::Receiver<Request>, number: u32) -> Stream {
    let (priority, headers) = (Priority::default(), Headers::default());
    let frame =
        Frame::SynStream { id: id(number), associated: None, priority, fin: false, unidirectional: false, headers };
    driver.receive(frame).unwrap();
    requests.try_recv().unwrap().accept(Headers::default())
}

/// Writes until no more is taken.
fn fill(stream: &mut Stream, context: &mut Context<'_>) {
    while let Poll::Ready(written) = Pin::new(&mut *stream).poll_write(context, &[7; 10_000]) {
        written.unwrap();
    }
}

fn queued(driver: &Driver, number: u32) -> usize {
    driver.queue.iter().filter(|data| data.id == id(number)).count()
}

#[tokio::test]
async fn what_a_stream_has_queued_goes_with_it() {
    let waker = noop_waker();
    let mut context = Context::from_waker(&waker);
    let (mut driver, _session, mut requests) = driver();
    let mut streams: Vec<_> = [1, 3].map(|number| open(&mut driver, &mut requests, number)).into();
    // More than may wait to be written, so that some is left.
    for _ in 0..8 {
        streams.iter_mut().for_each(|stream| fill(stream, &mut context));
        driver.poll_data(&mut context).unwrap();
    }
    assert!(driver.output.len() >= FULL && queued(&driver, 1) > 0 && queued(&driver, 3) > 0);
    driver.receive(Frame::RstStream { id: id(1), status: ResetStatus::Cancel }).unwrap();
    assert!(queued(&driver, 1) == 0 && queued(&driver, 3) > 0);
    // A reset from this side says the same.
    streams.pop().unwrap().reset(ResetStatus::InternalError);
    driver.poll_control(&mut context).unwrap();
    assert!(driver.queue.is_empty());
}

#[tokio::test]
async fn what_a_window_does_not_let_through_waits_at_the_front() {
    let waker = noop_waker();
    let mut context = Context::from_waker(&waker);
    let (mut driver, _session, mut requests) = driver();
    let mut stream = open(&mut driver, &mut requests, 1);
    driver.receive(Frame::WindowUpdate { id: None, delta: 1 }).unwrap();
    fill(&mut stream, &mut context);
    driver.poll_data(&mut context).unwrap();
    fill(&mut stream, &mut context);
    driver.poll_data(&mut context).unwrap();
    let written = driver.output.len();
    assert!(driver.windows.connection == 0 && queued(&driver, 1) > 1);
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(woken.clone());
    fill(&mut stream, &mut Context::from_waker(&waker));
    driver.poll_data(&mut context).unwrap();
    assert_eq!(driver.output.len(), written);
    assert!(!woken.0.load(Ordering::Relaxed), "a writer that may not write is woken, for ever");
    driver.receive(Frame::WindowUpdate { id: None, delta: 100 }).unwrap();
    driver.poll_data(&mut context).unwrap();
    assert_eq!(driver.output.len(), written + 8 + 100);
}
