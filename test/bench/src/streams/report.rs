//! What was measured of streams, as Markdown and JSON.

use jiff::Timestamp;
use serde::Serialize;

use crate::machine::Machine;
use crate::report::Measured;
use crate::statistics::Spread;

/// What was measured, on what.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Report {
    pub(super) date: Timestamp,
    pub(super) commit: String,
    pub(super) machine: Machine,
    pub(super) mebibytes: u32,
    pub(super) clients: u32,
    pub(super) runs: Vec<Run>,
}

/// One run. Rates in MiB/s, the others in times a second.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Run {
    /// Before it.
    pub(super) load_average: f64,
    pub(super) bare_rate: f64,
    pub(super) spdy_rate: f64,
    pub(super) web_socket_rate: f64,
    pub(super) handshakes: f64,
    pub(super) spdy_commands: f64,
    pub(super) web_socket_commands: f64,
}

/// A row of the table: its name, and where to find it in a run.
type Row = (&'static str, fn(&Run) -> f64);

const ROWS: &[Row] = &[
    ("load average before a run", |run| run.load_average),
    ("bare TLS copy, MiB/s", |run| run.bare_rate),
    ("stdout over SPDY/3.1, MiB/s", |run| run.spdy_rate),
    ("stdout over WebSocket v5, MiB/s", |run| run.web_socket_rate),
    ("bare TLS connections with one byte, per second", |run| run.handshakes),
    ("short commands over SPDY/3.1, per second", |run| run.spdy_commands),
    ("short commands over WebSocket v5, per second", |run| run.web_socket_commands),
];

impl Run {
    pub(super) fn in_short(&self) -> String {
        format!(
            "stdout {:.0} MiB/s over SPDY, {:.0} over WebSocket, bare TLS {:.0}; commands {:.0} and {:.0} a second, bare {:.0}",
            self.spdy_rate,
            self.web_socket_rate,
            self.bare_rate,
            self.spdy_commands,
            self.web_socket_commands,
            self.handshakes
        )
    }
}

impl Measured for Report {
    fn scenario(&self) -> String {
        "streams".to_owned()
    }

    fn date(&self) -> Timestamp {
        self.date
    }

    /// What was measured on, and the medians.
    fn markdown(&self) -> String {
        let Machine { processors, processor, memory_gib, kernel } = &self.machine;
        let mut text = format!(
            "Streams: {} MiB printed, {} clients of short commands, {} runs. {}, commit {}. {processors} × {processor}, \
             {memory_gib} GiB, Linux {kernel}.\n\n| | median | range |\n|---|---:|---:|\n",
            self.mebibytes,
            self.clients,
            self.runs.len(),
            self.date.strftime("%Y-%m-%d"),
            self.commit,
        );
        for (name, read) in ROWS {
            let Spread { median, least, most } = Spread::of(self.runs.iter().map(read));
            text.push_str(&format!("| {name} | {median:.0} | {least:.0} – {most:.0} |\n"));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_figure_has_a_row() {
        let run = Run {
            load_average: 1.0,
            bare_rate: 2.0,
            spdy_rate: 3.0,
            web_socket_rate: 4.0,
            handshakes: 5.0,
            spdy_commands: 6.0,
            web_socket_commands: 7.0,
        };
        let report = Report {
            date: Timestamp::UNIX_EPOCH,
            commit: "abc".to_owned(),
            machine: Machine::read().unwrap(),
            mebibytes: 1,
            clients: 2,
            runs: vec![run, run],
        };
        let text = report.markdown();
        assert!(text.contains("1 MiB printed, 2 clients of short commands, 2 runs. 1970-01-01, commit abc."), "{text}");
        for (number, (name, _)) in ROWS.iter().enumerate() {
            let value = number + 1;
            assert!(text.contains(&format!("| {name} | {value} | {value} – {value} |\n")), "{text}");
        }
    }
}
