//! `weir evidence`: what an export disclosed and withheld, for the controller.

use anyhow::{Context as _, Result};
use serde_json::json;

use crate::cli::EvidenceArgs;
use crate::table::table;
use crate::wiring::House;

/// Prints the evidence of one job.
pub async fn run(arguments: &EvidenceArgs) -> Result<()> {
    let house = House::open(super::config(&arguments.store)?).await?;
    house.audit("evidence", Vec::new(), json!({"job": arguments.job})).await?;
    let evidence = house.export().evidence(&arguments.job).await;
    let evidence = evidence.with_context(|| format!("export {}", arguments.job))?;
    let mut rows = vec![
        vec!["persons".to_owned(), "count".to_owned()],
        vec!["released".to_owned(), evidence.persons_released.to_string()],
        vec!["released without general practice data".to_owned(), evidence.without_general_practice.to_string()],
    ];
    rows.extend(
        evidence.withheld_by_rule.iter().map(|(rule, count)| vec![format!("withheld: {rule}"), count.to_string()]),
    );
    crate::out(&table(&rows));
    crate::out(&format!("\n{}\n", serde_json::to_string_pretty(&evidence)?));
    Ok(())
}
