//! Looking for what is left.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

/// The command lines of processes that work in or with a directory, other than this one.
pub(crate) fn processes_of(directory: &Path) -> Vec<String> {
    let named = directory.to_str().unwrap();
    let own = std::process::id().to_string();
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        if entry.file_name().to_string_lossy() == own.as_str() {
            continue;
        }
        let Ok(command_line) = fs::read(entry.path().join("cmdline")) else { continue };
        let command_line = String::from_utf8_lossy(&command_line).replace('\0', " ");
        if command_line.contains(named) {
            found.push(command_line);
        }
    }
    found
}

/// Fails if a process or the directory itself is there.
pub(crate) fn assert_nothing_left(directory: &Path) {
    assert_eq!(processes_of(directory), Vec::<String>::new());
    assert!(!directory.exists(), "{} is still there", directory.display());
}

/// Waits until `condition` holds; fails if it never does.
pub(crate) fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    for _ in 0..600 {
        if condition() {
            return;
        }
        thread::sleep(Duration::from_millis(100));
    }
    panic!("never seen: {what}");
}
