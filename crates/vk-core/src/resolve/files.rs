//! Builds the [`FileTree`] of a volume: paths, modes and owners.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use bytes::Bytes;
use k8s_openapi::api::core::v1::{KeyToPath, Pod};

use super::container::containers;
use super::error::ResolveError;
use crate::resolved::{File, FileTree};

/// Mode of a file where nothing else is said.
const DEFAULT_MODE: i32 = 0o644;
/// Mode of a token that belongs to a user or a group.
const TOKEN_MODE: u32 = 0o600;
/// What `fsGroup` adds to every file of a read-only volume.
const GROUP_READS: u32 = 0o440;

const MAX_PATH_BYTES: usize = 4096;
const MAX_NAME_BYTES: usize = 255;

/// A tree while it is being filled.
pub(super) struct FileTreeBuilder {
    files: BTreeMap<String, File>,
    default_mode: u32,
    owners: Owners,
}

/// Who owns the files of a pod's volumes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Owners {
    /// `fsGroup`
    group: Option<u32>,
    /// The user that all containers of the pod run as, if that is one and the same.
    user: Option<u32>,
}

impl FileTreeBuilder {
    /// An empty tree; `path` is that of the volume source.
    pub(super) fn new(pod: &Pod, default_mode: Option<i32>, path: &str) -> Result<Self, ResolveError> {
        let default_mode = mode(default_mode.unwrap_or(DEFAULT_MODE), &format!("{path}.defaultMode"))?;
        Ok(Self { files: BTreeMap::new(), default_mode, owners: owners(pod)? })
    }

    /// Adds a file, which takes the place of an earlier one; `field` is the path of the field that names it.
    pub(super) fn add(
        &mut self,
        path: &str,
        content: Bytes,
        mode_bits: Option<i32>,
        field: &str,
    ) -> Result<(), ResolveError> {
        let mode = mode_bits.map_or(Ok(self.default_mode), |bits| mode(bits, field))?;
        self.insert(path, File { content, mode, user: None }, field)
    }

    /// Adds a token: readable by all, unless the pod says whom it belongs to.
    pub(super) fn add_token(&mut self, path: &str, token: Bytes, field: &str) -> Result<(), ResolveError> {
        let Owners { group, user } = self.owners;
        let mode = if group.is_some() || user.is_some() { TOKEN_MODE } else { self.default_mode };
        self.insert(path, File { content: token, mode, user }, field)
    }

    /// Adds the keys of a ConfigMap or Secret: all of them, or the chosen ones. Returns a chosen key that does not exist.
    pub(super) fn add_keys<'k>(
        &mut self,
        keys: impl Fn(&str) -> Option<Bytes>,
        names: impl Iterator<Item = &'k String>,
        items: &'k [KeyToPath],
        field: &str,
    ) -> Result<Vec<&'k str>, ResolveError> {
        if items.is_empty() {
            for name in names {
                self.add(name, keys(name).unwrap_or_default(), None, field)?;
            }
        }
        let mut missing = Vec::new();
        for (index, item) in items.iter().enumerate() {
            match keys(&item.key) {
                Some(content) => self.add(&item.path, content, item.mode, &format!("{field}.items[{index}]"))?,
                None => missing.push(item.key.as_str()),
            }
        }
        Ok(missing)
    }

    /// The tree, once no file stands where another one needs a directory; `field` is the path of the volume source.
    pub(super) fn finish(mut self, field: &str) -> Result<FileTree, ResolveError> {
        for path in self.files.keys() {
            let mut directories = path.match_indices('/').map(|(end, _)| &path[..end]);
            if let Some(file) = directories.find(|directory| self.files.contains_key(*directory)) {
                return Err(ResolveError::unfit(field, format!("{file:?} is a file and cannot contain {path:?}")));
            }
        }
        if self.owners.group.is_some() {
            self.files.values_mut().for_each(|file| file.mode |= GROUP_READS);
        }
        Ok(FileTree { files: self.files, group: self.owners.group })
    }

    fn insert(&mut self, path: &str, file: File, field: &str) -> Result<(), ResolveError> {
        let path = clean_path(path).map_err(|message| ResolveError::invalid(field, message))?;
        self.files.insert(path, file);
        Ok(())
    }
}

/// A relative path without `.`, `..` and doubled slashes. Names that begin with `..` at the top are those of the writer.
fn clean_path(path: &str) -> Result<String, String> {
    if path.starts_with('/') {
        return Err(format!("path {path:?} is absolute; it has to be relative to the volume"));
    }
    if path.len() > MAX_PATH_BYTES {
        return Err(format!("a path of {} bytes is longer than {MAX_PATH_BYTES}", path.len()));
    }
    let names: Vec<&str> = path.split('/').filter(|name| !matches!(*name, "" | ".")).collect();
    let Some(first) = names.first() else {
        return Err(format!("path {path:?} names no file"));
    };
    if first.starts_with("..") || names.contains(&"..") {
        return Err(format!("path {path:?} contains or begins with \"..\""));
    }
    if path.contains('\0') || names.iter().any(|name| name.len() > MAX_NAME_BYTES) {
        return Err(format!("path {path:?} contains NUL or a name longer than {MAX_NAME_BYTES} bytes"));
    }
    Ok(names.join("/"))
}

fn mode(bits: i32, field: &str) -> Result<u32, ResolveError> {
    let mode = u32::try_from(bits).ok().filter(|mode| *mode <= 0o777);
    mode.ok_or_else(|| ResolveError::invalid(field, format!("mode {bits} is not between 0 and 0777 (511)")))
}

fn owners(pod: &Pod) -> Result<Owners, ResolveError> {
    let security_context = pod.spec.as_ref().and_then(|spec| spec.security_context.as_ref());
    let id = |id: Option<i64>, field: &str| {
        let invalid = |_| ResolveError::invalid(format!("spec.securityContext.{field}"), "not a user or group id");
        id.map(u32::try_from).transpose().map_err(invalid)
    };
    let pod_user = security_context.and_then(|context| context.run_as_user);
    let mut users =
        containers(pod).map(|container| container.security_context.and_then(|c| c.run_as_user).or(pod_user));
    let first = users.next().flatten();
    let common = first.filter(|first| users.all(|user| user == Some(*first)));
    Ok(Owners {
        group: id(security_context.and_then(|context| context.fs_group), "fsGroup")?,
        user: id(common, "runAsUser")?,
    })
}
