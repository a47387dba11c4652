//! The segments of one patient within a message: a PID and what follows it.

use super::syntax::{Hl7, Segment};

/// One PID group.
pub(super) struct Group<'m> {
    pub(super) pid: &'m Segment<'m>,
    /// The segments after the PID, in the order of the message.
    pub(super) segments: Vec<&'m Segment<'m>>,
}

impl<'m> Group<'m> {
    /// Cuts a message at its PIDs; segments before the first PID belong to the first group, MSH and EVN to none.
    pub(super) fn all(hl7: &'m Hl7<'m>) -> Vec<Group<'m>> {
        let mut groups: Vec<Group<'m>> = Vec::new();
        let mut early = Vec::new();
        for segment in &hl7.segments {
            match (segment.name, groups.last_mut()) {
                ("MSH" | "EVN", _) => {}
                ("PID", _) => groups.push(Group { pid: segment, segments: std::mem::take(&mut early) }),
                (_, Some(group)) => group.segments.push(segment),
                (_, None) => early.push(segment),
            }
        }
        groups
    }

    /// The first segment of this name.
    pub(super) fn first(&self, name: &str) -> Option<&'m Segment<'m>> {
        self.all_of(name).next()
    }

    /// Every segment of this name.
    pub(super) fn all_of(&self, name: &str) -> impl Iterator<Item = &'m Segment<'m>> {
        self.segments.iter().copied().filter(move |segment| segment.name == name)
    }
}
