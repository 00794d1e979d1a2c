//! The control plane's programs, built once from `test/kube` and kept in the user's cache.

use std::env;
use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use crate::cache::cache_directory;

/// The multi-call binary and the names under which it is one program or another.
const BINARY: &str = "kube";
const NAMES: [&str; 5] = ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl"];
/// What the build depends on.
const SOURCES: [&str; 3] = ["go.mod", "go.sum", "main.go"];
/// Kubernetes' own release builds leave out gRPC's tracing, which keeps the linker from dropping unused methods.
const TAGS: &str = "notest,grpcnotrace";

/// A folder with etcd, kube-apiserver, kube-scheduler, kube-controller-manager and kubectl.
#[derive(Debug, Clone)]
pub struct Programs {
    directory: PathBuf,
}

impl Programs {
    /// Takes the programs from the cache, or builds them: about nine minutes on two cores the first time, with the console
    /// told so. The cache's key is a hash of the sources, the flags and Go's version.
    ///
    /// # Errors
    /// When Go is missing or the build fails.
    pub fn build() -> Result<Self> {
        let source = source_directory()?;
        let recipe = Recipe::read(&source)?;
        let cache = cache_directory()?.join("kube");
        let directory = cache.join(&recipe.key);
        if directory.exists() {
            return Ok(Self { directory });
        }
        fs::create_dir_all(&cache)?;
        // One process builds, the others wait for it.
        let lock = File::create(cache.join("lock"))?;
        lock.lock()?;
        if !directory.exists() {
            recipe.build(&source, &directory)?;
        }
        Ok(Self { directory })
    }

    /// The folder.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }
}

/// `test/kube` of the repository that cargo runs us in, or else of the one around the current directory. Not a path fixed at
/// compile time: clones that share a target directory share what was compiled.
fn source_directory() -> Result<PathBuf> {
    let start = match env::var_os("CARGO_MANIFEST_DIR") {
        Some(package) => PathBuf::from(package),
        None => env::current_dir().context("cannot tell the current directory")?,
    };
    let found = start.ancestors().map(|folder| folder.join("test/kube")).find(|kube| kube.join("go.mod").is_file());
    found.with_context(|| format!("no folder around {} has test/kube: run this through cargo", start.display()))
}

/// One way to build the programs.
struct Recipe {
    key: String,
    version: String,
    linker_flags: String,
}

impl Recipe {
    fn read(source: &Path) -> Result<Self> {
        let mut sources = Vec::new();
        for name in SOURCES {
            let path = source.join(name);
            sources.push(fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?);
        }
        let module = String::from_utf8_lossy(sources.first().map_or(&[], Vec::as_slice)).into_owned();
        let version = required_version(&module, "k8s.io/kubernetes")
            .context("test/kube/go.mod does not require k8s.io/kubernetes")?;
        let linker_flags = linker_flags(version)?;

        let mut hash = Sha256::new();
        for part in sources.iter().map(Vec::as_slice).chain([linker_flags.as_bytes(), TAGS.as_bytes(), &go_version()?])
        {
            hash.update(part.len().to_be_bytes());
            hash.update(part);
        }
        let key = hash.finalize().iter().take(10).map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { key, version: version.to_owned(), linker_flags })
    }

    fn build(&self, source: &Path, directory: &Path) -> Result<()> {
        eprintln!(
            "building Kubernetes {} from {} (about 9 minutes on 2 cores, once; then it is kept in {})",
            self.version,
            source.display(),
            directory.display()
        );
        let partial = directory.with_extension("partial");
        match fs::remove_dir_all(&partial) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => fs::create_dir_all(&partial)?,
        }
        let status = Command::new("go")
            .args(["build", "-trimpath", "-tags", TAGS, "-ldflags", &self.linker_flags, "-o"])
            .arg(partial.join(BINARY))
            .arg(".")
            .current_dir(source)
            .envs([("CGO_ENABLED", "0"), ("GOFLAGS", "-mod=readonly"), ("GOWORK", "off")])
            .status()
            .context("cannot start go")?;
        if !status.success() {
            bail!("go build in {} failed: {status}", source.display());
        }
        for name in NAMES {
            symlink(BINARY, partial.join(name))?;
        }
        fs::rename(&partial, directory).with_context(|| format!("cannot move the build to {}", directory.display()))
    }
}

/// The version that a go.mod file requires of a module.
fn required_version<'a>(module_file: &'a str, module: &str) -> Option<&'a str> {
    module_file.lines().find_map(|line| {
        let mut words = line.split_whitespace().skip_while(|word| *word == "require");
        let found = words.next()? == module;
        let version = words.next()?;
        (found && version != "=>").then_some(version)
    })
}

/// Strips the binary and tells it its version: a build outside the Kubernetes repository calls itself v0.0.0-master.
fn linker_flags(version: &str) -> Result<String> {
    let mut numbers = version.trim_start_matches('v').split('.');
    let (Some(major), Some(minor)) = (numbers.next(), numbers.next()) else {
        bail!("{version:?} is not a Kubernetes version");
    };
    let package = "k8s.io/component-base/version";
    Ok(format!(
        "-s -w -X {package}.gitVersion={version} -X {package}.gitMajor={major} -X {package}.gitMinor={minor} \
         -X {package}.gitTreeState=clean -X k8s.io/client-go/pkg/version.gitVersion={version}"
    ))
}

fn go_version() -> Result<Vec<u8>> {
    let output = Command::new("go").args(["env", "GOVERSION", "GOOS", "GOARCH"]).output();
    match output {
        Ok(output) if output.status.success() => Ok(output.stdout),
        Ok(output) => bail!("go env: {}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim()),
        Err(error) => bail!(
            "Go is needed to build the test control plane, and `go` cannot be started: {error} \
                             (https://go.dev/doc/install; the version is in test/kube/go.mod)"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_read_from_the_requirement_and_no_other_line() {
        let file = "module m\nreplace (\n\tk8s.io/api => k8s.io/api v0.1.0\n)\nrequire k8s.io/api v0.2.0 // indirect\n\
                    require (\n\tk8s.io/kubernetes v1.2.3\n)\n";
        assert_eq!(required_version(file, "k8s.io/kubernetes"), Some("v1.2.3"));
        assert_eq!(required_version(file, "k8s.io/api"), Some("v0.2.0"));
        assert_eq!(required_version(file, "k8s.io/client-go"), None);
    }

    #[test]
    fn the_version_is_stamped_whole_and_in_parts() {
        let flags = linker_flags("v1.36.3").unwrap();
        for part in [".gitVersion=v1.36.3 ", ".gitMajor=1 ", ".gitMinor=36 "] {
            assert!(flags.contains(part), "{flags}");
        }
        assert!(linker_flags("master").is_err());
    }
}
