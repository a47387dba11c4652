//! `weir person`: the review list, merges and their undoing, erasure.

use anyhow::{Context as _, Result, bail};
use policy::{Grant, PersonKey, Task};
use serde_json::json;
use store::{NewReview, ReviewState};

use crate::cli::{DecideArgs, Decision, MergeArgs, PersonCommand, PurgeArgs, StoreArgs, UnmergeArgs};
use crate::table::table;
use crate::wiring::{self, House, operating_system_user};

/// Recorded with a merge made by hand.
const BY_HAND: &str = "decided by hand";

/// Runs the command.
pub async fn run(command: PersonCommand) -> Result<()> {
    match command {
        PersonCommand::Reviews(arguments) => reviews(&arguments).await,
        PersonCommand::Decide(arguments) => decide(&arguments).await,
        PersonCommand::Merge(arguments) => merge(&arguments).await,
        PersonCommand::Unmerge(arguments) => unmerge(&arguments).await,
        PersonCommand::Purge(arguments) => purge(&arguments).await,
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

async fn decide(arguments: &DecideArgs) -> Result<()> {
    let house = House::open(super::config(&arguments.store)?).await?;
    let reviews = house.store.open_reviews().await?;
    let review = reviews.into_iter().find(|review| review.key == arguments.key);
    let review = review.with_context(|| format!("there is no open review {}", arguments.key))?;
    let NewReview { patient_id, other_patient_id, person, .. } = review.question;
    let patients = [Some(patient_id.clone()), other_patient_id.clone()].into_iter().flatten().collect();
    let state = match arguments.decision {
        Decision::Same => ReviewState::Same,
        Decision::Different => ReviewState::Different,
    };
    let detail = json!({"review": arguments.key, "decision": format!("{state:?}").to_lowercase()});
    house.audit("person decide", patients, detail).await?;
    if state == ReviewState::Same {
        let other = match (other_patient_id, person) {
            (Some(id), _) => person_of(&house, &id).await?,
            (None, Some(person)) => person,
            (None, None) => bail!("review {} names nobody else; use `weir person merge`", arguments.key),
        };
        house.store.merge_persons(other, person_of(&house, &patient_id).await?, BY_HAND).await?;
    }
    house.store.decide_review(arguments.key, state, &operating_system_user(), wiring::now()).await?;
    crate::out(match state {
        ReviewState::Same => "they are one person now; `weir person unmerge` takes it back\n",
        _ => "they stay two persons\n",
    });
    Ok(())
}

async fn person_of(house: &House, id: &str) -> Result<PersonKey> {
    house.store.person_of_patient(id).await?.with_context(|| format!("there is no Patient/{id}"))
}

async fn merge(arguments: &MergeArgs) -> Result<()> {
    let house = House::open(super::config(&arguments.store)?).await?;
    let (survivor, loser) = (&arguments.survivor, &arguments.loser);
    if survivor == loser {
        bail!("a merge takes two records; Patient/{survivor} is given twice");
    }
    let persons = (person_of(&house, survivor).await?, person_of(&house, loser).await?);
    house.audit("person merge", vec![survivor.clone(), loser.clone()], json!({})).await?;
    let merged = house.store.merge_persons(persons.0, persons.1, BY_HAND).await?;
    close_reviews(&house, [survivor, loser]).await?;
    crate::out(match merged {
        Some(_) => "merged; `weir person unmerge` takes it back\n",
        None => "they are one person already\n",
    });
    Ok(())
}

/// What is merged by hand is no question any more.
async fn close_reviews(house: &House, pair: [&String; 2]) -> Result<()> {
    for review in house.store.open_reviews().await? {
        let asked = [Some(&review.question.patient_id), review.question.other_patient_id.as_ref()];
        if pair.iter().all(|id| asked.contains(&Some(*id))) {
            let by = operating_system_user();
            house.store.decide_review(review.key, ReviewState::Same, &by, wiring::now()).await?;
        }
    }
    Ok(())
}

async fn unmerge(arguments: &UnmergeArgs) -> Result<()> {
    let house = House::open(super::config(&arguments.store)?).await?;
    person_of(&house, &arguments.patient).await?;
    house.audit("person unmerge", vec![arguments.patient.clone()], json!({})).await?;
    if !house.ingest().unmerge(&arguments.patient, BY_HAND).await? {
        bail!("Patient/{} was never merged or linked", arguments.patient);
    }
    crate::out("undone\n");
    Ok(())
}

async fn purge(arguments: &PurgeArgs) -> Result<()> {
    let id = &arguments.patient;
    if !arguments.yes {
        bail!("this erases Patient/{id} for good; say --yes to do it");
    }
    let house = House::open(super::config(&arguments.store)?).await?;
    house.audit("person purge", vec![id.clone()], json!({})).await?;
    let grant = Grant::for_system(Task::Erase, &house.token);
    let erased = house.store.erase_patient(&grant, id).await?;
    let (resources, messages) = (erased.resources, erased.messages);
    crate::out(&format!("erased: {resources} resources with all versions, {messages} messages\n"));
    for (what, names) in [("about somebody else too", &erased.kept), ("of the same person", &erased.same_person)] {
        if !names.is_empty() {
            crate::out(&format!("still there, {what}: {}\n", names.join(", ")));
        }
    }
    if erased.messages_kept > 0 {
        crate::out(&format!("still there, messages that tell of somebody else too: {}\n", erased.messages_kept));
    }
    Ok(())
}
