//! [`StreamId`].

use std::fmt;
use std::num::NonZeroU32;

/// The number of a stream: 31 bits, never 0. Clients count odd ones, servers even ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(NonZeroU32);

impl StreamId {
    const MASK: u32 = 0x7fff_ffff;

    /// `None` for 0 and for what takes more than 31 bits.
    pub fn new(number: u32) -> Option<Self> {
        NonZeroU32::new(number).filter(|number| number.get() <= Self::MASK).map(Self)
    }

    /// From the field of a frame, whose first bit is reserved and not looked at.
    pub(crate) fn from_field(field: u32) -> Option<Self> {
        Self::new(field & Self::MASK)
    }

    /// The number.
    pub fn get(self) -> u32 {
        self.0.get()
    }

    /// Whether a client opened it.
    pub fn is_of_client(self) -> bool {
        self.get() % 2 == 1
    }

    /// The next one that the same side opens; `None` once all are used up.
    pub(crate) fn next(self) -> Option<Self> {
        self.get().checked_add(2).and_then(Self::new)
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_31_bits_and_run_out() {
        assert_eq!((StreamId::new(0), StreamId::new(1 << 31)), (None, None));
        let last = StreamId::new(0x7fff_ffff).unwrap();
        assert!(last.is_of_client());
        assert_eq!(last.next(), None);
        assert_eq!(StreamId::new(2).unwrap().next(), StreamId::new(4));
        assert_eq!(StreamId::from_field(0x8000_0003), StreamId::new(3));
    }
}
