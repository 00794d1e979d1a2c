//! A person at a terminal: tmux has the terminal, tests type and look at the screen.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::{Stage, eventually};

/// The size of a terminal, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) columns: u16,
    pub(crate) rows: u16,
}

impl Size {
    /// As `stty size` has it.
    pub(crate) fn as_stty_prints_it(self) -> String {
        format!("{} {}", self.rows, self.columns)
    }
}

/// A terminal with a shell in it. It ends with this value, and with the cluster if the tests are killed.
pub(crate) struct Terminal {
    server: Child,
    socket: PathBuf,
}

impl Terminal {
    /// A shell whose prompt is `$ `.
    pub(crate) fn open(stage: &Stage, name: &str, size: Size) -> Self {
        let socket = stage.write(&format!("{name}.tmux"), "");
        fs::remove_file(&socket).unwrap();
        let mut command = tmux(&socket);
        // It stays our child, so that it cannot outlive us.
        command.arg("-D").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.envs(stage.environment().cluster.environment()).env("ENV", "");
        stage.environment().cluster.guard(&mut command).unwrap();
        let server = command.spawn().unwrap();
        let terminal = Self { server, socket };
        eventually("tmux", || terminal.socket.exists().then_some(()).ok_or_else(|| "no socket".to_owned()));
        let (columns, rows) = (size.columns.to_string(), size.rows.to_string());
        terminal.tmux(&["new-session", "-d", "-x", &columns, "-y", &rows, "PS1='$ ' exec sh"]);
        terminal.until_line("$");
        terminal
    }

    /// Types a line and Enter.
    pub(crate) fn type_line(&self, text: &str) {
        self.tmux(&["send-keys", "-l", text]);
        self.press("Enter");
    }

    /// Presses a key, in tmux's words: `C-c`.
    pub(crate) fn press(&self, key: &str) {
        self.tmux(&["send-keys", key]);
    }

    pub(crate) fn resize(&self, size: Size) {
        self.tmux(&["resize-window", "-x", &size.columns.to_string(), "-y", &size.rows.to_string()]);
    }

    /// The lines on the screen. Long ones are in one piece.
    pub(crate) fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p", "-J"])
    }

    /// Waits until a line is as wanted, but for space at its end.
    pub(crate) fn until_line(&self, wanted: &str) {
        eventually(&format!("a line {wanted:?} on the screen"), || {
            let screen = self.screen();
            if screen.lines().any(|line| line.trim_end() == wanted) { Ok(()) } else { Err(screen) }
        });
    }

    fn tmux(&self, arguments: &[&str]) -> String {
        let output = tmux(&self.socket).args(arguments).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "tmux {arguments:?}: {said}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // What runs in the terminal hangs up.
        let _ = tmux(&self.socket).arg("kill-server").output();
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// tmux with no settings of the user's.
fn tmux(socket: &Path) -> Command {
    let mut command = Command::new("tmux");
    command.arg("-S").arg(socket).args(["-f", "/dev/null"]).env_remove("TMUX").env("LC_ALL", "C.UTF-8");
    command
}
