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

/// Finds messages in a stream of bytes. The CR after FS may be missing; an FS before any other byte belongs to the message. A
/// message that breaks off where another begins is not a message, and what stands between frames is none.
pub(crate) struct Frames {
    bytes: Vec<u8>,
    /// How far the bytes are known to hold no end.
    looked_at: usize,
    message_bytes_max: usize,
    has_dropped: bool,
}

impl Frames {
    pub(crate) fn new(message_bytes_max: usize) -> Frames {
        Frames { bytes: Vec::new(), looked_at: 0, message_bytes_max, has_dropped: false }
    }

    /// Takes what was read.
    pub(crate) fn push(&mut self, read: &[u8]) {
        self.bytes.extend_from_slice(read);
    }

    /// Whether a message has begun, after [`Frames::next`] has looked.
    pub(crate) fn is_open(&self) -> bool {
        !self.bytes.is_empty()
    }

    /// Whether bytes of no message were dropped since this was last asked.
    pub(crate) fn take_dropped(&mut self) -> bool {
        std::mem::take(&mut self.has_dropped)
    }

    /// The next message.
    pub(crate) fn next(&mut self) -> Frame {
        let start = self.bytes.iter().position(|byte| *byte == START).unwrap_or(self.bytes.len());
        if start > 0 {
            self.has_dropped |= self.bytes.drain(..start).any(|byte| !byte.is_ascii_whitespace());
            self.looked_at = 0;
        }
        match self.end() {
            Some(end) => {
                let mut message: Vec<u8> = self.bytes.drain(..=end).skip(1).collect();
                message.pop();
                if self.bytes.first() == Some(&AFTER_END) {
                    self.bytes.remove(0);
                }
                self.looked_at = 0;
                let begins_again = message.windows(4).rposition(|window| window == b"\x0BMSH");
                if let Some(again) = begins_again {
                    message.drain(..=again);
                    self.has_dropped = true;
                }
                if message.len() > self.message_bytes_max { Frame::TooLarge(message) } else { Frame::Message(message) }
            }
            None if self.bytes.len() <= self.message_bytes_max + 1 => {
                self.looked_at = self.bytes.len();
                Frame::Incomplete
            }
            None => {
                self.looked_at = 0;
                Frame::TooLarge(std::mem::take(&mut self.bytes).into_iter().skip(1).collect())
            }
        }
    }

    /// The place of the FS that ends the message.
    fn end(&self) -> Option<usize> {
        let is_end = |at: &usize| {
            let next = self.bytes.get(at + 1);
            self.bytes.get(*at) == Some(&END) && matches!(next, None | Some(&(AFTER_END | START | b'\n')))
        };
        (self.looked_at.max(1)..self.bytes.len()).find(is_end)
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
    fn a_message_is_not_cut_at_an_end_inside_it() {
        let mut frames = Frames::new(100);
        frames.push(b"\x0BMSH|a\x1Cb\x1C\r\x0BMSH|2\x1C\r\n");
        assert_eq!(frames.next(), Frame::Message(b"MSH|a\x1Cb".to_vec()));
        assert_eq!(frames.next(), Frame::Message(b"MSH|2".to_vec()));
        assert_eq!((frames.next(), frames.take_dropped()), (Frame::Incomplete, false));
        frames.push(b"MSH|no start\x1C\r");
        assert_eq!((frames.next(), frames.take_dropped()), (Frame::Incomplete, true));
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
        check(b"\x0BM\x0BMSH|2\x1C\r", &["MSH|2"]);
    }
}
