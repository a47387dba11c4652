//! What must come through fhirbolt as it was written, and does not by itself: narratives, whose white space and comments it drops, and
//! numbers with an exponent, which it spells anew.
//!
//! Each stands in the text as a mark, a number that the text does not have, and is put back after.

use std::collections::HashSet;

use crate::xml_namespace::XHTML;

/// The texts that were taken out, in order.
pub(crate) struct Kept {
    /// A whole number and a point; the position of the kept text follows.
    mark: String,
    texts: Vec<String>,
}

impl Kept {
    /// Nothing kept yet of that text.
    pub(crate) fn of(text: &str) -> Self {
        // In one pass, for a text may hold very many on purpose.
        let found = text.as_bytes().windows(9).filter(|window| window.starts_with(b"7") && window.ends_with(b"."));
        let found = found.filter_map(|window| std::str::from_utf8(window.get(..8)?).ok()?.parse().ok());
        let taken: HashSet<u32> = found.collect();
        let number = (70_000_000..80_000_000).find(|number| !taken.contains(number)).unwrap_or_default();
        Self { mark: format!("{number}."), texts: Vec::new() }
    }

    /// Keeps a number and gives what stands for it.
    pub(crate) fn number(&mut self, text: &str) -> String {
        self.texts.push(text.to_owned());
        format!("{}{}", self.mark, self.texts.len() - 1)
    }

    /// Keeps a narrative and gives the `div` that stands for it.
    pub(crate) fn narrative(&mut self, text: &str) -> String {
        format!("<div xmlns=\"{XHTML}\">{}</div>", self.number(text))
    }

    /// Puts everything back; `narrative` says how it is written there. `None` when not each mark is there once: the text had one that was
    /// hidden by escapes.
    pub(crate) fn put_back(&self, text: &str, narrative: fn(&str) -> String) -> Option<String> {
        let whole = narrative(&format!("<div xmlns=\"{XHTML}\">{}</div>", self.mark));
        let (open, close) = whole.split_once(self.mark.as_str())?;
        let mut missing: Vec<Option<&str>> = self.texts.iter().map(|text| Some(text.as_str())).collect();
        let mut parts = text.split(self.mark.as_str());
        let mut out = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let length = part.bytes().take_while(u8::is_ascii_digit).count();
            let (position, mut rest) = part.split_at_checked(length)?;
            let kept = missing.get_mut(position.parse::<usize>().ok()?)?.take()?;
            match rest.strip_prefix(close).filter(|_| out.ends_with(open)) {
                Some(after) => {
                    rest = after;
                    out.truncate(out.len() - open.len());
                    out.push_str(&narrative(kept));
                }
                None => out.push_str(kept),
            }
            out.push_str(rest);
        }
        missing.iter().all(Option::is_none).then_some(out)
    }
}

/// Whether the text of a number of JSON has an exponent.
pub(crate) fn has_exponent(text: &str) -> bool {
    text.contains(['e', 'E'])
}
