//! Debian packages that tests need.

use std::env;
use std::fs;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use nix::unistd::Uid;

/// A program that must be there, and the Debian package that brings it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Requirement {
    /// The program, looked for in `PATH` and in the folders for administrators.
    pub program: &'static str,
    /// The packages that bring it, newest Debian first; the first one that apt knows is installed.
    pub packages: &'static [&'static str],
}

impl Requirement {
    /// What [`DockerEngine`](crate::DockerEngine) needs.
    pub const DOCKER: [Self; 4] = [
        Self { program: "dockerd", packages: &["docker.io"] },
        // Debian 13 split the client off.
        Self { program: "docker", packages: &["docker-cli", "docker.io"] },
        Self { program: "busybox", packages: &["busybox-static"] },
        Self { program: "ip", packages: &["iproute2"] },
    ];

    /// What [`Clients`](crate::Clients) and those who drive them need.
    pub const CLIENTS: [Self; 2] = [
        // Brings python3 too.
        Self { program: "python3", packages: &["python3-venv"] },
        Self { program: "tmux", packages: &["tmux"] },
    ];

    /// What tests of metrics scrape with.
    pub const PROMETHEUS: [Self; 1] = [Self { program: "prometheus", packages: &["prometheus"] }];

    fn is_met(self) -> bool {
        let path = env::var_os("PATH").unwrap_or_default();
        let administrators = ["/usr/local/sbin", "/usr/sbin", "/sbin"].map(Into::into);
        env::split_paths(&path).chain(administrators).any(|folder| folder.join(self.program).is_file())
    }
}

/// Sees to it that these programs are there: installs what is missing, by name and with a word on the console.
///
/// # Errors
/// When something is missing and this is not Debian, or not root: the error says what to install.
pub fn ensure_installed(requirements: &[Requirement]) -> Result<()> {
    let missing: Vec<Requirement> = requirements.iter().copied().filter(|requirement| !requirement.is_met()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    if let Some(obstacle) = obstacle(&release, Uid::effective().is_root()) {
        bail!("{}", instructions(&missing, obstacle));
    }
    let packages = known_packages(&missing)?;
    eprintln!("installing the Debian packages {}", packages.join(" "));
    let mut install = apt_get();
    install.args(["install", "--yes", "--no-install-recommends"]).args(&packages);
    run(&mut install)?;
    match missing.iter().find(|requirement| !requirement.is_met()) {
        Some(requirement) => bail!("{} is still missing after the installation", requirement.program),
        None => Ok(()),
    }
}

/// Why packages cannot be installed here, if so.
fn obstacle(os_release: &str, is_root: bool) -> Option<&'static str> {
    let debian = os_release
        .lines()
        .filter_map(|line| line.strip_prefix("ID=").or_else(|| line.strip_prefix("ID_LIKE=")))
        .any(|value| value.trim_matches('"').split_whitespace().any(|id| id == "debian"));
    if !debian {
        Some("they can be installed automatically on Debian only")
    } else if !is_root {
        Some("they can be installed automatically by root only")
    } else {
        None
    }
}

fn instructions(missing: &[Requirement], obstacle: &str) -> String {
    let mut text = format!("programs are missing, and {obstacle}. Please install:");
    for Requirement { program, packages } in missing {
        text.push_str(&format!("\n  {program} (Debian package {})", packages.join(" or ")));
    }
    text
}

/// The packages to install; apt's lists are fetched if they lack one, as they do on a fresh machine.
fn known_packages(missing: &[Requirement]) -> Result<Vec<&'static str>> {
    let find = || -> Option<Vec<&'static str>> {
        missing.iter().map(|requirement| requirement.packages.iter().copied().find(|name| is_known(name))).collect()
    };
    let mut packages = match find() {
        Some(packages) => packages,
        None => {
            run(apt_get().arg("update"))?;
            find().with_context(|| instructions(missing, "apt does not know them"))?
        }
    };
    packages.sort_unstable();
    packages.dedup();
    Ok(packages)
}

fn is_known(package: &str) -> bool {
    let mut command = Command::new("apt-cache");
    command.args(["show", package]).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn apt_get() -> Command {
    let mut command = Command::new("apt-get");
    // A service that comes with a package need not run: tests start their own. RUNLEVEL keeps invoke-rc.d from starting it.
    command.env("DEBIAN_FRONTEND", "noninteractive").env("RUNLEVEL", "1").stdin(Stdio::null());
    command
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("cannot start {}", command.get_program().display()))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{command:?}: {}\n{}", output.status, said.trim());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MISSING: Requirement = Requirement { program: "no-such-program", packages: &["new-name", "old-name"] };

    #[test]
    fn only_root_on_debian_can_install() {
        assert_eq!(obstacle("NAME=\"Debian\"\nID=debian\n", true), None);
        assert_eq!(obstacle("ID=ubuntu\nID_LIKE=\"debian\"\n", true), None);
        assert!(obstacle("ID=debian\n", false).unwrap().contains("root"));
        assert!(obstacle("ID=fedora\n", true).unwrap().contains("Debian"));
        assert!(obstacle("", true).unwrap().contains("Debian"));
    }

    #[test]
    fn what_is_missing_is_named_with_its_package() {
        let text = instructions(&[MISSING], "a reason");
        assert!(text.contains("a reason") && text.contains("no-such-program (Debian package new-name or old-name)"));
    }

    #[test]
    fn a_program_is_found_or_missing() {
        assert!(Requirement { program: "sh", packages: &[] }.is_met());
        assert!(!MISSING.is_met());
    }
}
