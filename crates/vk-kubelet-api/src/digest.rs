//! Digests that stand in memory for what should not, or need not, stand there itself.

use sha2::{Digest as _, Sha256};

/// SHA-256 of several parts, whose borders count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Digest([u8; 32]);

impl Digest {
    /// The digest of these parts in this order.
    pub(crate) fn of<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut digest = Sha256::new();
        for part in parts {
            digest.update((part.len() as u64).to_le_bytes());
            digest.update(part);
        }
        Self(digest.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn borders_between_parts_count() {
        assert_eq!(Digest::of([b"ab".as_slice(), b"c"]), Digest::of([b"ab".as_slice(), b"c"]));
        assert_ne!(Digest::of([b"ab".as_slice(), b"c"]), Digest::of([b"a".as_slice(), b"bc"]));
        assert_ne!(Digest::of([b"ab".as_slice()]), Digest::of([b"ab".as_slice(), b""]));
    }
}
