//! The vital-signs profiles of R4, which hold for an Observation by its code: <https://hl7.org/fhir/R4/observation-vitalsigns.html>.

use fhir::Severity;

use crate::snomed::SNOMED_CT;
use crate::walk::{Place, Walk};

const LOINC: &str = "http://loinc.org";

/// System, code and the profile that its use asks for.
const PROFILES: [(&str, &str, &str); 22] = [
    (LOINC, "85353-1", "vitalspanel"),
    (LOINC, "9279-1", "resprate"),
    (LOINC, "8867-4", "heartrate"),
    (LOINC, "2708-6", "oxygensat"),
    (LOINC, "59408-5", "oxygensat"),
    (LOINC, "8310-5", "bodytemp"),
    (LOINC, "8302-2", "bodyheight"),
    (LOINC, "9843-4", "headcircum"),
    (LOINC, "29463-7", "bodyweight"),
    (LOINC, "39156-5", "bmi"),
    (LOINC, "85354-9", "bp"),
    (LOINC, "8716-3", "vitalsigns"),
    (SNOMED_CT, "86290005", "resprate"),
    (SNOMED_CT, "364075005", "heartrate"),
    (SNOMED_CT, "103228002", "oxygensat"),
    (SNOMED_CT, "276885007", "bodytemp"),
    (SNOMED_CT, "50373000", "bodyheight"),
    (SNOMED_CT, "363812007", "headcircum"),
    (SNOMED_CT, "27113001", "bodyweight"),
    (SNOMED_CT, "60621009", "bmi"),
    (SNOMED_CT, "75367002", "bp"),
    (SNOMED_CT, "46680005", "vitalsigns"),
];

impl<'v, 'a: 'v> Walk<'v, 'a> {
    /// Holds an Observation of a vital sign against the profile of its code.
    ///
    /// Only where exactness is asked for: British records code vital signs in SNOMED CT alone, and are not refused for that.
    pub(crate) fn vital_signs(&mut self, place: Place<'_, 'a>) {
        if !self.options.exacting {
            return;
        }
        let codings = place.node.at(&["code", "coding"]).into_iter().flat_map(|list| list.items());
        let found = codings.filter_map(|coding| {
            let (system, code) = (coding.str("system")?, coding.str("code")?);
            PROFILES.iter().find(|(own, wanted, _)| *own == system && *wanted == code)
        });
        let Some((_, code, name)) = found.last() else { return };
        let url = format!("http://hl7.org/fhir/StructureDefinition/{name}");
        let Some(profile) = self.validator.profile(&url) else { return };
        self.report(Severity::Information, place, "informational", || {
            format!("held against `{url}`, which R4 asks of every Observation with the code `{code}`")
        });
        self.profile(place.node, profile, place.path);
    }
}
