//! The query of `/exec` and `/attach`, as the API server writes it for a kubelet.

use vk_streaming::remote_command::Wanted;

use crate::response::Refusal;

/// What a client asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::routes) struct SessionOptions {
    pub(in crate::routes) wanted: Wanted,
    pub(in crate::routes) command: Vec<String>,
}

impl SessionOptions {
    /// Keys that are not known are left alone.
    pub(in crate::routes) fn parse(query: &str) -> Result<Self, Refusal> {
        let mut wanted = Wanted::default();
        let mut command = Vec::new();
        for (key, value) in form_urlencoded::parse(query.as_bytes()) {
            let set = matches!(&*value, "1" | "true");
            match &*key {
                "input" => wanted.stdin |= set,
                "output" => wanted.stdout |= set,
                "error" => wanted.stderr |= set,
                "tty" => wanted.tty |= set,
                "command" => command.push(value.into_owned()),
                _ => {}
            }
        }
        // A terminal has no stderr of its own.
        wanted.stderr &= !wanted.tty;
        if !(wanted.stdin || wanted.stdout || wanted.stderr) {
            return Err(Refusal::bad_request("you must specify at least 1 of stdin, stdout, stderr"));
        }
        Ok(Self { wanted, command })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_keeps_its_order() {
        let options = SessionOptions::parse("command=sh&command=-c&output=1&command=echo+%22hi%22&x=y").unwrap();
        assert_eq!(options.command, ["sh", "-c", "echo \"hi\""]);
        assert_eq!(options.wanted, Wanted { stdout: true, ..Wanted::default() });
    }

    #[test]
    fn a_terminal_has_no_stderr() {
        let options = SessionOptions::parse("input=1&output=1&error=1&tty=1").unwrap();
        assert_eq!(options.wanted, Wanted { stdin: true, stdout: true, stderr: false, tty: true });
    }

    #[test]
    fn somebody_has_to_listen_or_speak() {
        for query in ["", "command=ls", "output=0", "tty=1&error=1"] {
            assert!(SessionOptions::parse(query).is_err(), "{query}");
        }
    }
}
