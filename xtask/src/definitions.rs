//! Writes the facts of FHIR R4 as sorted lines of JSON, from the packages that HL7 publishes (CC0-1.0).
//!
//! The packages are taken through npm or from files, and must be those that are pinned here.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, anyhow, bail, ensure};
use definitions::{CodeSystemDef, ProfileDef, facts};
use flate2::read::GzDecoder;
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// A package by name and version, its SHA-256, and what is taken of it.
struct Package {
    id: &'static str,
    sha256: &'static str,
    takes: fn(&str) -> bool,
}

/// What R4 itself publishes, then HL7's own code systems as they stand today, which take the place of R4's, and its extensions, which add to
/// R4's and say where else those may stand.
const PACKAGES: [Package; 3] = [
    Package {
        id: "hl7.fhir.r4.examples@4.0.1",
        sha256: "dce87f1b5b9341867033f7d1f544fa1b5232503f6d62813887ac6b8a8b6cb682",
        takes: is_of_r4,
    },
    Package {
        id: "hl7.terminology.r4@7.0.1",
        sha256: "170c546f761fb51b3355788ca500206f6b772b21c57348c29205de85a6612baa",
        takes: is_of_v2_or_v3,
    },
    Package {
        id: "hl7.fhir.uv.extensions.r4@5.3.0-ballot-tc1",
        sha256: "54f70616bbd444ba0259d5fc5a5c978d463971865f23dcef3103081f529ad213",
        takes: is_structure,
    },
];
/// The properties of concepts that filters and readers ask for; the rest is how HL7 keeps its registers, and prose.
const PROPERTIES: [&str; 4] = ["status", "notSelectable", "abstract", "inactive"];
const BLOCK: usize = 512;
const PROFILES: &str = "profiles.ndjson";

/// The lines of each file, by the key that sorts them.
type Files = BTreeMap<&'static str, BTreeMap<String, String>>;

/// Reads the packages, from files where they are given and through npm where not, and writes the files under `server/definitions/data`.
pub(crate) fn run(root: &Path, given: &[PathBuf]) -> Result<String> {
    let given = given.iter().map(|file| fs::read(file).with_context(|| format!("cannot read {}", file.display())));
    let given: Vec<Vec<u8>> = given.collect::<Result<_>>()?;
    let mut files = Files::new();
    for package in &PACKAGES {
        let packed = match given.iter().find(|packed| digest(packed) == package.sha256) {
            Some(packed) => packed.clone(),
            None => fetch(root, package.id)?,
        };
        let digest = digest(&packed);
        ensure!(digest == package.sha256, "the package is not {}: its sha256 is {digest}", package.id);
        let mut archive = Vec::new();
        GzDecoder::new(packed.as_slice()).read_to_end(&mut archive)?;
        let mut own = Files::new();
        for (name, bytes) in entries(&archive)? {
            let name = name.strip_prefix("package/").unwrap_or(&name);
            if name.ends_with(".json") && (package.takes)(name) {
                add(bytes, &mut own).with_context(|| format!("{}: {name}", package.id))?;
            }
        }
        for (file, lines) in own {
            let known = files.entry(file).or_default();
            for (key, line) in lines {
                let line = match known.get(&key) {
                    Some(own) if file == PROFILES => with_context_of(own, &line)?,
                    // A part of a code system does not take the place of the whole.
                    Some(_) if !line.contains("\"content\":\"complete\"") => continue,
                    _ => line,
                };
                known.insert(key, line);
            }
        }
    }
    write(&root.join("server/definitions/data"), &files)
}

fn digest(packed: &[u8]) -> String {
    Sha256::digest(packed).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn is_of_r4(name: &str) -> bool {
    let wanted = ["StructureDefinition-", "SearchParameter-", "ValueSet-", "CodeSystem-", "ConceptMap-", "Compartment"];
    wanted.iter().any(|prefix| name.starts_with(prefix))
}

fn is_of_v2_or_v3(name: &str) -> bool {
    ["CodeSystem-v2-", "CodeSystem-v3-"].iter().any(|prefix| name.starts_with(prefix))
}

fn is_structure(name: &str) -> bool {
    name.starts_with("StructureDefinition-")
}

/// Gives an extension of R4 with the places that a later definition of it lets it stand in, and the rules of that on them.
fn with_context_of(own: &str, later: &str) -> Result<String> {
    let (mut own, later): (ProfileDef, ProfileDef) = (serde_json::from_str(own)?, serde_json::from_str(later)?);
    let added: Vec<_> = later.context.into_iter().filter(|context| !own.context.contains(context)).collect();
    own.context.extend(added);
    line(&ProfileDef { context_invariant: later.context_invariant, ..own })
}

fn fetch(root: &Path, package: &str) -> Result<Vec<u8>> {
    let folder = root.join("target/definitions");
    fs::create_dir_all(&folder)?;
    let output = Command::new("npm")
        .args(["pack", "--silent", package, "--pack-destination"])
        .arg(&folder)
        .output()
        .context("cannot run npm; give the packages with --package")?;
    ensure!(output.status.success(), "npm pack {package} failed: {}", String::from_utf8_lossy(&output.stderr));
    let name = PathBuf::from(String::from_utf8(output.stdout)?.trim());
    Ok(fs::read(folder.join(name))?)
}

fn add(bytes: &[u8], files: &mut Files) -> Result<()> {
    let resource: Value = serde_json::from_slice(bytes)?;
    let url = resource.get("url").and_then(Value::as_str).unwrap_or_default().to_owned();
    if is_example(&url) {
        return Ok(());
    }
    let said = |reason: String| anyhow!(reason);
    let (file, key, line) = match resource.get("resourceType").and_then(Value::as_str) {
        Some("StructureDefinition") if facts::is_type(&resource) => {
            let found = facts::type_def(&resource).map_err(said)?;
            ("types.ndjson", found.name.clone(), line(&found)?)
        }
        Some("StructureDefinition") if facts::is_profile(&resource) => {
            (PROFILES, url, line(&profile_without_prose(facts::profile(&resource).map_err(said)?))?)
        }
        Some("SearchParameter") => {
            ("search-parameters.ndjson", url, line(&facts::search_parameter(&resource).map_err(said)?)?)
        }
        Some("CompartmentDefinition") => {
            ("compartments.ndjson", url, line(&facts::compartment(&resource).map_err(said)?)?)
        }
        Some("ValueSet") => ("value-sets.ndjson", url, line(&facts::value_set(&resource).map_err(said)?)?),
        Some("CodeSystem") => {
            ("code-systems.ndjson", url, line(&without_prose(facts::code_system(&resource).map_err(said)?))?)
        }
        Some("ConceptMap") => ("concept-maps.ndjson", url, line(&facts::concept_map(&resource).map_err(said)?)?),
        _ => return Ok(()),
    };
    if files.entry(file).or_default().insert(key.clone(), line).is_some() {
        bail!("{key} is defined twice");
    }
    Ok(())
}

/// The facts of a code system: what its codes mean in sentences is left to HL7.
fn without_prose(mut system: CodeSystemDef) -> CodeSystemDef {
    for concept in &mut system.concepts {
        concept.definition = None;
        concept.properties.retain(|property| PROPERTIES.contains(&property.code.as_str()));
        // The display once more.
        let display = concept.display.clone();
        concept.designations.retain(|one| Some(&one.value) != display.as_ref() || one.language.is_some());
    }
    system
}

/// The facts of a profile: what its invariants mean in sentences is left to HL7.
fn profile_without_prose(mut profile: ProfileDef) -> ProfileDef {
    let lists = profile.differential.iter_mut().filter_map(|element| element.get_mut("constraint")?.as_array_mut());
    for constraint in lists.flatten().filter_map(Value::as_object_mut) {
        constraint.remove("human");
    }
    profile
}

/// The standard's examples of each kind of definition define nothing.
fn is_example(url: &str) -> bool {
    let name = url.rsplit('/').next().unwrap_or_default();
    name == "example" || name == "example2" || name.starts_with("example-")
}

fn line(facts: &impl Serialize) -> Result<String> {
    Ok(serde_json::to_string(facts)?)
}

fn write(folder: &Path, files: &Files) -> Result<String> {
    fs::create_dir_all(folder)?;
    let mut report = Vec::new();
    for (name, lines) in files {
        let mut text = lines.values().cloned().collect::<Vec<_>>().join("\n");
        text.push('\n');
        report.push(format!("{name}: {} lines, {} bytes", lines.len(), text.len()));
        fs::write(folder.join(name), text)?;
    }
    Ok(report.join("\n"))
}

/// Lists the files of a tar archive; npm writes the plain ustar form.
fn entries(archive: &[u8]) -> Result<Vec<(String, &[u8])>> {
    let mut found = Vec::new();
    let mut rest = archive;
    while let Some((header, after)) = rest.split_at_checked(BLOCK) {
        let text = |from: usize, to: usize| {
            let field = header.get(from..to).unwrap_or_default();
            let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
            String::from_utf8_lossy(field.get(..end).unwrap_or_default()).trim().to_owned()
        };
        let name = text(0, 100);
        if name.is_empty() {
            break;
        }
        let size = usize::from_str_radix(&text(124, 136), 8).context("a tar header has no size")?;
        let (bytes, _) = after.split_at_checked(size).context("the tar archive is cut short")?;
        let prefix = text(345, 500);
        found.push((if prefix.is_empty() { name } else { format!("{prefix}/{name}") }, bytes));
        rest = after.get(size.next_multiple_of(BLOCK)..).unwrap_or_default();
    }
    Ok(found)
}
