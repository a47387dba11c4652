//! The names of countries: <https://hl7.org/fhir/R4/valueset-iso3166-1-2.html>.

use definitions::Definitions;

/// ISO 3166-1 as a code system.
pub(crate) const COUNTRIES: &str = "urn:iso:std:iso:3166";
/// R4 lists the names in a value set; the code system itself has none there.
const NAMED: &str = "http://hl7.org/fhir/ValueSet/iso3166-1-2";

/// Gives the name of a country where the words given are that of another one.
///
/// Names change, are translated, and are mostly written shorter than ISO has them, so other words say nothing.
pub(crate) fn name_of_other<'d>(definitions: &'d Definitions, code: &str, given: &str) -> Option<&'d str> {
    let listed = definitions.value_set(NAMED)?.include.iter().flat_map(|part| &part.concepts);
    let named = || listed.clone().filter_map(|one| Some((one.code.as_str(), one.display.as_deref()?)));
    let (_, wanted) = named().find(|(own, _)| *own == code)?;
    let is_other = named().any(|(own, name)| own != code && name.eq_ignore_ascii_case(given.trim()));
    is_other.then_some(wanted)
}
