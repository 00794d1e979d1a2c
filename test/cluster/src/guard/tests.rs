use std::path::Path;

use super::*;
use crate::process::Process;

/// A process of the guard's that ignores polite signals, as a hung component would.
fn stubborn(guard: &Guard) -> Process {
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' TERM INT HUP; while :; do sleep 60; done"]);
    Process::start(command, guard, "stubborn").unwrap()
}

fn runs(id: u32) -> bool {
    let Ok(stat) = fs::read_to_string(format!("/proc/{id}/stat")) else { return false };
    !stat.rsplit(") ").next().unwrap().starts_with('Z')
}

#[test]
fn dropping_the_guard_ends_its_processes_and_removes_the_directory() {
    let guard = Guard::start(None).unwrap();
    let directory = guard.directory().to_owned();
    let process = stubborn(&guard);
    assert!(runs(process.id()) && directory.exists());
    drop(guard);
    assert!(!runs(process.id()));
    assert!(!directory.exists());
}

#[test]
fn a_paused_process_is_ended_too() {
    let guard = Guard::start(None).unwrap();
    let process = stubborn(&guard);
    process.pause().unwrap();
    drop(guard);
    assert!(!runs(process.id()));
}

#[test]
fn a_detached_guard_stays_until_it_is_ended() {
    let guard = Guard::start(None).unwrap();
    let process = stubborn(&guard);
    let directory = guard.detach().unwrap();
    thread::sleep(Duration::from_millis(300));
    assert!(runs(process.id()) && is_guarded(&directory));
    end(&directory).unwrap();
    assert!(!runs(process.id()) && !directory.exists() && !is_guarded(&directory));
}

#[test]
fn what_another_process_still_holds_can_be_ended() {
    let guard = Guard::start(None).unwrap();
    let process = stubborn(&guard);
    end(guard.directory()).unwrap();
    assert!(!runs(process.id()));
}

#[test]
fn a_directory_without_its_guard_is_removed_and_any_other_refused() {
    let parent = tempfile::tempdir().unwrap();
    let left = parent.path().join("left");
    fs::create_dir(&left).unwrap();
    // A process of this id exists, but it is no guard of this directory.
    fs::write(left.join(PID_FILE), process::id().to_string()).unwrap();
    assert!(!is_guarded(&left));
    end(&left).unwrap();
    assert!(!left.exists());

    let error = end(parent.path()).unwrap_err().to_string();
    assert!(error.contains("nothing was started"), "{error}");
    assert!(parent.path().exists());
    assert!(end(Path::new("/nonexistent")).is_err());
}

#[test]
fn a_directory_that_exists_is_not_taken_over() {
    let directory = tempfile::tempdir().unwrap();
    let error = format!("{:#}", Guard::start(Some(directory.path().to_owned())).unwrap_err());
    assert!(error.contains("exists"), "{error}");
    assert!(directory.path().exists());
}
