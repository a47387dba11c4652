//! Replaces parts of a text by their offsets and leaves the rest byte for byte.

use std::ops::Range;

/// The parts to replace, in any order; they must not overlap. Parts that start together keep their order.
#[derive(Default)]
pub(crate) struct Splice {
    edits: Vec<(Range<usize>, String)>,
}

impl Splice {
    pub(crate) fn replace(&mut self, range: Range<usize>, text: String) {
        self.edits.push((range, text));
    }

    pub(crate) fn insert(&mut self, offset: usize, text: String) {
        self.edits.push((offset..offset, text));
    }

    pub(crate) fn apply(mut self, source: &str) -> Vec<u8> {
        self.edits.sort_by_key(|(range, _)| range.start);
        let added: usize = self.edits.iter().map(|(_, text)| text.len()).sum();
        let mut out = Vec::with_capacity(source.len() + added);
        let mut done = 0;
        for (range, text) in &self.edits {
            out.extend_from_slice(source.get(done..range.start).unwrap_or_default().as_bytes());
            out.extend_from_slice(text.as_bytes());
            done = range.end;
        }
        out.extend_from_slice(source.get(done..).unwrap_or_default().as_bytes());
        out
    }
}
