//! The answer to "is this code in that value set".

/// Whether a code is in a value set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Membership {
    /// It is.
    Member,
    /// It is not.
    NotMember,
    /// It cannot be told from the definitions at hand, as for SNOMED CT without a loaded release.
    NotChecked {
        /// What is missing: a code system or a value set, by its url.
        missing: String,
    },
}

impl Membership {
    pub(crate) fn from_truth(is_member: bool) -> Self {
        if is_member { Self::Member } else { Self::NotMember }
    }

    /// Joins alternatives: a member of either is a member, and a doubt outweighs a no.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Member, _) | (_, Self::Member) => Self::Member,
            (open @ Self::NotChecked { .. }, _) | (_, open @ Self::NotChecked { .. }) => open,
            (Self::NotMember, Self::NotMember) => Self::NotMember,
        }
    }

    /// Joins conditions: a member of both is a member, and a no outweighs a doubt.
    pub(crate) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::NotMember, _) | (_, Self::NotMember) => Self::NotMember,
            (open @ Self::NotChecked { .. }, _) | (_, open @ Self::NotChecked { .. }) => open,
            (Self::Member, Self::Member) => Self::Member,
        }
    }
}
