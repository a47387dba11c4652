//! `weir user`: registers people who log in.

use anyhow::{Result, bail};
use store::control::{User, UserRole as StoredRole};

use crate::cli::{UserAddArgs, UserCommand, UserRole};
use crate::wiring::{self, House};

/// Shortest password that is taken; length is what counts (NCSC guidance: three random words).
const PASSWORD_LENGTH_MIN: usize = 12;

/// Runs the command.
pub async fn run(command: UserCommand) -> Result<()> {
    let UserCommand::Add(arguments) = command;
    let house = House::open(super::config(&arguments.store)?).await?;
    let mut password = String::new();
    std::io::stdin().read_line(&mut password)?;
    register(&house, &arguments, password.trim_end_matches(['\r', '\n'])).await?;
    crate::out(&format!("user {} is registered\n", arguments.name));
    Ok(())
}

/// Checks a login and keeps it.
pub async fn register(house: &House, arguments: &UserAddArgs, password: &str) -> Result<()> {
    if password.chars().count() < PASSWORD_LENGTH_MIN {
        bail!(
            "the password needs {PASSWORD_LENGTH_MIN} characters or more; give it as the first line of standard input"
        );
    }
    let salt = wiring::random();
    let user = User {
        name: arguments.name.clone(),
        password_hash: smart::password_hash(password, salt.get(..16).unwrap_or_default())?,
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
    house.store.control().put_user(&user).await?;
    Ok(())
}
