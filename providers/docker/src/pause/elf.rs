//! A static ELF executable (System V ABI, "Object files") with one segment: header and code.

use super::assembler;

const BASE: u64 = 0x40_0000;
const HEADERS: usize = 64 + 56;
const MACHINE_X86_64: u16 = 62;
const MACHINE_AARCH64: u16 = 183;

/// The pause program for a processor, as Docker or Go names it.
pub(super) fn program(architecture: &str) -> Option<Vec<u8>> {
    match architecture {
        "x86_64" | "amd64" => Some(executable(MACHINE_X86_64, &assembler::x86_64())),
        "aarch64" | "arm64" => Some(executable(MACHINE_AARCH64, &assembler::aarch64())),
        _ => None,
    }
}

fn executable(machine: u16, code: &[u8]) -> Vec<u8> {
    let size = (HEADERS + code.len()) as u64;
    let mut file = Vec::with_capacity(HEADERS + code.len());
    // e_ident: 64 bits, little-endian, version 1, System V.
    file.extend([0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    half(&mut file, 2); // e_type: executable
    half(&mut file, machine);
    word(&mut file, 1); // e_version
    long(&mut file, BASE + HEADERS as u64); // e_entry
    long(&mut file, 64); // e_phoff
    long(&mut file, 0); // e_shoff
    word(&mut file, 0); // e_flags
    half(&mut file, 64); // e_ehsize
    half(&mut file, 56); // e_phentsize
    half(&mut file, 1); // e_phnum
    half(&mut file, 64); // e_shentsize
    half(&mut file, 0); // e_shnum
    half(&mut file, 0); // e_shstrndx
    word(&mut file, 1); // p_type: load
    word(&mut file, 5); // p_flags: read, execute
    long(&mut file, 0); // p_offset
    long(&mut file, BASE); // p_vaddr
    long(&mut file, BASE); // p_paddr
    long(&mut file, size); // p_filesz
    long(&mut file, size); // p_memsz
    long(&mut file, 0x1_0000); // p_align: the largest page of either processor
    file.extend(code);
    file
}

fn half(file: &mut Vec<u8>, value: u16) {
    file.extend(value.to_le_bytes());
}

fn word(file: &mut Vec<u8>, value: u32) {
    file.extend(value.to_le_bytes());
}

fn long(file: &mut Vec<u8>, value: u64) {
    file.extend(value.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    use std::os::unix::process::ExitStatusExt as _;
    use std::process::Command;

    use nix::sys::signal::{Signal, kill};
    use nix::unistd::Pid;

    use super::*;

    /// Runs the program of this machine's own processor.
    fn run() -> (tempfile::TempDir, std::process::Child) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("pause");
        let program = program(std::env::consts::ARCH).expect("a processor that the tests run on");
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o755).open(&path).unwrap();
        file.write_all(&program).unwrap();
        drop(file);
        let child = Command::new(&path).spawn().unwrap();
        (directory, child)
    }

    #[test]
    fn it_waits_and_ends_well_on_sigterm() {
        let (_directory, mut child) = run();
        let pid = Pid::from_raw(i32::try_from(child.id()).unwrap());
        // A signal that comes before it is blocked would end the process by itself.
        while !waits_for_a_signal(child.id()) {
            assert!(child.try_wait().unwrap().is_none(), "it ended by itself");
            std::thread::yield_now();
        }
        kill(pid, Signal::SIGTERM).unwrap();
        let status = child.wait().unwrap();
        assert_eq!((status.code(), status.signal()), (Some(0), None));
    }

    /// Whether the process is in `rt_sigtimedwait`.
    fn waits_for_a_signal(pid: u32) -> bool {
        let number = if cfg!(target_arch = "x86_64") { "128" } else { "137" };
        let call = std::fs::read_to_string(format!("/proc/{pid}/syscall")).unwrap_or_default();
        call.split(' ').next() == Some(number)
    }

    #[test]
    fn it_is_small() {
        for architecture in ["x86_64", "aarch64"] {
            assert!(program(architecture).unwrap().len() < 512);
        }
    }
}
