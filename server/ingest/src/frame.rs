//! Frames of the minimal lower layer protocol: VT, a message, FS, CR. <https://www.hl7.org/implement/standards/product_brief.cfm?product_id=55>

const START: u8 = 0x0B;
const END: u8 = 0x1C;
const AFTER_END: u8 = b'\r';

/// What the bytes so far give.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    /// A whole message.
    Message(Vec<u8>),
    /// More bytes than a message may have; the rest of it is not looked at.
    TooLarge(Vec<u8>),
    /// Not yet.
    Incomplete,
}

/// Finds messages in a stream of bytes. What stands between frames is dropped; the CR after FS may be missing.
pub(crate) struct Frames {
    bytes: Vec<u8>,
    /// How far the bytes are known to hold no end.
    looked_at: usize,
    message_bytes_max: usize,
}

impl Frames {
    pub(crate) fn new(message_bytes_max: usize) -> Frames {
        Frames { bytes: Vec::new(), looked_at: 0, message_bytes_max }
    }

    /// Takes what was read.
    pub(crate) fn push(&mut self, read: &[u8]) {
        self.bytes.extend_from_slice(read);
    }

    /// Whether a message has begun, after [`Frames::next`] has looked.
    pub(crate) fn is_open(&self) -> bool {
        !self.bytes.is_empty()
    }

    /// The next message.
    pub(crate) fn next(&mut self) -> Frame {
        let Some(start) = self.bytes.iter().position(|byte| *byte == START) else {
            self.bytes.clear();
            self.looked_at = 0;
            return Frame::Incomplete;
        };
        if start > 0 {
            self.bytes.drain(..start);
            self.looked_at = 0;
        }
        let from = self.looked_at.max(1);
        let rest = self.bytes.get(from..).unwrap_or_default();
        match rest.iter().position(|byte| *byte == END) {
            Some(end) if from + end - 1 <= self.message_bytes_max => {
                let end = from + end;
                let message = self.bytes.get(1..end).unwrap_or_default().to_vec();
                let has_cr = self.bytes.get(end + 1) == Some(&AFTER_END);
                self.bytes.drain(..end + 1 + usize::from(has_cr));
                self.looked_at = 0;
                Frame::Message(message)
            }
            None if self.bytes.len() <= self.message_bytes_max + 1 => {
                self.looked_at = self.bytes.len();
                Frame::Incomplete
            }
            _ => {
                self.bytes.truncate(self.message_bytes_max);
                let head = self.bytes.get(1..).unwrap_or_default().to_vec();
                self.bytes.clear();
                self.looked_at = 0;
                Frame::TooLarge(head)
            }
        }
    }
}

/// A message in its frame.
pub(crate) fn framed(message: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(message.len() + 3);
    frame.push(START);
    frame.extend_from_slice(message);
    frame.extend([END, AFTER_END]);
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The messages in the bytes, whatever the pieces in which they come.
    fn check(bytes: &[u8], expected: &[&str]) {
        for size in [1, 2, 3, bytes.len()] {
            let mut frames = Frames::new(8);
            let mut found = Vec::new();
            for piece in bytes.chunks(size) {
                frames.push(piece);
                loop {
                    match frames.next() {
                        Frame::Message(message) => found.push(String::from_utf8(message).expect("text")),
                        Frame::TooLarge(_) => found.push("too large".to_owned()),
                        Frame::Incomplete => break,
                    }
                }
            }
            assert_eq!(found, expected, "{bytes:?} in pieces of {size}");
        }
    }

    #[test]
    fn frames_are_found_in_any_pieces() {
        check(b"\x0BMSH|1\x1C\r\x0BMSH|2\x1C\r", &["MSH|1", "MSH|2"]);
        check(b"\x0BMSH|1\x1C\x0BMSH|2\x1C", &["MSH|1", "MSH|2"]);
        check(b"\r\nnoise\x0BMSH|1\x1C\r", &["MSH|1"]);
        check(b"\x0BMSH|1", &[]);
        check(b"\x0B\x1C\r", &[""]);
        check(b"\x0B12345678\x1C\r", &["12345678"]);
        check(b"\x0B123456789\x1C\r", &["too large"]);
    }
}
