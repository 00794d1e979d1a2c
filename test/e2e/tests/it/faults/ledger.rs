//! What containers write about themselves, where no agent can change it.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::stage::{Stage, script};

/// A container that runs until it is stopped.
const UNTIL_STOPPED: &str = "sleep 100000 & wait $!";

/// A directory of the host with a file for each container of each pod: a line for each start, and one for each order to
/// stop.
#[derive(Debug, Clone)]
pub(crate) struct Ledger {
    directory: PathBuf,
}

/// What a container has written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Entries {
    pub(crate) starts: u64,
    pub(crate) stops: u64,
}

impl Ledger {
    /// The ledger of a stage, below a directory that its pods may mount.
    pub(crate) fn of(stage: &Stage) -> Self {
        let directory = stage.shared().join("ledger");
        fs::create_dir_all(&directory).unwrap();
        Self { directory }
    }

    /// A container that notes its start and then runs a script, in which `$ledger` is its file.
    pub(crate) fn container(&self, name: &str, then: &str) -> Value {
        // The file is named by a fixed part of the script, so that a pod's UID alone has to come from outside. The trap is
        // set first: a stop that comes early must not wait for the end of the grace period.
        let text = format!(
            "ledger=/ledger/$POD_UID.{name}; trap 'echo stop >> $ledger; exit 0' TERM; echo start >> $ledger; {then}"
        );
        let mut container = script(name, &text);
        container["env"] = json!([{ "name": "POD_UID", "valueFrom": { "fieldRef": { "fieldPath": "metadata.uid" } } }]);
        container["volumeMounts"] = json!([{ "name": "ledger", "mountPath": "/ledger" }]);
        container
    }

    /// A container that notes its start, runs until it is stopped, and notes that.
    pub(crate) fn sleeper(&self, name: &str) -> Value {
        self.container(name, UNTIL_STOPPED)
    }

    /// A container that notes its start and ends with an exit code once [`Self::release`] is called with the same word.
    pub(crate) fn waiter(&self, name: &str, word: &str, exit_code: u8) -> Value {
        self.container(name, &format!("until test -f /ledger/go-{word}; do sleep 0.1; done; exit {exit_code}"))
    }

    /// Lets containers end that wait for this word.
    pub(crate) fn release(&self, word: &str) {
        fs::write(self.directory.join(format!("go-{word}")), "").unwrap();
    }

    /// The volume that they mount: goes into the pod's `volumes`.
    pub(crate) fn volume(&self) -> Value {
        json!({ "name": "ledger", "hostPath": { "path": self.directory } })
    }

    /// A pod's spec with one container.
    pub(crate) fn spec(&self, container: Value) -> Value {
        json!({ "terminationGracePeriodSeconds": 5, "containers": [container], "volumes": [self.volume()] })
    }

    /// The directory that agents have to let pods mount.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// What a container of a pod has written so far.
    pub(crate) fn entries(&self, uid: &str, container: &str) -> Entries {
        // One that never started has no file.
        let text = fs::read_to_string(self.directory.join(format!("{uid}.{container}"))).unwrap_or_default();
        let count = |word: &str| u64::try_from(text.lines().filter(|line| *line == word).count()).unwrap();
        Entries { starts: count("start"), stops: count("stop") }
    }
}
