//! Programs that are built once from a Go module below `test` and kept in the user's cache.

use std::env;
use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use crate::cache::cache_directory;

/// A Go module whose root package is one multi-call binary.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GoModule {
    /// Its folder below `test`. The binary and the folder in the cache are called so too.
    pub(crate) name: &'static str,
    /// What the build depends on.
    pub(crate) sources: &'static [&'static str],
    /// The names under which the binary is one program or another.
    pub(crate) programs: &'static [&'static str],
    /// The required module whose version the programs take for their own.
    pub(crate) version_of: &'static str,
    /// How long the first build takes, in words.
    pub(crate) takes: &'static str,
}

/// Kubernetes' own release builds leave out gRPC's tracing, which keeps the linker from dropping unused methods.
const TAGS: &str = "notest,grpcnotrace";

impl GoModule {
    /// The folder of the programs: from the cache, or built there first, with the console told so. The cache's key is a hash
    /// of the sources, the flags and Go's version.
    ///
    /// # Errors
    /// When Go is missing or the build fails.
    pub(crate) fn build(&self) -> Result<PathBuf> {
        let source = test_folder()?.join(self.name);
        let recipe = Recipe::read(self, &source)?;
        let cache = cache_directory()?.join(self.name);
        let directory = cache.join(&recipe.key);
        if directory.exists() {
            return Ok(directory);
        }
        fs::create_dir_all(&cache)?;
        // One process builds, the others wait for it.
        let lock = File::create(cache.join("lock"))?;
        lock.lock()?;
        if !directory.exists() {
            recipe.build(self, &source, &directory)?;
        }
        Ok(directory)
    }
}

/// The folder `test` of the repository that cargo runs us in, or else of the one around the current directory. Not a path
/// fixed at compile time: clones that share a target directory share what was compiled.
pub(crate) fn test_folder() -> Result<PathBuf> {
    let start = match env::var_os("CARGO_MANIFEST_DIR") {
        Some(package) => PathBuf::from(package),
        None => env::current_dir().context("cannot tell the current directory")?,
    };
    let found = start.ancestors().map(|folder| folder.join("test")).find(|test| test.join("kube/go.mod").is_file());
    found.with_context(|| format!("no folder around {} has test/kube: run this through cargo", start.display()))
}

/// One way to build a module.
struct Recipe {
    key: String,
    version: String,
    linker_flags: String,
}

impl Recipe {
    fn read(module: &GoModule, source: &Path) -> Result<Self> {
        let mut sources = Vec::new();
        for name in module.sources {
            let path = source.join(name);
            sources.push(fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?);
        }
        let module_file = fs::read_to_string(source.join("go.mod"))?;
        let version = required_version(&module_file, module.version_of)
            .with_context(|| format!("test/{}/go.mod does not require {}", module.name, module.version_of))?;
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

    fn build(&self, module: &GoModule, source: &Path, directory: &Path) -> Result<()> {
        eprintln!(
            "building {} {} from {} ({}, once; then it is kept in {})",
            module.version_of,
            self.version,
            source.display(),
            module.takes,
            directory.display()
        );
        let partial = directory.with_extension("partial");
        match fs::remove_dir_all(&partial) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => fs::create_dir_all(&partial)?,
        }
        let status = Command::new("go")
            .args(["build", "-trimpath", "-tags", TAGS, "-ldflags", &self.linker_flags, "-o"])
            .arg(partial.join(module.name))
            .arg(".")
            .current_dir(source)
            .envs([("CGO_ENABLED", "0"), ("GOFLAGS", "-mod=readonly"), ("GOWORK", "off")])
            .status()
            .context("cannot start go")?;
        if !status.success() {
            bail!("go build in {} failed: {status}", source.display());
        }
        for program in module.programs {
            symlink(module.name, partial.join(program))?;
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
/// Kubernetes' libraries are v0.X.Y in Kubernetes v1.X.Y.
fn linker_flags(version: &str) -> Result<String> {
    let mut numbers = version.trim_start_matches('v').splitn(3, '.');
    let (Some(_), Some(minor), Some(patch)) = (numbers.next(), numbers.next(), numbers.next()) else {
        bail!("{version:?} is not a Kubernetes version");
    };
    let package = "k8s.io/component-base/version";
    let version = format!("v1.{minor}.{patch}");
    Ok(format!(
        "-s -w -X {package}.gitVersion={version} -X {package}.gitMajor=1 -X {package}.gitMinor={minor} \
         -X {package}.gitTreeState=clean -X k8s.io/client-go/pkg/version.gitVersion={version}"
    ))
}

fn go_version() -> Result<Vec<u8>> {
    let output = Command::new("go").args(["env", "GOVERSION", "GOOS", "GOARCH"]).output();
    match output {
        Ok(output) if output.status.success() => Ok(output.stdout),
        Ok(output) => bail!("go env: {}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim()),
        Err(error) => bail!(
            "Go is needed to build the programs that tests use, and `go` cannot be started: {error} \
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
        for version in ["v1.36.3", "v0.36.3"] {
            let flags = linker_flags(version).unwrap();
            for part in [".gitVersion=v1.36.3 ", ".gitMajor=1 ", ".gitMinor=36 "] {
                assert!(flags.contains(part), "{flags}");
            }
        }
        assert!(linker_flags("master").is_err());
    }
}
