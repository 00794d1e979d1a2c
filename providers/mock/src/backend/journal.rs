//! The file that lets pods survive a restart of the agent: one line of JSON for each change of a pod.
//!
//! A line is in the file before the call that caused it is answered, so a killed process forgets nothing that it has
//! promised. A torn last line was never promised. The file is rewritten when most of it is out of date.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::{collections::BTreeMap, fs};

use serde::{Deserialize, Serialize};
use vk_core::{Error, PodUid, Result};

use super::pod::Pod;

const VERSION: u32 = 1;
/// A file with fewer lines than this is never worth rewriting.
const FEW_LINES: usize = 1024;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Line {
    /// The first line of a file.
    Mock { version: u32, node: String },
    /// A pod as it is from now on.
    Pod(Box<Pod>),
    /// A pod that is no longer there.
    Gone(PodUid),
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum LineRef<'a> {
    Pod(&'a Pod),
    Gone(&'a PodUid),
}

/// The open file.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    node: String,
    file: File,
    /// Length up to the end of the last whole line.
    length: u64,
    lines: usize,
    #[cfg(test)]
    panics: bool,
}

/// Lines to be written, put together off the disk.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    text: Vec<u8>,
    count: usize,
}

impl Lines {
    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub(crate) fn pod(&mut self, pod: &Pod) -> Result<()> {
        self.push(&LineRef::Pod(pod))
    }

    pub(crate) fn gone(&mut self, uid: &PodUid) -> Result<()> {
        self.push(&LineRef::Gone(uid))
    }

    fn push(&mut self, line: &impl Serialize) -> Result<()> {
        serde_json::to_writer(&mut self.text, line).map_err(|error| Error::internal(error.to_string()))?;
        self.text.push(b'\n');
        self.count += 1;
        Ok(())
    }
}

impl Journal {
    /// Opens or creates the file of this node and reads the pods in it. Blocks.
    ///
    /// # Errors
    /// [`vk_core::ErrorKind::Unavailable`] if the file cannot be read or written,
    /// [`vk_core::ErrorKind::Invalid`] with file and line if it holds something else.
    pub(crate) fn open(path: PathBuf, node: &str) -> Result<(Self, Vec<Pod>)> {
        let mut text = Vec::new();
        let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = opened.map_err(|error| cannot("open", &path, &error))?;
        file.read_to_end(&mut text).map_err(|error| cannot("read", &path, &error))?;
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let (pods, lines) = read(&text[..whole], &path, node)?;
        let mut journal = Self {
            path,
            node: node.to_owned(),
            file,
            length: whole as u64,
            lines,
            #[cfg(test)]
            panics: false,
        };
        if lines == 0 {
            let mut header = Lines::default();
            header.push(&Line::Mock { version: VERSION, node: node.to_owned() })?;
            journal.append(&header)?;
        }
        Ok((journal, pods))
    }

    /// Whether the file should be rewritten rather than grow, given that so many pods are there.
    pub(crate) fn is_stale(&self, pods: usize) -> bool {
        self.lines > FEW_LINES && self.lines / 4 > pods
    }

    /// Adds lines to the end. Blocks. After an error the file is as it was.
    pub(crate) fn append(&mut self, lines: &Lines) -> Result<()> {
        #[cfg(test)]
        assert!(!self.panics, "as the test wants it");
        let written = self.file.set_len(self.length).and_then(|()| {
            self.file.seek(SeekFrom::Start(self.length))?;
            self.file.write_all(&lines.text)
        });
        written.map_err(|error| cannot("write", &self.path, &error))?;
        self.length += lines.text.len() as u64;
        self.lines += lines.count;
        Ok(())
    }

    /// Puts these lines in place of all others. Blocks. After an error the file is as it was.
    pub(crate) fn rewrite(&mut self, lines: &Lines) -> Result<()> {
        let replacement = self.path.with_extension("new");
        let mut all = Lines::default();
        all.push(&Line::Mock { version: VERSION, node: self.node.clone() })?;
        all.text.extend_from_slice(&lines.text);
        all.count += lines.count;
        let file = write_new(&replacement, &all.text)
            .and_then(|file| fs::rename(&replacement, &self.path).map(|()| file))
            .map_err(|error| cannot("write", &replacement, &error))?;
        self.file = file;
        self.length = all.text.len() as u64;
        self.lines = all.count;
        Ok(())
    }
}

#[cfg(test)]
impl Journal {
    pub(crate) fn break_for_test(&mut self, file: File) {
        self.file = file;
    }

    pub(crate) fn panic_for_test(&mut self) {
        self.panics = true;
    }
}

fn write_new(path: &Path, text: &[u8]) -> io::Result<File> {
    let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path)?;
    file.write_all(text)?;
    Ok(file)
}

fn read(text: &[u8], path: &Path, node: &str) -> Result<(Vec<Pod>, usize)> {
    let mut pods = BTreeMap::new();
    let mut count = 0;
    for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        count += 1;
        match serde_json::from_slice(line).map_err(|error| unreadable(path, count, &error.to_string()))? {
            Line::Mock { version, node: of } if count == 1 => {
                if version != VERSION {
                    return Err(unreadable(path, count, &format!("version {version} is not {VERSION}")));
                }
                if of != node {
                    return Err(unreadable(path, count, &format!("it belongs to node {of:?}, and this is {node:?}")));
                }
            }
            Line::Pod(mut pod) if count > 1 => {
                pod.read_script().map_err(|error| unreadable(path, count, &error.to_string()))?;
                pods.insert(pod.uid.clone(), *pod);
            }
            Line::Gone(uid) if count > 1 => {
                pods.remove(&uid);
            }
            _ => return Err(unreadable(path, count, "the first line, and only that, says whose file this is")),
        }
    }
    Ok((pods.into_values().collect(), count))
}

fn unreadable(path: &Path, line: usize, what: &str) -> Error {
    let message = format!(
        "{} line {line}: {what}: move the file away (mock pods it tells of count as lost then) or use another --state-dir",
        path.display()
    );
    Error::invalid("--state-dir", message)
}

fn cannot(what: &str, path: &Path, error: &io::Error) -> Error {
    Error::unavailable(format!("cannot {what} {}: {error}", path.display()))
}
