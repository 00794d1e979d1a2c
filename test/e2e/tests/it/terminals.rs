//! `kubectl exec` and `attach` as a person uses them, in a terminal.

use serde_json::json;

use crate::stage::{Identity, Size, Stage, Terminal, WEB_SOCKETS_OF_COMMANDS, eventually, sleeper, text};

const SMALL: Size = Size { columns: 77, rows: 22 };

/// Every kubectl by both ways, as it is typed, and a terminal for each.
fn in_terminals(stage: &Stage, test: impl Fn(&Terminal, &str, Size)) {
    let kubectls = stage.kubectls();
    let ways = kubectls.iter().flat_map(|kubectl| ["true", "false"].map(|way| (kubectl, way)));
    for (number, (kubectl, way)) in (0..).zip(ways) {
        eprintln!("{}, {WEB_SOCKETS_OF_COMMANDS}={way}", kubectl.version());
        // None has the size of another.
        let size = Size { columns: 100 + number, rows: 30 + number };
        let terminal = Terminal::open(stage, &number.to_string(), size);
        test(&terminal, &format!("{WEB_SOCKETS_OF_COMMANDS}={way} {}", kubectl.in_a_shell()), size);
    }
}

/// The terminal in the container has the size of the one in front of it, and goes on having it.
fn sizes_agree(terminal: &Terminal, size: Size) {
    for size in [size, SMALL] {
        terminal.resize(size);
        let wanted = size.as_stty_prints_it();
        // A new size takes its time.
        eventually(&format!("`stty size` says {wanted}"), || {
            terminal.type_line("stty size");
            let screen = terminal.screen();
            if screen.lines().any(|line| line.trim_end() == wanted) { Ok(()) } else { Err(screen) }
        });
    }
}

#[test]
fn a_shell_in_a_container_is_one_in_a_terminal() {
    let stage = Stage::with_docker_node(Identity::ServiceAccount);
    stage.create_pod("shell", json!({ "containers": [sleeper("main")] }));
    stage.until_running("shell");
    in_terminals(&stage, |terminal, kubectl, size| {
        terminal.type_line(&format!("{kubectl} exec -it shell -- sh; echo code=$?"));
        terminal.until_line("/ #");
        sizes_agree(terminal, size);
        // What was typed shows no sum, so a sum on the screen was printed.
        terminal.type_line("echo begin $((40 + 2)); sleep 1000");
        terminal.until_line("begin 42");
        terminal.press("C-c");
        terminal.type_line("echo after $((40 + 3))");
        terminal.until_line("after 43");
        terminal.type_line("exit 3");
        terminal.until_line("code=3");
    });
}

#[test]
fn a_containers_own_terminal_can_be_come_back_to() {
    let stage = Stage::with_docker_node(Identity::Node);
    let mut shell = sleeper("main");
    (shell["command"], shell["stdin"], shell["tty"]) = (json!(["sh"]), json!(true), json!(true));
    stage.create_pod("shell", json!({ "restartPolicy": "Never", "containers": [shell] }));
    stage.until_running("shell");
    in_terminals(&stage, |terminal, kubectl, size| {
        terminal.type_line(&format!("{kubectl} attach -it shell"));
        terminal.until_line("If you don't see a command prompt, try pressing enter.");
        sizes_agree(terminal, size);
        terminal.type_line("visits=$((visits + 1)); echo visit number $visits");
        terminal.until_line(&format!("visit number {}", size.columns - 99));
        // The terminal is closed now, and kubectl with it; the shell goes on.
    });
    let terminal = Terminal::open(&stage, "last", SMALL);
    terminal.type_line(&format!("{} attach -it shell", stage.kubectl().in_a_shell()));
    terminal.until_line("If you don't see a command prompt, try pressing enter.");
    terminal.type_line("exit 3");
    let ended = stage.until_phase("shell", "Failed");
    assert_eq!(text(&ended.terminated("main")["exitCode"]), "3");
    terminal.until_line("$");
}
