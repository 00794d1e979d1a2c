//! Header compression: one zlib stream for each direction of a connection, begun with [`DICTIONARY`], each block ended
//! with a sync flush (draft 3, section 2.6.10.1).

use bytes::Bytes;
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use crate::dictionary::DICTIONARY;
use crate::error::{DecodeError, EncodeError};

/// Room that is added whenever the output is full.
const STEP: usize = 4096;

/// The window in which repetitions are looked for, as a power of two: the dictionary and a few blocks. With the largest, 15,
/// a connection that carries a handful of headers would hold a quarter of a megabyte for them.
const WINDOW_BITS: u8 = 11;

/// Deflates the blocks of one direction.
pub(crate) struct Deflater(Compress);

impl Deflater {
    pub(crate) fn new() -> Self {
        Self(Compress::new_with_window_bits(Compression::default(), true, WINDOW_BITS))
    }

    pub(crate) fn deflate(&mut self, block: &[u8]) -> Result<Vec<u8>, EncodeError> {
        if self.0.total_in() == 0 {
            self.0.set_dictionary(&DICTIONARY).map_err(|_| EncodeError::Deflate)?;
        }
        let mut output = Vec::with_capacity(block.len() / 2 + 64);
        let start = self.0.total_in();
        loop {
            let consumed = usize::try_from(self.0.total_in() - start).unwrap_or(usize::MAX);
            let rest = block.get(consumed..).unwrap_or_default();
            self.0.compress_vec(rest, &mut output, FlushCompress::Sync).map_err(|_| EncodeError::Deflate)?;
            // With room left, everything is taken and flushed.
            if output.len() < output.capacity() {
                return Ok(output);
            }
            output.reserve(STEP);
        }
    }
}

/// Inflates the blocks of one direction.
pub(crate) struct Inflater(Decompress);

impl Inflater {
    pub(crate) fn new() -> Self {
        Self(Decompress::new(true))
    }

    /// The whole of a block, if it has at most `limit` bytes. After an error the stream is of no use any more.
    pub(crate) fn inflate(&mut self, compressed: &[u8], limit: usize) -> Result<Bytes, DecodeError> {
        let mut output = Vec::with_capacity(STEP.min(limit + 1));
        let start = self.0.total_in();
        loop {
            let consumed = usize::try_from(self.0.total_in() - start).unwrap_or(usize::MAX);
            let rest = compressed.get(consumed..).unwrap_or_default();
            match self.0.decompress_vec(rest, &mut output, FlushDecompress::Sync) {
                Ok(Status::StreamEnd) => return Err(DecodeError::Inflate),
                Ok(Status::Ok | Status::BufError) => {}
                Err(error) if error.needs_dictionary().is_some() => {
                    self.0.set_dictionary(&DICTIONARY).map_err(|_| DecodeError::Inflate)?;
                    continue;
                }
                Err(_) => return Err(DecodeError::Inflate),
            }
            if output.len() > limit {
                return Err(DecodeError::HeaderBytes(limit));
            }
            if output.len() < output.capacity() {
                return Ok(output.into());
            }
            // One byte more than allowed shows that there is more.
            output.reserve(STEP.min(limit + 1 - output.len()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: usize = 64 * 1024;

    #[test]
    fn blocks_follow_one_another_in_one_stream() {
        let (mut deflater, mut inflater) = (Deflater::new(), Inflater::new());
        for length in [1, 100, 5000, LIMIT] {
            let block: Vec<u8> = (0..length).map(|index| (index * 7 % 251) as u8).collect();
            let compressed = deflater.deflate(&block).unwrap();
            assert_eq!(inflater.inflate(&compressed, LIMIT).unwrap(), block, "{length}");
        }
    }

    #[test]
    fn what_the_dictionary_has_costs_little() {
        let compressed = Deflater::new().deflate(b"\0\0\0\x0etransfer-encoding\0\0\0\x07chunked").unwrap();
        assert!(compressed.len() < 24, "{}", compressed.len());
    }

    #[test]
    fn a_bomb_is_not_unpacked() {
        let bomb = Deflater::new().deflate(&vec![0; 16 * 1024 * 1024]).unwrap();
        assert!(bomb.len() < 32 * 1024);
        assert_eq!(Inflater::new().inflate(&bomb, LIMIT), Err(DecodeError::HeaderBytes(LIMIT)));
        let edge = Deflater::new().deflate(&vec![0; LIMIT + 1]).unwrap();
        assert_eq!(Inflater::new().inflate(&edge, LIMIT), Err(DecodeError::HeaderBytes(LIMIT)));
    }

    #[test]
    fn what_zlib_did_not_write_is_an_error() {
        assert_eq!(Inflater::new().inflate(b"these are no headers", LIMIT), Err(DecodeError::Inflate));
        // The right dictionary is asked for by its sum.
        assert_eq!(Inflater::new().inflate(&[0x78, 0xbb, 1, 2, 3, 4, 0, 0], LIMIT), Err(DecodeError::Inflate));
    }
}
