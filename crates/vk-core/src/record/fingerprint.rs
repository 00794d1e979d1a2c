//! A stable hash: the same in every process, unlike the standard library's.

/// FNV-1a with 64 bits. Good enough to notice a change, no defence against anybody.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fingerprint(u64);

impl Fingerprint {
    pub(crate) fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    /// Adds one field; the separator keeps `("ab", "c")` and `("a", "bc")` apart.
    pub(crate) fn field(mut self, bytes: &[u8]) -> Self {
        for byte in bytes.iter().chain(&[0xff]) {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
        self
    }

    pub(crate) fn finish(self) -> u64 {
        self.0
    }
}

/// The fingerprint of one value.
pub(crate) fn fingerprint_of(bytes: &[u8]) -> u64 {
    Fingerprint::new().field(bytes).finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_do_not_run_into_each_other() {
        let one = Fingerprint::new().field(b"ab").field(b"c").finish();
        let other = Fingerprint::new().field(b"a").field(b"bc").finish();
        assert_ne!(one, other);
    }
}
