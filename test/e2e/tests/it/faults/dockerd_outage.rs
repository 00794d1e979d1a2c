//! The Docker daemon is away for a minute, its containers are not.

use test_cluster::{ControlPlane, ControlPlaneOptions};

use crate::docker_outage;

use super::report::Report;
use super::settings::Settings;

#[test]
#[ignore = "minutes long: cargo xtask e2e faults"]
fn a_dockerd_outage_restarts_nothing() {
    let control_plane = ControlPlane::start(ControlPlaneOptions::default()).unwrap();
    let mut report = Report::new("dockerd (with --live-restore) is stopped for 60 s", &Settings::read());
    let (rows, seconds) = docker_outage::outage(control_plane.cluster());
    report.figure(&format!("pods that waited run on both nodes {seconds:.2} s after dockerd answers"));
    for row in rows {
        report.row(row);
    }
    report.conclude();
}
