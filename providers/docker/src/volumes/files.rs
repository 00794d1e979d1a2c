//! Writes a tree of files so that it becomes visible all at once.
//!
//! As under a kubelet: the files lie in a directory of their own, `..data` is a link to it, and what a container sees is
//! links into `..data`. A new tree is a new directory and one rename of that link.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _, chown, symlink};
use std::path::{Path, PathBuf};

use vk_core::resolved::{File, FileTree};

const DATA: &str = "..data";
const NEW_DATA: &str = "..data_new";
/// Directories have to be entered by every user that may read a file in them.
const DIRECTORY_MODE: u32 = 0o755;

/// Makes a volume hold exactly these files.
pub(super) fn write(volume: &Path, tree: &FileTree) -> io::Result<()> {
    fs::create_dir_all(volume)?;
    fs::set_permissions(volume, Permissions::from_mode(DIRECTORY_MODE))?;
    chown(volume, None, tree.group)?;
    if holds(volume, tree) {
        return Ok(());
    }
    let name = new_directory(volume)?;
    let directory = volume.join(&name);
    for (path, file) in &tree.files {
        write_file(&directory, path, file, tree.group)?;
    }
    let visible: BTreeSet<&str> = tree.files.keys().filter_map(|path| path.split('/').next()).collect();
    swap(volume, &name)?;
    for name in &visible {
        let link = volume.join(name);
        if fs::symlink_metadata(&link).is_err() {
            symlink(Path::new(DATA).join(name), link)?;
        }
    }
    remove_what_is_old(volume, &name, &visible)
}

/// Whether the volume holds exactly these files already, so that watchers in containers are left in peace.
fn holds(volume: &Path, tree: &FileTree) -> bool {
    let data = volume.join(DATA);
    let mut found = 0;
    let same = tree.files.iter().all(|(path, file)| {
        let path = data.join(path);
        let mode = fs::metadata(&path).map(|metadata| metadata.permissions().mode() & 0o7777);
        found += 1;
        mode.is_ok_and(|mode| mode == file.mode) && fs::read(&path).is_ok_and(|content| content == file.content)
    });
    same && count_files(&data).is_ok_and(|count| count == found)
}

fn count_files(directory: &Path) -> io::Result<usize> {
    let mut count = 0;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        count += if entry.file_type()?.is_dir() { count_files(&entry.path())? } else { 1 };
    }
    Ok(count)
}

/// A directory that is not there yet, as `..0`, `..1`, ….
fn new_directory(volume: &Path) -> io::Result<String> {
    let mut number = 0_u64;
    loop {
        let name = format!("..{number}");
        match fs::create_dir(volume.join(&name)) {
            Ok(()) => {
                fs::set_permissions(volume.join(&name), Permissions::from_mode(DIRECTORY_MODE))?;
                return Ok(name);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
            Err(error) => return Err(error),
        }
    }
}

fn write_file(directory: &Path, path: &str, file: &File, group: Option<u32>) -> io::Result<()> {
    let path = directory.join(path);
    let mut missing: Vec<PathBuf> = Vec::new();
    let mut parent = path.parent();
    while let Some(wanted) = parent.filter(|wanted| !wanted.exists()) {
        missing.push(wanted.to_owned());
        parent = wanted.parent();
    }
    for wanted in missing.iter().rev() {
        fs::create_dir(wanted)?;
        fs::set_permissions(wanted, Permissions::from_mode(DIRECTORY_MODE))?;
        chown(wanted, None, group)?;
    }
    // Nobody else reads it before it has its owner and its mode.
    let mut handle = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    handle.write_all(&file.content)?;
    std::os::unix::fs::fchown(&handle, file.user, group)?;
    handle.set_permissions(Permissions::from_mode(file.mode))
}

/// Lets `..data` lead to another directory, in one step.
fn swap(volume: &Path, name: &str) -> io::Result<()> {
    let new = volume.join(NEW_DATA);
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    symlink(name, &new)?;
    fs::rename(&new, volume.join(DATA))
}

fn remove_what_is_old(volume: &Path, current: &str, visible: &BTreeSet<&str>) -> io::Result<()> {
    for entry in fs::read_dir(volume)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name == DATA || name == current || visible.contains(&*name) {
            continue;
        }
        if entry.file_type()?.is_dir() { fs::remove_dir_all(entry.path())? } else { fs::remove_file(entry.path())? }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str, u32)]) -> FileTree {
        let files = files.iter().map(|(path, content, mode)| {
            let file = File { content: content.as_bytes().to_vec().into(), mode: *mode, user: None };
            ((*path).to_owned(), file)
        });
        FileTree { files: files.collect(), group: None }
    }

    fn names(volume: &Path) -> BTreeSet<String> {
        let entries =
            fs::read_dir(volume).unwrap().map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
        entries.filter(|name| !name.starts_with("..")).collect()
    }

    #[test]
    fn files_lie_where_they_should_with_their_modes() {
        let root = tempfile::tempdir().unwrap();
        let volume = root.path().join("v");
        write(&volume, &tree(&[("a", "1", 0o644), ("b/c/d", "2", 0o400)])).unwrap();
        assert_eq!(fs::read_to_string(volume.join("a")).unwrap(), "1");
        assert_eq!(fs::read_to_string(volume.join("b/c/d")).unwrap(), "2");
        let mode = |path: &str| fs::metadata(volume.join(path)).unwrap().permissions().mode() & 0o7777;
        assert_eq!((mode("a"), mode("b/c/d")), (0o644, 0o400));
    }

    #[test]
    fn another_tree_takes_the_place_of_the_first_one() {
        let root = tempfile::tempdir().unwrap();
        write(root.path(), &tree(&[("a", "1", 0o644), ("gone", "1", 0o644)])).unwrap();
        let opened_before = fs::read_link(root.path().join(DATA)).unwrap();
        write(root.path(), &tree(&[("a", "2", 0o644), ("new/b", "1", 0o644)])).unwrap();
        assert_eq!(fs::read_to_string(root.path().join("a")).unwrap(), "2");
        assert_eq!(names(root.path()), ["a", "new"].map(str::to_owned).into());
        assert!(!root.path().join(opened_before).exists(), "the old directory is removed");
    }

    #[test]
    fn the_same_tree_changes_nothing() {
        let root = tempfile::tempdir().unwrap();
        let tree = tree(&[("a", "1", 0o644)]);
        write(root.path(), &tree).unwrap();
        let before = fs::read_link(root.path().join(DATA)).unwrap();
        write(root.path(), &tree).unwrap();
        assert_eq!(fs::read_link(root.path().join(DATA)).unwrap(), before);
    }

    #[test]
    fn what_a_crash_left_behind_is_in_nobodys_way() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("..0")).unwrap();
        symlink("..nowhere", root.path().join(NEW_DATA)).unwrap();
        write(root.path(), &tree(&[("a", "1", 0o644)])).unwrap();
        assert_eq!(fs::read_to_string(root.path().join("a")).unwrap(), "1");
        assert!(!root.path().join("..0").exists());
    }

    #[test]
    fn an_empty_tree_is_an_empty_volume() {
        let root = tempfile::tempdir().unwrap();
        write(root.path(), &tree(&[("a", "1", 0o644)])).unwrap();
        write(root.path(), &tree(&[])).unwrap();
        assert!(names(root.path()).is_empty());
        assert!(root.path().join(DATA).exists());
    }

    #[test]
    fn files_get_their_owners() {
        if !nix::unistd::geteuid().is_root() {
            eprintln!("SKIPPED: only root can give files away");
            return;
        }
        use std::os::unix::fs::MetadataExt as _;
        let root = tempfile::tempdir().unwrap();
        let mut tree = tree(&[("d/token", "1", 0o640)]);
        tree.group = Some(2000);
        tree.files.get_mut("d/token").unwrap().user = Some(1000);
        write(root.path(), &tree).unwrap();
        let file = fs::metadata(root.path().join("d/token")).unwrap();
        assert_eq!((file.uid(), file.gid()), (1000, 2000));
        assert_eq!(fs::metadata(root.path().join("d")).unwrap().gid(), 2000);
    }
}
