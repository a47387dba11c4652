//! Blocks of hashed numbers and the bits that say which came back.

use bytes::Bytes;

/// Length of a hashed number.
pub(crate) const TAG_LENGTH: usize = 16;
/// Numbers in a part: 1 MiB of hashes.
const PART_MAX: usize = 65_536;

/// A hashed number.
pub(crate) type Tag = [u8; TAG_LENGTH];

/// Sorted tags as numbered parts.
pub(crate) fn parts_of(tags: &[Tag]) -> impl Iterator<Item = (i64, Bytes)> + '_ {
    (0..).zip(tags.chunks(PART_MAX).map(|chunk| Bytes::from(chunk.as_flattened().to_vec())))
}

/// A part of a request.
pub(crate) struct Part {
    /// Hashed numbers, sorted, one after the other.
    pub(crate) numbers: Bytes,
    /// One bit a number, the lowest first; empty before the answer.
    pub(crate) returned: Bytes,
}

impl Part {
    /// Whether a number is in this part, and then whether it came back.
    pub(crate) fn find(&self, tag: &Tag) -> Option<bool> {
        let place = self.place(tag)?;
        let byte = self.returned.get(place / 8).copied().unwrap_or_default();
        Some(byte & (1 << (place % 8)) != 0)
    }

    /// Marks those of the tags that are in this part as returned, and says how many are.
    pub(crate) fn mark(&mut self, tags: &[Tag]) -> usize {
        let count = self.numbers.len() / TAG_LENGTH;
        let mut bits = vec![0_u8; count.div_ceil(8)];
        let mut marked = 0;
        for place in tags.iter().filter_map(|tag| self.place(tag)) {
            if let Some(byte) = bits.get_mut(place / 8) {
                *byte |= 1 << (place % 8);
                marked += 1;
            }
        }
        self.returned = bits.into();
        marked
    }

    fn place(&self, tag: &Tag) -> Option<usize> {
        let (numbers, _) = self.numbers.as_chunks::<TAG_LENGTH>();
        numbers.binary_search(tag).ok()
    }
}
