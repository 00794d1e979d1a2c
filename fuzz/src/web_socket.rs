//! What a client writes into a WebSocket.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use vk_streaming::Encoding;

const BINARY: u8 = 0x82;
const TEXT: u8 = 0x81;
const MASK: [u8; 4] = [0x12, 0x34, 0x56, 0x78];

/// A message on a channel; base64 knows ten of them.
pub fn message(encoding: Encoding, channel: u8, payload: &[u8]) -> Vec<u8> {
    match encoding {
        Encoding::Binary => binary(&[&[channel], payload].concat()),
        Encoding::Base64 => frame(TEXT, true, format!("{}{}", channel % 10, STANDARD.encode(payload)).as_bytes()),
    }
}

/// A binary message.
pub fn binary(payload: &[u8]) -> Vec<u8> {
    frame(BINARY, true, payload)
}

/// RFC 6455, section 5.2.
pub fn frame(head: u8, is_masked: bool, payload: &[u8]) -> Vec<u8> {
    let mask_bit = if is_masked { 0x80 } else { 0 };
    let mut bytes = vec![head];
    match payload.len() {
        length @ ..126 => bytes.push(mask_bit | length as u8),
        length @ ..0x1_0000 => {
            bytes.push(mask_bit | 126);
            bytes.extend((length as u16).to_be_bytes());
        }
        length => {
            bytes.push(mask_bit | 127);
            bytes.extend((length as u64).to_be_bytes());
        }
    }
    if is_masked {
        bytes.extend(MASK);
        bytes.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    } else {
        bytes.extend(payload);
    }
    bytes
}
