//! Where UIDs, name suffixes and jitter come from: one seeded generator, so that the same requests give the same bytes.

use std::fmt::Write as _;

/// SplitMix64 (Steele, Lea and Flood, 2014): small, fast, and the same on every platform. Not for secrets.
#[derive(Clone, Debug)]
pub(crate) struct Entropy {
    state: u64,
}

impl Entropy {
    pub(crate) fn seeded(seed: u64) -> Self {
        Self { state: seed }
    }

    pub(crate) fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`; 0 when `bound` is 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.next_u64() % bound }
    }

    /// A UUID of version 4 (RFC 9562 §5.4), as the API server gives to each object.
    pub(crate) fn uid(&mut self) -> String {
        let high = (self.next_u64() & 0xffff_ffff_ffff_0fff) | 0x0000_0000_0000_4000;
        let low = (self.next_u64() & 0x3fff_ffff_ffff_ffff) | 0x8000_0000_0000_0000;
        format!(
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            high >> 32,
            (high >> 16) & 0xffff,
            high & 0xffff,
            low >> 48,
            low & 0xffff_ffff_ffff
        )
    }

    /// The five characters that `generateName` appends: no vowels, so that no words arise.
    pub(crate) fn name_suffix(&mut self) -> String {
        const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
        (0..5)
            .filter_map(|_| {
                let index = self.below(ALPHABET.len() as u64) as usize;
                ALPHABET.get(index).map(|byte| char::from(*byte))
            })
            .collect()
    }

    /// Hexadecimal digits, for tokens.
    pub(crate) fn hex(&mut self, words: usize) -> String {
        let mut text = String::with_capacity(words * 16);
        for _ in 0..words {
            let word = self.next_u64();
            let _ = write!(text, "{word:016x}");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_sequence_and_another_seed_another() {
        let draw = |seed| {
            let mut entropy = Entropy::seeded(seed);
            (entropy.uid(), entropy.name_suffix(), entropy.hex(2))
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }

    #[test]
    fn uids_carry_the_version_and_variant_bits() {
        let mut entropy = Entropy::seeded(1);
        for _ in 0..100 {
            let uid = entropy.uid();
            assert_eq!(uid.len(), 36);
            assert_eq!(uid.as_bytes()[14], b'4', "{uid}");
            assert!(matches!(uid.as_bytes()[19], b'8' | b'9' | b'a' | b'b'), "{uid}");
        }
    }
}
