//! Walks every version of every Patient, for the numbers that people have and had.

use fhir::{Json, NHS_NUMBER_SYSTEM};
use policy::{Grant, Version};
use store::{HistoryPage, HistoryTarget, Store, StoreError};

/// Versions read at a time.
const PAGE: u32 = 500;

/// Calls `see` with every version of every Patient, the newest first.
pub(crate) async fn each_patient_version(
    store: &Store,
    grant: &Grant,
    mut see: impl FnMut(&Version) -> Result<(), StoreError> + Send,
) -> Result<(), StoreError> {
    let mut page = HistoryPage { count: PAGE, ..HistoryPage::default() };
    loop {
        let found = store.history(grant, HistoryTarget::Type("Patient".to_owned()), page.clone()).await?;
        for (version, _) in &found.versions {
            see(version)?;
        }
        match found.next {
            Some(next) => page.before_seq = Some(next),
            None => return Ok(()),
        }
    }
}

/// The NHS numbers of a Patient as they are written, good or not.
pub(crate) fn numbers_of(version: &Version, grant: &Grant) -> Result<Vec<String>, StoreError> {
    let Some(body) = version.system_body(grant).filter(|body| !body.is_empty()) else { return Ok(Vec::new()) };
    let json = Json::parse(body).map_err(|_| StoreError::Corrupt("the body of a Patient is no JSON".to_owned()))?;
    let identifiers = json.root().get("identifier").into_iter().flat_map(|list| list.items());
    let numbers = identifiers.filter(|identifier| identifier.str("system").as_deref() == Some(NHS_NUMBER_SYSTEM));
    Ok(numbers.filter_map(|identifier| identifier.str("value")).map(|value| value.into_owned()).collect())
}
