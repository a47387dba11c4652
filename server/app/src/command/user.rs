//! `weir user`: registers people who log in.

use std::io::IsTerminal as _;

use anyhow::{Context as _, Result, bail};
use serde_json::json;
use store::control::{User, UserRole as StoredRole};

use crate::cli::{NamedArgs, StoreArgs, UserAddArgs, UserCommand, UserRole};
use crate::table::table;
use crate::wiring::{self, House};

/// Shortest password that is taken; length is what counts (NCSC guidance: three random words).
const PASSWORD_LENGTH_MIN: usize = 12;

/// Whom a `fhirUser` claim may name. <https://hl7.org/fhir/smart-app-launch/scopes-and-launch-context.html>
const FHIR_USERS: [&str; 4] = ["Practitioner", "PractitionerRole", "Patient", "RelatedPerson"];

/// Runs the command.
pub async fn run(command: UserCommand) -> Result<()> {
    match command {
        UserCommand::Add(arguments) => add(&arguments).await,
        UserCommand::Password(arguments) => change_password(&arguments).await,
        UserCommand::List(arguments) => list(&arguments).await,
        UserCommand::Disable(arguments) => disable(&arguments).await,
    }
}

async fn add(arguments: &UserAddArgs) -> Result<()> {
    let house = House::open(super::config(&arguments.store)?).await?;
    register(&house, arguments, &read_password()?).await?;
    crate::out(&format!("user {} is registered\n", arguments.name));
    Ok(())
}

/// Checks a login and keeps it.
pub async fn register(house: &House, arguments: &UserAddArgs, password: &str) -> Result<()> {
    let control = house.store.control();
    if control.user(&arguments.name).await?.is_some() {
        bail!("there is a user `{0}` already; `weir user password {0}` changes the password", arguments.name);
    }
    for id in &arguments.patient {
        house.store.person_of_patient(id).await?.with_context(|| format!("--patient: there is no Patient/{id}"))?;
    }
    if let Some(reference) = &arguments.fhir_user {
        let is_person = |(name, id): (&str, &str)| FHIR_USERS.contains(&name) && fhir::FhirId::parse(id).is_some();
        if !reference.split_once('/').is_some_and(is_person) {
            bail!("--fhir-user: `{reference}` is no reference to a person, as Practitioner/123");
        }
    }
    let user = User {
        name: arguments.name.clone(),
        password_hash: password_hash(password)?,
        fhir_user: arguments.fhir_user.clone(),
        role: match arguments.role {
            UserRole::Clinician => StoredRole::Clinician,
            UserRole::Patient => StoredRole::Patient,
        },
        patient_ids: arguments.patient.clone(),
        is_active: true,
        failed_attempts: 0,
        locked_until: None,
        created: wiring::now(),
    };
    house.audit("user add", arguments.patient.clone(), json!({"user": arguments.name})).await?;
    control.put_user(&user).await?;
    Ok(())
}

async fn change_password(arguments: &NamedArgs) -> Result<()> {
    let house = House::open(super::config(&arguments.store)?).await?;
    let control = house.store.control();
    let user = control.user(&arguments.name).await?.with_context(|| no_user(&arguments.name))?;
    let password_hash = password_hash(&read_password()?)?;
    house.audit("user password", Vec::new(), json!({"user": arguments.name})).await?;
    control.put_user(&User { password_hash, ..user }).await?;
    crate::out(&format!("user {} has another password\n", arguments.name));
    Ok(())
}

async fn disable(arguments: &NamedArgs) -> Result<()> {
    let house = House::open(super::config(&arguments.store)?).await?;
    house.audit("user disable", Vec::new(), json!({"user": arguments.name})).await?;
    if !house.store.control().deactivate_user(&arguments.name).await? {
        bail!("{}", no_user(&arguments.name));
    }
    crate::out(&format!("user {} is disabled\n", arguments.name));
    Ok(())
}

async fn list(arguments: &StoreArgs) -> Result<()> {
    let house = House::open(super::config(arguments)?).await?;
    let mut rows = vec![["name", "role", "patients", "state"].map(str::to_owned).to_vec()];
    for user in house.store.control().users().await? {
        let role = format!("{:?}", user.role).to_lowercase();
        rows.push(vec![user.name, role, user.patient_ids.join(" "), super::state(user.is_active)]);
    }
    crate::out(&table(&rows));
    Ok(())
}

fn no_user(name: &str) -> String {
    format!("there is no user `{name}`; `weir user list` lists them")
}

/// Asked for without echo on a terminal; else the first line of standard input.
fn read_password() -> Result<String> {
    if std::io::stdin().is_terminal() {
        return rpassword::prompt_password("password: ").context("read the password");
    }
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

fn password_hash(password: &str) -> Result<String> {
    if password.chars().count() < PASSWORD_LENGTH_MIN {
        bail!("the password needs {PASSWORD_LENGTH_MIN} characters or more; three random words do");
    }
    let salt = wiring::random();
    Ok(smart::password_hash(password, salt.get(..16).unwrap_or_default())?)
}
