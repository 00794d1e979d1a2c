//! Whoever owns a control plane and an engine can be killed at any time.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, thread};

use test_cluster::{Cluster, ControlPlane, ControlPlaneOptions, DockerEngine, DockerOptions};

use crate::docker_engine::process_of;
use crate::traces::{assert_nothing_left, eventually};

/// Set in the process that this test starts in order to kill it.
const VICTIM: &str = "VK_TEST_VICTIM";
const MARK: &str = "owned: ";

#[test]
fn an_owner_killed_by_sigkill_leaves_nothing_behind() {
    if env::var_os(VICTIM).is_some() {
        own_until_killed();
    }
    let mut victim = Command::new(env::current_exe().unwrap())
        .args(["--exact", "killed_owner::an_owner_killed_by_sigkill_leaves_nothing_behind", "--nocapture"])
        .env(VICTIM, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(victim.stdout.take().unwrap()).lines().map_while(Result::ok);
    let owned: Vec<String> =
        lines.filter_map(|line| line.split_once(MARK).map(|(_, owned)| owned.to_owned())).take(3).collect();
    let [cluster, engine, process] = owned.as_slice() else { panic!("the victim came to nothing: {owned:?}") };
    assert!(Cluster::open(Path::new(cluster)).unwrap().is_ready());
    assert!(Path::new("/proc").join(process).exists());

    victim.kill().unwrap();
    victim.wait().unwrap();
    for directory in [cluster, engine].map(PathBuf::from) {
        eventually("the end of the directory", || !directory.exists());
        assert_nothing_left(&directory);
        assert!(Cluster::open(&directory).is_err());
    }
    eventually("the container's end", || !Path::new("/proc").join(process).exists());
}

fn own_until_killed() -> ! {
    let engine = DockerEngine::start(DockerOptions::default()).unwrap();
    let image = engine.load_test_image().unwrap();
    let address = engine.bridge_address().into();
    let options = ControlPlaneOptions { address, ..ControlPlaneOptions::default() };
    let control_plane = ControlPlane::start(options).unwrap();
    // A client in a container reaches the API server there.
    let kubectl = format!("{}:/bin/kubectl:ro", control_plane.programs().join("kubectl").display());
    let kubeconfig = format!("{}:/kubeconfig:ro", control_plane.admin_kubeconfig().display());
    let client = ["run", "--rm", "-v", &kubectl, "-v", &kubeconfig, image, "kubectl", "--kubeconfig=/kubeconfig"];
    let said = engine.run_docker(&[&client[..], &["get", "--raw=/readyz"]].concat()).unwrap();
    assert_eq!(said, "ok");
    engine.run_docker(&["run", "--detach", "--name=sleeper", image, "sleep", "1000"]).unwrap();
    println!("{MARK}{}", control_plane.directory().display());
    println!("{MARK}{}", engine.directory().display());
    println!("{MARK}{}", process_of(&engine, "sleeper"));
    loop {
        thread::park();
    }
}
