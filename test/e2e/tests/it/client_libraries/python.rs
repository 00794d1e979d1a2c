//! The official Python client. Its checks are in `test/clients/python`.

use std::process::Command;

use crate::stage::{Identity, clients};

const CHECKS: [&str; 8] = [
    "the_whole_output",
    "streams_and_exit_code",
    "bytes_in_and_out",
    "a_terminal_with_a_size",
    "attach_hears_the_container",
    "logs_are_followed",
    "an_unknown_container_is_refused",
    "ports_are_forwarded",
];

#[test]
fn sessions_of_the_python_client() {
    let stage = super::with_pod(Identity::ServiceAccount);
    let output = Command::new(clients().python())
        .arg(clients().script("sessions.py"))
        .args([stage.name(), "talk"])
        .envs(stage.environment().cluster.environment())
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let passed = text(&output.stdout);
    assert_eq!(passed.lines().collect::<Vec<_>>(), CHECKS, "{}", text(&output.stderr));
    assert!(output.status.success(), "{}", text(&output.stderr));
}
