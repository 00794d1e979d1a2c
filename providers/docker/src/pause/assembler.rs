//! The pause program in machine code: block SIGINT and SIGTERM, wait for one of them, exit with 0.
//!
//! A process that is number 1 of its PID namespace gets no signal that it does not handle; one that waits for a blocked
//! signal does.

/// SIGINT (2) and SIGTERM (15), as the kernel's signal set has them.
const SIGNALS: u64 = (1 << (2 - 1)) | (1 << (15 - 1));

/// System call numbers of x86-64: rt_sigprocmask, rt_sigtimedwait, exit_group.
const X86_64_CALLS: [u8; 3] = [14, 128, 231];

/// For x86-64.
pub(super) fn x86_64() -> Vec<u8> {
    let [mask, wait, exit] = X86_64_CALLS;
    let mut code: Vec<u8> = Vec::new();
    code.extend([0x31, 0xff]); // xor edi, edi          SIG_BLOCK
    let mask_set = lea(&mut code, 0x35); // lea rsi, [rip+set]
    code.extend([0x31, 0xd2]); // xor edx, edx          no old set
    code.extend([0x6a, 0x08, 0x41, 0x5a]); // push 8; pop r10   size of a set
    code.extend([0xb8, mask, 0, 0, 0, 0x0f, 0x05]); // mov eax, …; syscall
    let again = code.len();
    let wait_set = lea(&mut code, 0x3d); // lea rdi, [rip+set]
    code.extend([0x31, 0xf6]); // xor esi, esi          no information wanted
    code.extend([0x31, 0xd2]); // xor edx, edx          no time-out
    code.extend([0xb8, wait, 0, 0, 0, 0x0f, 0x05]);
    code.extend([0x85, 0xc0]); // test eax, eax
    let back = code.len() + 2 - again;
    code.extend([0x78, (back as u8).wrapping_neg()]); // js again          interrupted
    code.extend([0x31, 0xff]); // xor edi, edi
    code.extend([0xb8, exit, 0, 0, 0, 0x0f, 0x05]);
    let set = code.len();
    for at in [mask_set, wait_set] {
        // Relative to the end of the instruction.
        let offset = (set - (at + 4)) as u32;
        code[at..at + 4].copy_from_slice(&offset.to_le_bytes());
    }
    code.extend(SIGNALS.to_le_bytes());
    code
}

/// `lea` of an address relative to the instruction pointer; answers where the offset goes.
fn lea(code: &mut Vec<u8>, register: u8) -> usize {
    code.extend([0x48, 0x8d, register, 0, 0, 0, 0]);
    code.len() - 4
}

/// System call numbers of AArch64: rt_sigprocmask, rt_sigtimedwait, exit_group.
const AARCH64_CALLS: [u32; 3] = [135, 137, 94];

/// For AArch64.
pub(super) fn aarch64() -> Vec<u8> {
    let [mask, wait, exit] = AARCH64_CALLS;
    // The signal set lies behind the 16 instructions.
    const SET: i32 = 16 * 4;
    let instructions = [
        mov(0, 0),       // x0: SIG_BLOCK
        adr(1, SET - 4), // x1: the set
        mov(2, 0),       // x2: no old set
        mov(3, 8),       // x3: size of a set
        mov(8, mask),    // x8: the call
        SUPERVISOR_CALL,
        adr(0, SET - 24), // again: x0: the set
        mov(1, 0),        // x1: no information wanted
        mov(2, 0),        // x2: no time-out
        mov(3, 8),
        mov(8, wait),
        SUPERVISOR_CALL,
        branch_if_negative(0, -24), // to again: interrupted
        mov(0, 0),
        mov(8, exit),
        SUPERVISOR_CALL,
    ];
    let mut code: Vec<u8> = instructions.into_iter().flat_map(u32::to_le_bytes).collect();
    code.extend(SIGNALS.to_le_bytes());
    code
}

const SUPERVISOR_CALL: u32 = 0xd400_0001;

/// `mov x<register>, #value`
fn mov(register: u32, value: u32) -> u32 {
    0xd280_0000 | (value << 5) | register
}

/// `adr x<register>, .+offset`
fn adr(register: u32, offset: i32) -> u32 {
    let offset = offset as u32;
    0x1000_0000 | ((offset & 3) << 29) | (((offset >> 2) & 0x7_ffff) << 5) | register
}

/// `tbnz w<register>, #31, .+offset`
fn branch_if_negative(register: u32, offset: i32) -> u32 {
    0x3700_0000 | (31 << 19) | (((offset >> 2) as u32 & 0x3fff) << 5) | register
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instructions_are_encoded_as_the_arm_manual_says() {
        assert_eq!(mov(8, 94), 0xd280_0bc8);
        assert_eq!(adr(1, 60), 0x1000_01e1);
        assert_eq!(branch_if_negative(0, -24), 0x37ff_ff40);
    }

    #[test]
    fn the_signal_set_lies_where_the_code_looks_for_it() {
        for code in [x86_64(), aarch64()] {
            assert_eq!(code[code.len() - 8..], SIGNALS.to_le_bytes());
        }
        assert_eq!(aarch64().len(), 16 * 4 + 8);
    }
}
