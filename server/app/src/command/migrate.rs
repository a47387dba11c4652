//! `weir migrate`: opening the store brings it to this version.

use anyhow::Result;

use crate::cli::StoreArgs;
use crate::wiring::House;

/// Migrates and says so.
pub async fn run(arguments: &StoreArgs) -> Result<()> {
    let house = House::open(super::config(arguments)?).await?;
    drop(house);
    crate::out("the database is at this version\n");
    Ok(())
}
