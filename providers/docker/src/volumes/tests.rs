use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use vk_core::ErrorKind;
use vk_core::resolved::File;

use super::tmpfs::is_mounted;
use super::*;

/// Something that mounts as if Docker ran beside it, for as long as the listener is held.
pub(super) fn seen_by_docker(directory: &Path) -> (Tmpfs, tokio::net::UnixListener) {
    let socket = directory.join("docker.sock");
    let listener = tokio::net::UnixListener::bind(&socket).unwrap();
    (Tmpfs { docker: Some(socket) }, listener)
}

fn key(pod: &str, volume: &str) -> VolumeKey {
    VolumeKey { pod: pod.into(), volume: volume.to_owned() }
}

fn secret() -> FileTree {
    let file = File { content: b"t0p".to_vec().into(), mode: 0o400, user: None };
    FileTree { files: [("key".to_owned(), file)].into(), group: None }
}

fn is_root() -> bool {
    let is_root = nix::unistd::geteuid().is_root();
    if !is_root {
        eprintln!("SKIPPED: only root can mount a file system");
    }
    is_root
}

#[tokio::test]
async fn files_lie_in_memory_until_the_last_pod_is_gone() {
    if !is_root() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let (tmpfs, _docker) = seen_by_docker(directory.path());
    let store = LocalVolumeStore::new(directory.path().join("volumes"), tmpfs.docker).unwrap();
    let files = directory.path().join("volumes/files");
    let path = store.write_files(key("a", "v"), secret()).await.unwrap();
    assert!(is_mounted(&files).unwrap());
    assert_eq!(fs::metadata(&files).unwrap().permissions().mode() & 0o7777, 0o700);
    store.write_files(key("b", "v"), secret()).await.unwrap();
    store.remove_pod("b".into()).await.unwrap();
    assert_eq!(fs::read_to_string(path.join("key")).unwrap(), "t0p");

    // Another agent finds it.
    let again = LocalVolumeStore::new(directory.path().join("volumes"), None).unwrap();
    assert_eq!(again.write_files(key("a", "v"), secret()).await.unwrap(), path);
    assert_eq!(fs::read_to_string(path.join("key")).unwrap(), "t0p");
    again.remove_pod("a".into()).await.unwrap();
    assert!(!is_mounted(&files).unwrap(), "it goes with the last pod");
    again.remove_pod("a".into()).await.unwrap();
}

#[tokio::test]
async fn writers_and_the_end_of_the_last_pod_do_not_get_into_each_others_way() {
    if !is_root() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let (tmpfs, _docker) = seen_by_docker(directory.path());
    let store = LocalVolumeStore::new(directory.path().join("volumes"), tmpfs.docker).unwrap();
    let lives = (0..16).map(|number| {
        let (store, uid) = (store.clone(), format!("pod-{number}"));
        async move {
            for _ in 0..8 {
                let path = store.write_files(key(&uid, "v"), secret()).await.unwrap();
                assert_eq!(fs::read_to_string(path.join("key")).unwrap(), "t0p");
                store.remove_pod(uid.as_str().into()).await.unwrap();
            }
        }
    });
    futures::future::join_all(lives).await;
    assert!(!is_mounted(&directory.path().join("volumes/files")).unwrap());
}

#[tokio::test]
async fn where_nothing_can_be_mounted_files_lie_on_disk_for_the_agent_alone() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("volumes");
    // No socket tells that Docker would see a mount; as root, a shared root file system would.
    let store = LocalVolumeStore::new(&root, None).unwrap();
    let path = store.write_files(key("a", "v"), secret()).await.unwrap();
    for private in [&root, &root.join("files")] {
        assert_eq!(fs::metadata(private).unwrap().permissions().mode() & 0o7777, 0o700);
    }
    assert_eq!(fs::read_to_string(path.join("key")).unwrap(), "t0p");
    store.remove_pod("a".into()).await.unwrap();
    assert!(!path.exists());
}

#[tokio::test]
async fn nothing_is_mounted_over_files_that_containers_still_see() {
    if !is_root() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("volumes");
    fs::create_dir_all(root.join("files/old/v")).unwrap();
    let (tmpfs, _docker) = seen_by_docker(directory.path());
    let store = LocalVolumeStore::new(&root, tmpfs.docker).unwrap();
    store.write_files(key("old", "v"), secret()).await.unwrap();
    assert!(!is_mounted(&root.join("files")).unwrap());
    store.remove_pod("old".into()).await.unwrap();
    store.write_files(key("new", "v"), secret()).await.unwrap();
    assert!(is_mounted(&root.join("files")).unwrap(), "tried again once they are gone");
    store.remove_pod("new".into()).await.unwrap();
}

#[tokio::test]
async fn the_agents_own_files_are_no_path_of_the_host() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("state/volumes");
    let store = LocalVolumeStore::new(&root, None).unwrap().with_host_paths_below(vec![directory.path().to_owned()]);
    let path = store.empty_dir(key("a", "v"), EmptyDir::default()).await.unwrap();
    for own in [path, root.clone(), root.join("files"), directory.path().join("state"), directory.path().to_owned()] {
        let error = store.host_path(own.clone(), String::new()).await.expect_err(&own.display().to_string());
        assert!(matches!(error.kind, ErrorKind::Invalid { .. }), "{error}");
    }
    store.host_path(directory.path().join("data"), String::new()).await.unwrap();
}
