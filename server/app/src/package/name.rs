//! Names and versions of packages. <https://confluence.hl7.org/display/FHIR/NPM+Package+Specification>

use anyhow::{Result, ensure};

use super::archive::shown;

/// As npm has it.
const NAME_LENGTH_MAX: usize = 214;
const VERSION_LENGTH_MAX: usize = 64;

/// Refuses what is no name: parts of letters, digits, `-` and `_`, joined by dots. The specification wants no npm scope (`@scope/name`) and
/// lower case; the latter not all keep to.
pub(super) fn check_name(member: &str, name: &str) -> Result<()> {
    let is_name = name.len() <= NAME_LENGTH_MAX && name.split('.').all(|part| is_part(part, "-_"));
    let message = "no name of a package: it has letters, digits, `-` and `_` in parts joined by dots, and no scope";
    ensure!(is_name, "`{member}`: `{}` is {message}", shown(name));
    Ok(())
}

/// Refuses what is no version, nor one that a dependency may name, as `1.2.x`, `latest` or `*`.
pub(super) fn check_version(member: &str, version: &str) -> Result<()> {
    let is_version = version.len() <= VERSION_LENGTH_MAX && version.split('.').all(|part| is_part(part, "-_+*^~"));
    let message = "no version: it has letters, digits, `-`, `_` and `+` in parts joined by dots";
    ensure!(is_version, "`{member}`: `{}` is {message}", shown(version));
    Ok(())
}

/// The name for loose resources by their folder's.
pub(super) fn loose_name(folder: &str) -> Option<String> {
    let plain = |letter: char| if letter.is_ascii_alphanumeric() || "-_.".contains(letter) { letter } else { '-' };
    let name: String = folder.to_lowercase().chars().map(plain).collect();
    let parts: Vec<&str> = name.split('.').filter(|part| !part.is_empty()).collect();
    (!parts.is_empty()).then(|| parts.join("."))
}

fn is_part(part: &str, others: &str) -> bool {
    !part.is_empty() && part.chars().all(|letter| letter.is_ascii_alphanumeric() || others.contains(letter))
}
