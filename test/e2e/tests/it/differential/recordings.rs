//! The files of `crates/vk-apiserver/tests/recorded`.

use std::path::{Path, PathBuf};
use std::{env, fs};

use test_exchanges::Recording;

/// One file of exchanges.
pub(super) struct File {
    pub(super) name: String,
    pub(super) recording: Recording,
    path: PathBuf,
}

impl File {
    fn read(path: PathBuf) -> Self {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let text = fs::read_to_string(&path).unwrap();
        let recording = Recording::parse(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        Self { name, recording, path }
    }

    /// The file's name without its ending.
    pub(super) fn stem(&self) -> &str {
        self.name.trim_end_matches(".jsonl")
    }

    /// Writes it anew.
    pub(super) fn write(&self) {
        fs::write(&self.path, self.recording.text()).unwrap();
    }
}

/// Every file, in the order of their names.
pub(super) fn all() -> Vec<File> {
    // Not a path fixed at compile time: clones that share a target directory share what was compiled.
    let package = env::var_os("CARGO_MANIFEST_DIR").expect("cargo runs this");
    let directory = Path::new(&package).join("../../crates/vk-apiserver/tests/recorded");
    let mut paths: Vec<PathBuf> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "jsonl"))
        .collect();
    paths.sort();
    assert!(!paths.is_empty());
    paths.into_iter().map(File::read).collect()
}

/// Whether the answers are to be recorded anew.
pub(super) fn renewed() -> bool {
    env::var_os("VK_RECORD").is_some_and(|value| value == "1")
}
