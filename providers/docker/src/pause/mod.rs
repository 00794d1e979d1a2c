//! The image of the sandbox container: one static program of a few hundred bytes that waits until it is told to end. It is
//! made on the spot, so that no registry is needed.

mod assembler;
mod elf;

use sha2::{Digest, Sha256};

/// The program's path in the image.
const PATH: &str = "pause";

/// The image as a file system for Docker's import, for a processor as Docker names it; `None` for one that is not known.
pub(crate) fn root_file_system(architecture: &str) -> Option<Vec<u8>> {
    let program = elf::program(architecture)?;
    let mut header = tar::Header::new_ustar();
    header.set_path(PATH).ok()?;
    header.set_size(program.len() as u64);
    header.set_mode(0o755);
    header.set_mtime(0);
    header.set_cksum();
    let mut archive = tar::Builder::new(Vec::new());
    archive.append(&header, program.as_slice()).ok()?;
    archive.into_inner().ok()
}

/// Repository and tag of the image: another content has another tag.
pub(crate) fn name(root_file_system: &[u8]) -> (String, String) {
    let digest = Sha256::digest(root_file_system);
    let tag: String = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    ("virtual-kubelet.local/pause".to_owned(), tag)
}

/// What Docker's import adds to the image.
pub(crate) fn changes() -> Vec<String> {
    vec![format!("ENTRYPOINT [\"/{PATH}\"]")]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_image_holds_the_program_and_nothing_else() {
        let image = root_file_system("x86_64").unwrap();
        let mut archive = tar::Archive::new(image.as_slice());
        let entries: Vec<_> =
            archive.entries().unwrap().map(|entry| entry.unwrap().path().unwrap().into_owned()).collect();
        assert_eq!(entries, [std::path::PathBuf::from(PATH)]);
        assert_eq!(root_file_system("s390x"), None);
        assert_ne!(name(&image), name(&root_file_system("aarch64").unwrap()));
    }
}
