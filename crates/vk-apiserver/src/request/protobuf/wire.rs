//! The encoding of protobuf messages (protobuf.dev, "Encoding").

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content<'message> {
    Number(u64),
    /// A text, bytes, an embedded message or an entry of a map.
    Bytes(&'message [u8]),
}

/// The fields of a message in their order: number and content. Nothing follows an unreadable one, which is `None`.
pub(super) struct Fields<'message> {
    rest: &'message [u8],
}

impl<'message> Fields<'message> {
    pub(super) fn of(message: &'message [u8]) -> Self {
        Self { rest: message }
    }

    fn read(&mut self) -> Option<(u64, Content<'message>)> {
        let tag = self.number()?;
        let content = match tag & 7 {
            0 => Content::Number(self.number()?),
            2 => {
                let length = usize::try_from(self.number()?).ok()?;
                let (bytes, rest) = self.rest.split_at_checked(length)?;
                self.rest = rest;
                Content::Bytes(bytes)
            }
            // Kubernetes has neither fixed numbers nor groups in what is read here.
            _ => return None,
        };
        Some((tag >> 3, content))
    }

    /// A number of seven bits a byte, the smallest first; the highest bit says that another byte follows.
    fn number(&mut self) -> Option<u64> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.rest.split_first()?;
            self.rest = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }
}

impl<'message> Iterator for Fields<'message> {
    type Item = Option<(u64, Content<'message>)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let read = self.read();
        if read.is_none() {
            self.rest = &[];
        }
        Some(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_bytes_are_read_and_what_is_cut_short_is_not() {
        let message = [0x08, 0x96, 0x01, 0x12, 0x02, b'h', b'i'];
        let fields: Vec<_> = Fields::of(&message).collect();
        assert_eq!(fields, [Some((1, Content::Number(150))), Some((2, Content::Bytes(b"hi")))]);
        for length in [1, 2, 4, 5, 6] {
            assert_eq!(Fields::of(&message[..length]).last(), Some(None), "{length}");
        }
        assert_eq!(
            Fields::of(&[0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]).last(),
            Some(None)
        );
    }
}
