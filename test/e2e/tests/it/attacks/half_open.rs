//! Thousands of connections that never finish their handshake.

use std::env;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};

use super::Ground;

/// How many: a number that leaves the machine to others. `VK_HALF_OPEN` says another.
const CONNECTIONS: usize = 2_000;
const TARGET: &str = "VK_HALF_OPEN_TARGET";
const COUNT: &str = "VK_HALF_OPEN";

/// The attacker, in a process of its own with files of its own: opens the connections, says so, and holds them until its
/// stdin ends.
#[test]
#[ignore = "half_open_connections_keep_nobody_out starts it"]
fn attacker() {
    let target: SocketAddr = env::var(TARGET).unwrap().parse().unwrap();
    let count: usize = env::var(COUNT).unwrap().parse().unwrap();
    let mut held = Vec::new();
    for _ in 0..count {
        // The node may close the first ones while the last ones come; the beginning of a TLS record is all that it gets.
        if let Ok(mut stream) = TcpStream::connect(target) {
            let _ = stream.write_all(&[0x16, 0x03, 0x01]);
            held.push(stream);
        }
    }
    println!("\nopened {}", held.len());
    let _ = io::copy(&mut io::stdin(), &mut io::sink());
}

#[test]
fn half_open_connections_keep_nobody_out() {
    let ground = Ground::mock();
    let admin = ground.administrator();
    let count = env::var(COUNT).ok().and_then(|text| text.parse().ok()).unwrap_or(CONNECTIONS);
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -n $(ulimit -Hn) && exec \"$@\"", "sh"]).arg(env::current_exe().unwrap());
    command.args(["--exact", "attacks::half_open::attacker", "--ignored", "--nocapture"]);
    command.env(TARGET, ground.port.address.to_string()).env(COUNT, count.to_string());
    let mut attacker = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(attacker.stdout.take().unwrap()).lines().map_while(Result::ok);
    // While they come.
    ground.assert_well();
    let opened = lines.find_map(|line| line.strip_prefix("opened ")?.parse::<usize>().ok()).unwrap();
    assert!(opened * 10 >= count * 9, "{opened} of {count} were opened");
    // And while they stand.
    for _ in 0..20 {
        assert_eq!(ground.port.get(&admin, "/healthz").status, Some(200));
    }
    ground.assert_well();
    drop(attacker.stdin.take());
    assert!(attacker.wait().unwrap().success());
    ground.assert_well();
}
