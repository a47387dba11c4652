//! Encounter: a consultation. GP Connect gives no class, which R4 requires.

use super::convert::Mapping;
use super::field::{Notes, Object, objects, rename, repeat};
use crate::{coding, system};

pub(super) const MAPPING: Mapping = Mapping {
    source: "Encounter",
    target: "Encounter",
    elements: &[
        "identifier",
        "status",
        "statusHistory",
        "class",
        "classHistory",
        "type",
        "serviceType",
        "priority",
        "subject",
        "episodeOfCare",
        "basedOn",
        "participant",
        "appointment",
        "period",
        "length",
        "reasonCode",
        "reasonReference",
        "diagnosis",
        "account",
        "hospitalization",
        "location",
        "serviceProvider",
        "partOf",
    ],
    required: &["status", "class"],
    edit,
};

fn edit(object: &mut Object, _: &mut Notes) {
    rename(object, "incomingReferral", "basedOn");
    rename(object, "reason", "reasonCode");
    for name in ["type", "basedOn", "appointment", "reasonCode", "participant", "location"] {
        repeat(object, name);
    }
    for diagnosis in objects(object, "diagnosis") {
        rename(diagnosis, "role", "use");
    }
    let (code, display) = class(object);
    object.entry("class").or_insert_with(|| coding(system::ACT_CODE, code, display));
}

/// The class told by the words of the type; general practice is ambulatory where they do not say otherwise.
fn class(object: &Object) -> (&'static str, &'static str) {
    let words = object.get("type").map(|kind| kind.to_string().to_lowercase()).unwrap_or_default();
    if ["telephone", "video", "e-mail", "email", "online"].iter().any(|word| words.contains(word)) {
        ("VR", "virtual")
    } else if ["home visit", "home:"].iter().any(|word| words.contains(word)) {
        ("HH", "home health")
    } else {
        ("AMB", "ambulatory")
    }
}
