//! [`Headers`], and the name/value block that carries them (draft 3, section 2.6.10).

use bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::error::{DecodeError, EncodeError};
use crate::limits::Limits;

/// Names and values in the order in which they were added. Names are lower case; one name may have several values.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Headers(Vec<(String, Vec<String>)>);

impl Headers {
    /// Headers of these names and values; a name that comes again gets one more value.
    pub fn from_pairs<N: Into<String>, V: Into<String>>(pairs: impl IntoIterator<Item = (N, V)>) -> Self {
        let mut headers = Self::default();
        for (name, value) in pairs {
            headers.append(name, value);
        }
        headers
    }

    /// Adds a value to a name, whose upper case letters become lower case.
    pub fn append(&mut self, name: impl Into<String>, value: impl Into<String>) {
        let name = name.into().to_ascii_lowercase();
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, values)) => values.push(value.into()),
            None => self.0.push((name, vec![value.into()])),
        }
    }

    /// The first value of a name; the case of `name` does not matter.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.get_all(name).first().map(String::as_str)
    }

    /// All values of a name; none if it is not there.
    pub fn get_all(&self, name: &str) -> &[String] {
        let found = self.0.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map_or(&[], |(_, values)| values.as_slice())
    }

    /// Every name with its values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.0.iter().map(|(name, values)| (name.as_str(), values.as_slice()))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The block as it is before compression.
    pub(crate) fn to_block(&self) -> Result<BytesMut, EncodeError> {
        let mut block = BytesMut::new();
        block.put_u32(length(self.0.len())?);
        for (name, values) in &self.0 {
            if !is_valid_name(name) {
                return Err(EncodeError::Header(name.clone()));
            }
            let value = values.join("\0");
            for text in [name, &value] {
                block.put_u32(length(text.len())?);
                block.put_slice(text.as_bytes());
            }
        }
        Ok(block)
    }

    /// Reads a block after inflation.
    pub(crate) fn from_block(mut block: Bytes, limits: &Limits) -> Result<Self, DecodeError> {
        let count = take_length(&mut block)?;
        if count > limits.header_count {
            return Err(DecodeError::HeaderCount { count, limit: limits.header_count });
        }
        let mut headers = Self(Vec::with_capacity(count));
        for _ in 0..count {
            let name = take_text(&mut block)?;
            if !is_valid_name(&name) {
                return Err(DecodeError::Headers("a name that is empty or not lower case"));
            }
            if !headers.get_all(&name).is_empty() {
                return Err(DecodeError::Headers("a name twice"));
            }
            let values = take_text(&mut block)?.split('\0').map(str::to_owned).collect();
            headers.0.push((name, values));
        }
        if block.is_empty() { Ok(headers) } else { Err(DecodeError::Headers("bytes after its end")) }
    }
}

fn is_valid_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte != 0 && !byte.is_ascii_uppercase())
}

fn length(length: usize) -> Result<u32, EncodeError> {
    u32::try_from(length).map_err(|_| EncodeError::TooLong(length))
}

fn take_length(block: &mut Bytes) -> Result<usize, DecodeError> {
    let length = block.try_get_u32().map_err(|_| DecodeError::Headers("it ends too soon"))?;
    usize::try_from(length).map_err(|_| DecodeError::Headers("it ends too soon"))
}

fn take_text(block: &mut Bytes) -> Result<String, DecodeError> {
    let length = take_length(block)?;
    if length > block.len() {
        return Err(DecodeError::Headers("it ends too soon"));
    }
    String::from_utf8(block.split_to(length).to_vec()).map_err(|_| DecodeError::Headers("text that is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(block: &[u8]) -> Result<Headers, DecodeError> {
        Headers::from_block(Bytes::copy_from_slice(block), &Limits::default())
    }

    #[test]
    fn what_is_written_is_read() {
        let headers = Headers::from_pairs([("Stream-Type", "stdin"), ("port", "80"), ("PORT", "81"), ("empty", "")]);
        assert_eq!(headers.get_all("Port"), ["80", "81"]);
        assert_eq!(headers.get("STREAM-TYPE"), Some("stdin"));
        assert_eq!(headers.get("absent"), None);
        assert_eq!(read(&headers.to_block().unwrap()).unwrap(), headers);
    }

    #[test]
    fn names_are_checked_in_both_directions() {
        assert_eq!(Headers::from_pairs([("", "x")]).to_block(), Err(EncodeError::Header(String::new())));
        assert_eq!(Headers::from_pairs([("a\0b", "x")]).to_block(), Err(EncodeError::Header("a\0b".into())));
        for name in ["", "Upper"] {
            let mut block = vec![0, 0, 0, 1, 0, 0, 0, name.len() as u8];
            block.extend(name.bytes().chain([0, 0, 0, 0]));
            assert_eq!(read(&block), Err(DecodeError::Headers("a name that is empty or not lower case")));
        }
    }

    #[test]
    fn a_block_that_lies_is_an_error() {
        let one = Headers::from_pairs([("name", "value")]).to_block().unwrap();
        for end in 0..one.len() {
            assert_eq!(read(&one[..end]), Err(DecodeError::Headers("it ends too soon")), "{end}");
        }
        let mut longer = one.to_vec();
        longer.push(0);
        assert_eq!(read(&longer), Err(DecodeError::Headers("bytes after its end")));
        let twice = [&[0, 0, 0, 2][..], &one[4..], &one[4..]].concat();
        assert_eq!(read(&twice), Err(DecodeError::Headers("a name twice")));
        let not_text = [0, 0, 0, 1, 0, 0, 0, 1, 0xff, 0, 0, 0, 0];
        assert_eq!(read(&not_text), Err(DecodeError::Headers("text that is not UTF-8")));
    }

    #[test]
    fn a_count_is_believed_only_up_to_the_limit() {
        let block = 129u32.to_be_bytes();
        assert_eq!(read(&block), Err(DecodeError::HeaderCount { count: 129, limit: 128 }));
    }
}
