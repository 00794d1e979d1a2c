//! An image to run in tests, made on this machine.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::docker::DockerEngine;

/// Not `latest`: that tag makes clients try a registry first.
const NAME: &str = "busybox:test";
/// Where Debian's busybox-static keeps the binary.
const BUSYBOX: &str = "/bin/busybox";

pub(super) fn load(engine: &DockerEngine) -> Result<&'static str> {
    let root = engine.directory().join("busybox");
    match fs::remove_dir_all(&root) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
        _ => write_root(&root).context("cannot make the test image's files")?,
    }
    let mut tar = Command::new("tar")
        .args(["--create", "--owner=0", "--group=0", "--numeric-owner", "--directory"])
        .arg(&root)
        .arg(".")
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start tar")?;
    let archive = tar.stdout.take().context("tar was started without a pipe")?;
    let imported = engine
        .docker()
        .args(["import", "--change=CMD [\"sh\"]", "--change=ENV PATH=/bin", "-", NAME])
        .stdin(archive)
        .output()
        .context("cannot start docker")?;
    let archived = tar.wait()?;
    if !imported.status.success() || !archived.success() {
        let said = String::from_utf8_lossy(&imported.stderr);
        bail!("cannot make the image {NAME}: tar: {archived}; docker import: {}: {}", imported.status, said.trim());
    }
    Ok(NAME)
}

fn write_root(root: &Path) -> Result<()> {
    let bin = root.join("bin");
    for folder in ["bin", "dev", "etc", "proc", "root", "sys", "tmp", "var"] {
        fs::create_dir_all(root.join(folder))?;
    }
    fs::set_permissions(root.join("tmp"), Permissions::from_mode(0o1777))?;
    fs::write(root.join("etc/passwd"), "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n")?;
    fs::write(root.join("etc/group"), "root:x:0:\nnogroup:x:65534:\n")?;
    fs::copy(BUSYBOX, bin.join("busybox")).with_context(|| format!("cannot copy {BUSYBOX}"))?;
    let listed = Command::new(BUSYBOX).arg("--list").output()?;
    for applet in String::from_utf8_lossy(&listed.stdout).lines().filter(|applet| *applet != "busybox") {
        symlink("busybox", bin.join(applet))?;
    }
    Ok(())
}
