//! `weir person`: the review list, merges and their undoing.

use anyhow::{Context as _, Result};

use crate::cli::{MergeArgs, PersonCommand, StoreArgs, UnmergeArgs};
use crate::table::table;
use crate::wiring::House;

/// Recorded with a merge made by hand.
const BY_HAND: &str = "decided by hand";

/// Runs the command.
pub async fn run(command: PersonCommand) -> Result<()> {
    match command {
        PersonCommand::Reviews(arguments) => reviews(&arguments).await,
        PersonCommand::Merge(arguments) => merge(&arguments).await,
        PersonCommand::Unmerge(arguments) => unmerge(&arguments).await,
    }
}

async fn reviews(arguments: &StoreArgs) -> Result<()> {
    let house = House::open(super::config(arguments)?).await?;
    let mut rows = vec![["key", "opened", "patient", "may be", "reason"].map(str::to_owned).to_vec()];
    for review in house.store.open_reviews().await? {
        let question = review.question;
        let other = question.other_patient_id.or_else(|| question.person.map(|person| format!("person {}", person.0)));
        rows.push(vec![
            review.key.to_string(),
            question.opened.to_fhir(),
            question.patient_id,
            other.unwrap_or_default(),
            question.reason,
        ]);
    }
    crate::out(&table(&rows));
    Ok(())
}

async fn merge(arguments: &MergeArgs) -> Result<()> {
    let house = House::open(super::config(&arguments.store)?).await?;
    let person = async |id: &str| {
        let found = house.store.person_of_patient(id).await?;
        found.with_context(|| format!("there is no Patient/{id}"))
    };
    let (survivor, loser) = (person(&arguments.survivor).await?, person(&arguments.loser).await?);
    match house.store.merge_persons(survivor, loser, BY_HAND).await? {
        Some(_) => crate::out("merged; `weir person unmerge` takes it back\n"),
        None => crate::out("they are one person already\n"),
    }
    Ok(())
}

async fn unmerge(arguments: &UnmergeArgs) -> Result<()> {
    let house = House::open(super::config(&arguments.store)?).await?;
    let event = house.store.last_person_event(&arguments.patient).await?;
    let event = event.with_context(|| format!("Patient/{} was never merged or linked", arguments.patient))?;
    house.store.unmerge(event, BY_HAND).await?;
    crate::out("undone\n");
    Ok(())
}
