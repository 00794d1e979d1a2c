//! The kernel answers as kube-apiserver 1.36.3 did: `tests/recorded/README.md` says how the answers were recorded.

use std::time::Duration;

use test_exchanges::{Answer, Names, Recording, Session, User, compare};
use vk_apiserver::{Controllers, Identity, Kernel, Now, Options, Reply, WatchStep};

/// The time of a request: a tenth of a second after the one before.
fn time_of(line: usize) -> Now {
    let elapsed = Duration::from_millis(100) * u32::try_from(line).unwrap();
    let wall: jiff::Timestamp = "2026-11-22T14:00:00Z".parse().unwrap();
    Now { wall: wall + elapsed, elapsed }
}

fn identity_of(user: User, names: &Names) -> Identity {
    match user {
        User::Admin => Identity::admin(),
        User::Node => Identity::node(&names.node),
        User::Other => Identity::node(&names.other),
        User::Joe => Identity::user("joe"),
    }
}

/// The code and the text of an answer; of a watch, what it has to say at once.
fn read(kernel: &Kernel, reply: Reply, now: Now) -> (u16, String) {
    match reply {
        Reply::Complete(response) => (response.status().as_u16(), String::from_utf8(response.body().to_vec()).unwrap()),
        Reply::Watch(mut watch) => {
            let mut text = String::new();
            while let WatchStep::Deliver(events) = kernel.poll_watch(&mut watch, now) {
                events.iter().for_each(|event| text.push_str(std::str::from_utf8(event).unwrap()));
            }
            (200, text)
        }
    }
}

/// The recordings were made without anything that acts beside the API server.
fn replay(stem: &str, recording: &str) {
    let mut options = Options::default();
    options.controllers = Controllers::none();
    let mut kernel = Kernel::new(options, time_of(0));
    let names = Names::of_recording(stem);
    let mut session = Session::new(names.clone());
    let mut differing = Vec::new();
    for (line, exchange) in (1..).zip(&Recording::parse(recording).unwrap().exchanges) {
        let now = time_of(line);
        let request = session.request(exchange).unwrap();
        let reply = kernel.handle(&request, &identity_of(exchange.user, &names), now);
        let (code, text) = read(&kernel, reply, now);
        let found = session.answered(exchange, code, &text);
        differing.extend(compare(line, exchange, &Answer::recorded(exchange), &found));
    }
    let differing: Vec<String> = differing.iter().map(ToString::to_string).collect();
    assert!(differing.is_empty(), "{} of the answers differ\n{}", differing.len(), differing.join("\n"));
}

/// One test for each file.
macro_rules! recordings {
    ($($file:ident)*) => {
        $(#[test] fn $file() { replay(stringify!($file), include_str!(concat!("../recorded/", stringify!($file), ".jsonl"))); })*

        #[test]
        fn every_file_has_its_test() {
            let mut files: Vec<String> = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/recorded"))
                .unwrap()
                .filter_map(|entry| Some(entry.unwrap().file_name().to_str()?.strip_suffix(".jsonl")?.to_owned()))
                .collect();
            files.sort();
            assert_eq!(files, [$(stringify!($file)),*]);
        }
    };
}

recordings! {
    bad_requests
    certificates
    deletion
    discovery
    jobs
    lists_and_watches
    nodes_and_pods
    other_kinds
    other_verbs
    patches
    pod_specs
    reviews
    tables
}
