//! What a Docker engine must be able to do for the tests that stand on it.

use std::io::Write;
use std::net::TcpListener;
use std::path::Path;
use std::thread;

use test_cluster::{DockerEngine, DockerOptions};

use crate::traces::{assert_nothing_left, eventually};

/// The process that a container runs as, seen from this machine.
pub(crate) fn process_of(engine: &DockerEngine, container: &str) -> String {
    engine.run_docker(&["inspect", "--format={{.State.Pid}}", container]).unwrap()
}

/// What a file of the machine's, such as its mounts, says of this directory.
fn mentions(file: &str, what: &Path) -> bool {
    std::fs::read_to_string(file).unwrap().contains(what.to_str().unwrap())
}

#[test]
fn containers_outlive_the_daemon_and_nothing_outlives_the_engine() {
    let mut engine = DockerEngine::start(DockerOptions::default()).unwrap();
    let directory = engine.directory().to_owned();
    let image = engine.load_test_image().unwrap();
    engine
        .run_docker(&["run", "--detach", "--name=sleeper", "--memory=32m", "--cpus=0.5", image, "sleep", "1000"])
        .unwrap();
    let process = process_of(&engine, "sleeper");
    let alive = || Path::new("/proc").join(&process).exists();

    // A client in a container reaches a server of this machine at the bridge's address.
    let server = TcpListener::bind((engine.bridge_address(), 0)).unwrap();
    let target = server.local_addr().unwrap();
    let greeter = thread::spawn(move || server.accept().unwrap().0.write_all(b"hello").unwrap());
    let (address, port) = (target.ip().to_string(), target.port().to_string());
    let heard = engine.run_docker(&["run", "--rm", image, "nc", "-w", "5", &address, &port]).unwrap();
    assert_eq!(heard, "hello");
    greeter.join().unwrap();

    engine.stop_daemon().unwrap();
    assert!(engine.run_docker(&["ps"]).is_err() && alive());
    engine.start_daemon().unwrap();
    assert_eq!(process_of(&engine, "sleeper"), process);

    engine.kill_daemon().unwrap();
    assert!(engine.kill_daemon().is_err(), "it does not run");
    assert!(alive());
    engine.start_daemon().unwrap();
    assert_eq!(process_of(&engine, "sleeper"), process);
    assert_eq!(engine.run_docker(&["exec", "sleeper", "echo", "alive"]).unwrap(), "alive");

    engine.pause_daemon().unwrap();
    engine.resume_daemon().unwrap();
    let network = engine.run_docker(&["network", "create", "other"]).unwrap();
    let interface = Path::new("/sys/class/net").join(format!("br-{}", &network[..12]));
    assert!(interface.exists());
    assert!(mentions("/proc/self/mounts", &directory));

    drop(engine);
    assert_nothing_left(&directory);
    assert!(!mentions("/proc/self/mounts", &directory) && !interface.exists());
    eventually("the container's end", || !alive());
}

#[test]
fn an_engine_that_ends_while_its_daemon_is_down_takes_its_containers_along() {
    let mut engine = DockerEngine::start(DockerOptions::default()).unwrap();
    let directory = engine.directory().to_owned();
    let image = engine.load_test_image().unwrap();
    engine.run_docker(&["run", "--detach", "--name=sleeper", "--restart=always", image, "sleep", "1000"]).unwrap();
    let process = process_of(&engine, "sleeper");
    engine.kill_daemon().unwrap();
    drop(engine);
    assert_nothing_left(&directory);
    eventually("the container's end", || !Path::new("/proc").join(&process).exists());
}
