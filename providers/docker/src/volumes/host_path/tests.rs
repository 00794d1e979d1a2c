use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;

use super::*;

/// A directory `allowed`, and beside it `outside` with a file `secret`.
struct Host {
    root: tempfile::TempDir,
}

impl Host {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        for name in ["allowed", "outside"] {
            fs::create_dir(root.path().join(name)).unwrap();
        }
        fs::write(root.path().join("outside/secret"), "x").unwrap();
        Self { root }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    fn paths(&self) -> HostPaths {
        HostPaths::below(vec![self.path("allowed")])
    }

    fn resolve(&self, path: &str, kind: &str) -> Result<PathBuf> {
        self.paths().resolve(&self.path(path), kind)
    }

    fn refusal(&self, path: &str, kind: &str) -> String {
        self.resolve(path, kind).expect_err(path).message
    }
}

#[test]
fn host_paths_are_what_the_pod_says_they_are() {
    let host = Host::new();
    fs::write(host.path("allowed/file"), "x").unwrap();
    let _socket = UnixListener::bind(host.path("allowed/socket")).unwrap();
    for (path, kind, fits) in [
        ("allowed", "Directory", true),
        ("allowed", "File", false),
        ("allowed/file", "File", true),
        ("allowed/file", "FileOrCreate", true),
        ("allowed/file", "Directory", false),
        ("allowed/file", "DirectoryOrCreate", false),
        ("allowed/file", "", true),
        ("allowed/file/below", "", false),
        ("allowed/socket", "Socket", true),
        ("allowed/socket", "CharDevice", false),
        ("allowed/socket", "BlockDevice", false),
        ("allowed/missing", "Directory", false),
        ("allowed/missing", "File", false),
        ("allowed/missing", "Socket", false),
        ("allowed/missing/file", "FileOrCreate", false),
        ("allowed/file", "Nonsense", false),
    ] {
        assert_eq!(host.resolve(path, kind).is_ok(), fits, "{path} {kind}");
    }
    assert!(!host.path("allowed/missing").exists(), "what is refused leaves nothing behind");
}

#[test]
fn what_is_to_be_made_is_made_once() {
    let host = Host::new();
    for (path, kind) in
        [("allowed/a/b", "DirectoryOrCreate"), ("allowed/by/default", ""), ("allowed/a/file", "FileOrCreate")]
    {
        assert_eq!(host.resolve(path, kind).unwrap(), fs::canonicalize(host.path(path)).unwrap());
        assert_eq!(host.resolve(path, kind).unwrap(), fs::canonicalize(host.path(path)).unwrap());
    }
    let mode = |path: &str| fs::metadata(host.path(path)).unwrap().permissions().mode() & 0o7777;
    assert_eq!((mode("allowed/a"), mode("allowed/a/b"), mode("allowed/a/file")), (0o755, 0o755, 0o644));
}

#[test]
fn no_link_leads_out_of_the_prefixes() {
    let host = Host::new();
    symlink(host.path("outside"), host.path("allowed/absolute")).unwrap();
    symlink("../outside", host.path("allowed/relative")).unwrap();
    symlink(host.path("outside/new"), host.path("allowed/dangling")).unwrap();
    for path in ["allowed/absolute", "allowed/relative", "allowed/absolute/secret", "allowed/relative/new/directory"] {
        let refusal = host.refusal(path, "");
        assert!(refusal.contains("leads to") && refusal.contains("outside"), "{refusal}");
    }
    for kind in ["", "DirectoryOrCreate", "FileOrCreate"] {
        host.refusal("allowed/dangling", kind);
        host.refusal("allowed/dangling/below", kind);
    }
    let outside: Vec<_> = fs::read_dir(host.path("outside")).unwrap().collect();
    assert_eq!(outside.len(), 1, "nothing was made there");
}

#[test]
fn a_link_that_stays_below_is_followed_and_what_it_leads_to_is_mounted() {
    let host = Host::new();
    fs::create_dir(host.path("allowed/version-2")).unwrap();
    symlink("version-2", host.path("allowed/current")).unwrap();
    let expected = fs::canonicalize(host.path("allowed/version-2")).unwrap();
    assert_eq!(host.resolve("allowed/current", "Directory").unwrap(), expected);
    assert_eq!(host.resolve("allowed/current/new", "").unwrap(), expected.join("new"));
}

#[test]
fn only_the_configured_directories_count() {
    let host = Host::new();
    fs::create_dir(host.path("allowed-too")).unwrap();
    for path in ["outside", "allowed-too", "", "allowed/../outside"] {
        host.refusal(path, "");
    }
    assert!(host.paths().resolve(Path::new("allowed"), "").is_err(), "relative");
    assert!(HostPaths::default().resolve(&host.path("allowed"), "").is_err(), "none is configured");
    assert_eq!(host.resolve("allowed//./", "").unwrap(), fs::canonicalize(host.path("allowed")).unwrap());
}

#[test]
fn a_prefix_may_be_a_link_and_has_to_be_there() {
    let host = Host::new();
    symlink(host.path("outside"), host.path("link")).unwrap();
    let real = fs::canonicalize(host.path("outside/secret")).unwrap();
    let paths = HostPaths::below(vec![host.path("link"), host.path("missing")]);
    assert_eq!(paths.resolve(&host.path("link/secret"), "File").unwrap(), real);
    let refusal = paths.resolve(&host.path("missing/x"), "").unwrap_err().message;
    assert!(refusal.contains("host_path_prefixes cannot be used"), "{refusal}");
}

#[test]
fn a_link_that_takes_the_place_of_what_was_checked_is_noticed() {
    let host = Host::new();
    let real = host.resolve("allowed/data", "DirectoryOrCreate").unwrap();
    host.paths().recheck(&real).unwrap();
    host.paths().recheck(Path::new("/proc/self/cwd")).expect("paths of volumes are none of its business");
    fs::remove_dir(&real).unwrap();
    symlink(host.path("outside"), &real).unwrap();
    assert!(host.paths().recheck(&real).unwrap_err().message.contains("link"));
    fs::remove_file(&real).unwrap();
    assert!(host.paths().recheck(&real).is_err(), "it is gone");
}

#[test]
fn nothing_is_made_through_a_link_that_appears_meanwhile() {
    let host = Host::new();
    symlink(host.path("outside"), host.path("allowed/planted")).unwrap();
    // As if the link had come after the look at what exists.
    let found = fs::canonicalize(host.path("allowed")).unwrap();
    let missing = [OsStr::new("planted"), OsStr::new("new")];
    assert!(Kind::DirectoryOrCreate.make(&host.path("allowed/planted/new"), &found, &missing).is_err());
    let planted = found.join("planted");
    assert!(Kind::FileOrCreate.make(&planted, &planted, &[OsStr::new("new")]).is_err());
    assert!(!host.path("outside/new").exists());
}
