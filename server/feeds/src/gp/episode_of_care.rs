//! EpisodeOfCare: as in R4.

use super::convert::Mapping;
use super::field::{Notes, Object, repeat};

pub(super) const MAPPING: Mapping = Mapping {
    source: "EpisodeOfCare",
    target: "EpisodeOfCare",
    elements: &[
        "identifier",
        "status",
        "statusHistory",
        "type",
        "diagnosis",
        "patient",
        "managingOrganization",
        "period",
        "referralRequest",
        "careManager",
        "team",
        "account",
    ],
    required: &["status", "patient"],
    edit,
};

fn edit(object: &mut Object, _: &mut Notes) {
    repeat(object, "type");
}
