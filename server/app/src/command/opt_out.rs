//! `weir opt-out`: the national data opt-out by files. <https://digital.nhs.uk/services/national-data-opt-out>

use anyhow::{Context as _, Result, anyhow};
use export::ExportError;
use feeds::opt_out;
use fhir::NhsNumber;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use store::StoreError;

use crate::cli::{OptOutCommand, OptOutLoadArgs, StoreArgs};
use crate::wiring::House;

/// Runs the command.
pub async fn run(command: OptOutCommand) -> Result<()> {
    match command {
        OptOutCommand::Request(arguments) => write_request(&arguments).await,
        OptOutCommand::Load(arguments) => load_files(&arguments).await,
    }
}

async fn write_request(arguments: &StoreArgs) -> Result<()> {
    let house = House::open(super::config(arguments)?).await?;
    house.audit("opt-out request", Vec::new(), json!({})).await?;
    crate::out(&request(&house).await?);
    Ok(())
}

async fn load_files(arguments: &OptOutLoadArgs) -> Result<()> {
    let read =
        |path: &std::path::Path| std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()));
    let (answer, asked) = (read(&arguments.answer)?, read(&arguments.asked)?);
    let house = House::open(super::config(&arguments.store)?).await?;
    house.audit("opt-out load", Vec::new(), json!({"request": id(&asked)})).await?;
    let (asked, returned) = load(&house, &answer, &asked).await?;
    crate::out(&format!(
        "loaded: {asked} numbers asked about, {returned} came back as not opted out, {} are withheld\n",
        asked - returned
    ));
    Ok(())
}

/// The request file for everybody in the store; that it was asked is recorded.
pub async fn request(house: &House) -> Result<String> {
    let export = house.export();
    let numbers = export.nhs_numbers().await?;
    let text = opt_out::write_request(&numbers);
    export.record_opt_out_request(&id(&text), &numbers).await?;
    Ok(text)
}

/// Loads an answer to a request; gives how many numbers were asked about and how many came back.
pub async fn load(house: &House, answer: &str, asked: &str) -> Result<(u64, u64)> {
    let returned: Vec<NhsNumber> = opt_out::parse_answer(answer).context("the answer")?;
    let request = house.export().record_opt_out_answer(&id(asked), &returned).await;
    let request = request.map_err(|error| match error {
        ExportError::Store(StoreError::NotFound(_)) => {
            anyhow!("the file given by --asked is not a request of this store that waits for an answer")
        }
        other => anyhow!(other).context("the answer is not loaded"),
    })?;
    Ok((request.asked_count, request.returned_count.unwrap_or_default()))
}

/// A request is known by the hash of its text, so that the pair of files is all that must be kept.
fn id(text: &str) -> String {
    let normalised = text.replace("\r\n", "\n");
    Sha256::digest(normalised.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}
