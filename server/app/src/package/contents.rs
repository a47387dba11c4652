//! What a package holds: its name, what it needs, its definitions.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use serde_json::Value;

use super::archive;
use super::bounds::Bounds;
use super::name::{check_name, check_version, loose_name};

/// Types of resources that come into force. SearchParameters do not: a search by one would not find what was there before.
const DEFINITIONS: [&str; 4] = ["StructureDefinition", "ValueSet", "CodeSystem", "ConceptMap"];
/// Types of resources that others are held against without being definitions.
const FORMS: [&str; 2] = ["Questionnaire", "Measure"];
/// Where the resources lie in an archive.
const FOLDER: &str = "package/";
/// The manifest of a package.
const MANIFEST: &str = "package.json";

/// A package that was read.
#[derive(Debug, Clone)]
pub struct Package {
    /// The name.
    pub name: String,
    /// The version.
    pub version: String,
    /// Names and versions of the packages that it needs.
    pub dependencies: BTreeMap<String, String>,
    /// Definitions with the files they came from.
    pub definitions: Vec<(String, Value)>,
    /// Questionnaires and Measures, which resources can be held against though they do not come into force.
    pub forms: Vec<Value>,
    /// How many other resources it holds, by type.
    pub left_aside: BTreeMap<String, u64>,
}

impl Package {
    /// `NAME@VERSION`.
    #[must_use]
    pub fn id(&self) -> String {
        format!("{}@{}", self.name, self.version)
    }

    fn of_manifest(text: &[u8]) -> Result<Package> {
        let manifest: Value = serde_json::from_slice(text)?;
        let member = |name: &str| manifest.get(name).and_then(Value::as_str).map(str::to_owned);
        let versions = manifest.get("fhirVersions").or(manifest.get("fhir-version-list")).and_then(Value::as_array);
        if let Some(versions) = versions {
            let is_r4 = |one: &Value| one.as_str().is_some_and(|one| one == "4.0" || one.starts_with("4.0."));
            ensure!(versions.iter().any(is_r4), "it is not for FHIR R4: `fhirVersions` does not name 4.0.1");
        }
        let (name, version) =
            (member("name").context("there is no `name`")?, member("version").context("there is no `version`")?);
        check_name("name", &name)?;
        check_version("version", &version)?;
        let mut dependencies = BTreeMap::new();
        for (name, version) in manifest.get("dependencies").and_then(Value::as_object).into_iter().flatten() {
            let Some(version) = version.as_str() else { continue };
            check_name("dependencies", name)?;
            check_version("dependencies", version)?;
            dependencies.insert(name.clone(), version.to_owned());
        }
        Ok(Package {
            name,
            version,
            dependencies,
            definitions: Vec::new(),
            forms: Vec::new(),
            left_aside: BTreeMap::new(),
        })
    }

    fn add(&mut self, file: &str, bytes: &[u8]) -> Result<()> {
        let resource = resource(file, bytes)?;
        let Some(type_name) = resource.get("resourceType").and_then(Value::as_str).map(str::to_owned) else {
            // Some packages hold settings of their tools beside the resources.
            return Ok(());
        };
        // The definitions of types themselves are those of R4.
        let is_logical = type_name == "StructureDefinition"
            && resource.get("derivation").and_then(Value::as_str) != Some("constraint");
        if is_logical || !DEFINITIONS.contains(&type_name.as_str()) {
            if FORMS.contains(&type_name.as_str()) {
                self.forms.push(resource);
            }
            *self.left_aside.entry(type_name).or_default() += 1;
            return Ok(());
        }
        ensure!(resource.get("url").is_some_and(Value::is_string), "there is no `url`");
        self.definitions.push((file.to_owned(), resource));
        Ok(())
    }
}

/// Reads a package archive.
pub fn read_file(packed: impl Read, named: &str) -> Result<Package> {
    let below = |name: &str| name.strip_prefix(FOLDER).map(str::to_owned);
    let is_wanted = |name: &str| below(name).is_some_and(|file| file == MANIFEST || is_definition_file(&file));
    let mut files = archive::files(packed, is_wanted).with_context(|| format!("package {named}"))?;
    let manifest = files.iter().position(|(name, _)| below(name).as_deref() == Some(MANIFEST));
    let manifest = manifest.with_context(|| format!("package {named}: there is no {FOLDER}{MANIFEST}"))?;
    let (_, manifest) = files.remove(manifest);
    let mut package =
        Package::of_manifest(&manifest).with_context(|| format!("package {named}: {FOLDER}{MANIFEST}"))?;
    for (name, bytes) in files {
        let file = archive::shown(&below(&name).unwrap_or(name));
        package.add(&file, &bytes).with_context(|| format!("package {}: {file}", package.id()))?;
    }
    Ok(package)
}

/// Reads a folder: one of a package that was unpacked, or one of loose resources, which is a package of the folder's name.
pub fn read_folder(folder: &Path) -> Result<Package> {
    let inner = folder.join("package");
    let folder = if inner.join(MANIFEST).is_file() { &inner } else { folder };
    let named = folder.display().to_string();
    let manifest = folder.join(MANIFEST);
    let is_package = manifest.is_file();
    let mut bounds = Bounds::default();
    let mut package = if is_package {
        let text = bounds.read(&manifest, MANIFEST).with_context(|| format!("package {named}"))?;
        Package::of_manifest(&text).with_context(|| format!("package {named}: {MANIFEST}"))?
    } else {
        loose(folder)?
    };
    let mut paths = Vec::new();
    files_below(folder, !is_package, &mut paths)?;
    for path in paths {
        let file = archive::shown(&path.strip_prefix(folder).unwrap_or(&path).to_string_lossy());
        if is_package && !is_definition_file(&file) {
            continue;
        }
        let bytes = bounds.read(&path, &file).with_context(|| format!("package {}", package.id()))?;
        package.add(&file, &bytes).with_context(|| format!("package {}: {file}", package.id()))?;
    }
    let what = format!("the folder {named} holds no definitions");
    ensure!(!package.definitions.is_empty(), what);
    Ok(package)
}

fn loose(folder: &Path) -> Result<Package> {
    let whole = folder.canonicalize().with_context(|| format!("read the folder {}", folder.display()))?;
    let name = whole.file_name().and_then(|name| loose_name(&name.to_string_lossy()));
    Ok(Package {
        name: name.with_context(|| format!("the folder {} has no name that a package can have", folder.display()))?,
        version: "0.0.0".to_owned(),
        dependencies: BTreeMap::new(),
        definitions: Vec::new(),
        forms: Vec::new(),
        left_aside: BTreeMap::new(),
    })
}

/// Resources lie beside the manifest; examples and what tools add lie below.
fn is_definition_file(file: &str) -> bool {
    file.ends_with(".json") && !file.contains('/') && file != MANIFEST && !file.starts_with('.')
}

fn files_below(folder: &Path, goes_deeper: bool, found: &mut Vec<std::path::PathBuf>) -> Result<()> {
    let read = || format!("read the folder {}", folder.display());
    let entries = std::fs::read_dir(folder).with_context(read)?;
    let mut paths: Vec<_> = entries.map(|entry| Ok(entry?.path())).collect::<Result<_>>().with_context(read)?;
    paths.sort();
    for path in paths {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let is_resource = name.ends_with(".json") || name.ends_with(".xml");
        if name.starts_with('.') {
            continue;
        }
        // A link may lead back.
        if path.is_dir() && goes_deeper && !path.is_symlink() {
            files_below(&path, goes_deeper, found)?;
        } else if path.is_file() && is_resource {
            found.push(path);
        }
    }
    Ok(())
}

fn resource(file: &str, bytes: &[u8]) -> Result<Value> {
    let text = std::str::from_utf8(bytes).context("it is not UTF-8")?;
    if !file.ends_with(".xml") {
        let json = fhir::Json::parse(text.trim_start_matches('\u{feff}').as_bytes())
            .map_err(|error| anyhow!("line {} column {}: {}", error.line, error.column, error.reason))?;
        return Ok(json.root().to_value());
    }
    let (json, _) = fhir::json_from_any_xml(text)
        .map_err(|error| anyhow!("line {} column {}: {}", error.line, error.column, error.reason))?;
    match serde_json::from_str(&json)? {
        Value::Object(members) => Ok(Value::Object(members)),
        _ => bail!("it is not a resource"),
    }
}
