//! A registry of packages as npm's: `GET [registry]/[name]` names the archive of each version. <https://registry.fhir.org/learn>

use anyhow::{Context as _, Result, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use outbound::{Call, Limits, Outbound};
use serde_json::Value;
use sha2::{Digest as _, Sha512};
use url::Url;

use super::contents::{Package, read_file};

/// The largest packages that are published have some 30 MB.
const ARCHIVE_BYTES_MAX: usize = 128 * 1024 * 1024;
/// They come from far away.
const TIMEOUT_MS: u64 = 120_000;

/// The registry that configuration names.
pub struct Registry {
    base: String,
    outbound: Outbound,
}

impl Registry {
    /// Sets up calls to a registry.
    pub fn new(base: &str, is_private_allowed: bool) -> Result<Registry> {
        let limits = Limits { timeout_ms: TIMEOUT_MS, body_bytes_max: ARCHIVE_BYTES_MAX, is_private_allowed };
        Ok(Registry { base: base.trim_end_matches('/').to_owned(), outbound: Outbound::new(limits)? })
    }

    /// Fetches a package; `latest` is the version that the registry calls so, `1.2.x` the highest of its kind.
    pub async fn fetch(&self, name: &str, version: &str) -> Result<Package> {
        ensure!(
            !self.base.is_empty(),
            "{name}@{version} would come from a registry, and none is configured: set outbound.package_registry"
        );
        let is_plain = |text: &str| text.chars().all(|one| one.is_ascii_alphanumeric() || "._-".contains(one));
        ensure!(is_plain(name) && is_plain(version), "`{name}@{version}` is not a package");
        let listing = self.get(&format!("{}/{name}", self.base)).await?;
        let listing: Value =
            serde_json::from_slice(&listing).with_context(|| format!("the registry's answer for {name}"))?;
        let version = version_of(&listing, version).with_context(|| format!("the registry has no {name}@{version}"))?;
        let dist = listing.get("versions").and_then(|all| all.get(&version)).and_then(|one| one.get("dist"));
        let dist = dist.with_context(|| format!("the registry names no archive of {name}@{version}"))?;
        let tarball = dist.get("tarball").and_then(Value::as_str);
        let tarball = match tarball {
            // A mirror may name its archives by paths of its own.
            Some(url) => Url::parse(&format!("{}/", self.base))?.join(url)?.to_string(),
            None => format!("{}/{name}/{version}", self.base),
        };
        let packed = self.get(&tarball).await?;
        check(&packed, dist.get("integrity").and_then(Value::as_str)).with_context(|| format!("{name}@{version}"))?;
        let package = read_file(packed.as_ref(), &format!("{name}@{version}"))?;
        ensure!(
            package.name == name && package.version == version,
            "the registry gave {} for {name}@{version}",
            package.id()
        );
        Ok(package)
    }

    async fn get(&self, url: &str) -> Result<bytes::Bytes> {
        let answer = self.outbound.send(Call::get(url)).await?;
        match answer.status {
            200 => Ok(answer.body),
            301 | 302 | 303 | 307 | 308 => bail!("the registry sends calls elsewhere; configure where it does"),
            404 => bail!("the registry does not know it"),
            status => bail!("the registry answers with status {status}"),
        }
    }
}

/// The version that a range means.
fn version_of(listing: &Value, wanted: &str) -> Option<String> {
    if wanted == "latest" {
        return listing.get("dist-tags")?.get("latest")?.as_str().map(str::to_owned);
    }
    let known = listing.get("versions")?.as_object()?.keys();
    known.filter(|one| super::in_force::fits(one, wanted)).max_by(|a, b| definitions::compare_versions(a, b)).cloned()
}

/// Holds an archive against the digest that the registry gives, where it is SHA-512.
fn check(packed: &[u8], integrity: Option<&str>) -> Result<()> {
    let wanted = integrity.into_iter().flat_map(str::split_whitespace).find_map(|one| one.strip_prefix("sha512-"));
    let Some(wanted) = wanted else { return Ok(()) };
    ensure!(
        STANDARD.encode(Sha512::digest(packed)) == wanted,
        "the archive is not the one that the registry describes"
    );
    Ok(())
}
