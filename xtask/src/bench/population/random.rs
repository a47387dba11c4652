//! Numbers that look random and are the same every time: SplitMix64, <https://prng.di.unimi.it/splitmix64.c>.

/// A sequence of numbers.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    /// The sequence that a seed and a path of numbers give.
    pub(crate) fn of(seed: u64, path: &[u64]) -> Random {
        let mut random = Random(seed);
        for part in path {
            random.0 = random.next() ^ part.wrapping_mul(0x2545_f491_4f6c_dd1d);
        }
        Random(random.next())
    }

    /// The next number.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// A number below `end`; 0 when there is none.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        // Below 2^64 by the product's upper half: no division, and a bias of less than end / 2^64.
        u64::try_from((u128::from(self.next()) * u128::from(end)) >> 64).unwrap_or_default()
    }

    /// A number from `low` to `high`, both included.
    pub(crate) fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high - low + 1)
    }

    /// Whether something happens that happens so many times in a hundred.
    pub(crate) fn is_percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of a list, each as likely.
    pub(crate) fn pick<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        let place = self.below(list.len() as u64);
        at(list, place)
    }

    /// One of a list, the first ones more often: the chance falls with the place.
    pub(crate) fn pick_skewed<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        let length = list.len() as u64;
        let place = self.below(length) * self.below(length) / length.max(1);
        at(list, place)
    }
}

#[expect(
    clippy::indexing_slicing,
    reason = "the remainder is below the length, and no list of the population is empty"
)]
fn at<T>(list: &[T], place: u64) -> &T {
    &list[usize::try_from(place).unwrap_or_default() % list.len()]
}
