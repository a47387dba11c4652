//! `weir package install` of archives that were made to do harm, or by mistake: refused by name, and nothing changes.

use std::io::Write as _;

use flate2::{Compression, write::GzEncoder};

use crate::place::Place;

const SET: &str = r#"{"resourceType": "ValueSet", "url": "urn:weir:set", "status": "active"}"#;

/// An entry of a tar archive: its kind, its name, the size that it says, and what it holds.
struct Entry<'e>(u8, &'e str, u64, &'e [u8]);

fn file<'e>(name: &'e str, content: &'e str) -> Entry<'e> {
    Entry(b'0', name, content.len() as u64, content.as_bytes())
}

fn manifest(name: &str, version: &str) -> String {
    serde_json::json!({"name": name, "version": version, "fhirVersions": ["4.0.1"]}).to_string()
}

fn archive(entries: &[Entry<'_>]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::none());
    for Entry(kind, name, size, content) in entries {
        let mut header = [0; 512];
        header[..name.len()].copy_from_slice(name.as_bytes());
        header[124..136].copy_from_slice(format!("{size:011o}\0").as_bytes());
        header[156] = *kind;
        header[257..263].copy_from_slice(b"ustar\0");
        packed.write_all(&header).unwrap();
        packed.write_all(content).unwrap();
        packed.write_all(&vec![0; content.len().next_multiple_of(512) - content.len()]).unwrap();
    }
    packed.write_all(&[0; 1024]).unwrap();
    packed.finish().unwrap()
}

/// Installs an archive with these entries behind a manifest; gives why it is refused.
fn refused(place: &Place, entries: &[Entry<'_>]) -> String {
    let manifest = manifest("weir.bad", "1.0.0");
    let mut all = vec![file("package/package.json", &manifest)];
    all.extend(entries.iter().map(|Entry(kind, name, size, content)| Entry(*kind, name, *size, content)));
    let path = place.file("bad.tgz", archive(&all));
    place.weir(&["package", "install", &path]).badly()
}

#[test]
fn a_package_that_is_too_large_is_refused_before_it_is_read() {
    let place = Place::sqlite();
    // Of what is said to come nothing comes: who would read on would find the archive cut short.
    let message = refused(&place, &[Entry(b'0', "package/blanks.json", 600_000_000, b"")]);
    let said = "package/blanks.json: it has 600000000 bytes, a file may have 67108864";
    assert!(message.contains("bad.tgz") && message.contains(said), "{message}");
    let blanks = vec![b' '; 60_000_000];
    let large: Vec<_> = ["a", "b", "c", "d", "e"].iter().map(|name| format!("package/{name}.json")).collect();
    let large: Vec<_> = large.iter().map(|name| Entry(b'0', name, 60_000_000, &blanks)).collect();
    let message = refused(&place, &large);
    let said = "package/e.json: with it the files have 300000";
    assert!(message.contains(said) && message.contains("a package may have 268435456"), "{message}");
    // What is not read counts too: unpacking takes its time.
    let message = refused(&place, &[Entry(b'0', "package/other/film.bin", 2_000_000_000, b"")]);
    assert!(message.contains("bad.tgz") && message.contains("unpacks to more than 1073741824 bytes"), "{message}");
    let message = refused(&place, &[Entry(b'L', "././@LongLink", 50_000_000, b"")]);
    assert!(message.contains("a name in it has more than 8192 bytes"), "{message}");
    let folder = place.file("folder/big.json", "");
    std::fs::File::options().write(true).open(&folder).unwrap().set_len(600_000_000).unwrap();
    let message = place.weir(&["package", "install", folder.trim_end_matches("/big.json")]).badly();
    assert!(message.contains("package folder@0.0.0: big.json: it has 600000000 bytes"), "{message}");
}

#[test]
fn an_archive_that_leads_elsewhere_is_refused() {
    let place = Place::sqlite();
    for name in ["package/../../etc/cron.d/x.json", "/etc/x.json", "../x.json", "package/..\\x.json"] {
        let message = refused(&place, &[file(name, SET)]);
        let shown: String = name.chars().flat_map(char::escape_debug).collect();
        assert!(message.contains(&format!("{shown} leads out of it")), "{message}");
    }
    // Links, hard and symbolic, devices, a pipe.
    for kind in *b"12346" {
        let message = refused(&place, &[Entry(kind, "package/x.json", 0, b"")]);
        assert!(message.contains("package/x.json is neither a file nor a folder"), "{message}");
    }
    let message = refused(&place, &[file("package/\u{1b}[2J.json", "{")]);
    assert!(message.contains("\\u{1b}[2J.json: line 1") && !message.contains('\u{1b}'), "{message}");
    let cut = archive(&[file("package/package.json", &manifest("weir.bad", "1.0.0")), file("package/set.json", SET)]);
    for (length, said) in [(cut.len() - 4, "cut short"), (cut.len() / 2, "cut short"), (20, "cut short")] {
        let path = place.file("cut.tgz", &cut[..length]);
        let message = place.weir(&["package", "install", &path]).badly();
        assert!(message.contains("cut.tgz") && message.contains(said), "{message}");
    }
    let noise = place.file("noise.tgz", {
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(b"no archive at all").unwrap();
        packed.finish().unwrap()
    });
    let message = place.weir(&["package", "install", &noise]).badly();
    assert!(message.contains("noise.tgz") && message.contains("no tar archive"), "{message}");
}

#[test]
fn names_may_begin_where_the_archive_was_made() {
    let place = Place::sqlite();
    let manifest = manifest("weir.dots", "1.0.0");
    let packed = archive(&[
        Entry(b'5', "./package/", 0, b""),
        file("./package/package.json", &manifest),
        file("./package/set.json", SET),
    ]);
    place.weir(&["package", "install", &place.file("dots.tgz", packed)]).well();
    let message = refused(&place, &[file("./../x.json", SET)]);
    assert!(message.contains("./../x.json leads out of it"), "{message}");
}

#[test]
fn names_and_versions_are_no_paths() {
    let place = Place::sqlite();
    let install = |manifest: &str| {
        let packed = archive(&[file("package/package.json", manifest), file("package/set.json", SET)]);
        let path = place.file("named.tgz", packed);
        place.weir(&["package", "install", &path])
    };
    let long = "a".repeat(300);
    for name in
        ["../../etc", "/etc", "a/b", "@scope/name", "..", "", "a..b", ".a", "a\u{7}b", "a b", "a\\b", "é", &long]
    {
        let message = install(&manifest(name, "1.0.0")).badly();
        assert!(message.contains("named.tgz") && message.contains("`name`"), "{name}: {message}");
        assert!(!message.contains('\u{7}') && message.len() < 600, "{message}");
    }
    for version in ["1.0/../..", "..", "", "1..0", "1.0\n", "1 0", "/1", &long] {
        let message = install(&manifest("weir.named", version)).badly();
        assert!(message.contains("named.tgz") && message.contains("`version`"), "{version}: {message}");
    }
    let needy = |name: &str, version: &str| {
        let mut manifest: serde_json::Value = serde_json::from_str(&manifest("weir.named", "1.0.0")).unwrap();
        manifest["dependencies"] = serde_json::json!({name: version});
        install(&manifest.to_string()).badly()
    };
    assert!(needy("../x", "1.0.0").contains("`dependencies`"));
    assert!(needy("x", "../1").contains("`dependencies`"));
    assert!(needy("weir.none", "1.2.x").contains("weir.none@1.2.x, which is not installed"));
    for version in ["1.0.0", "2.0.0-ballot", "2025.1.0+build-7", "current"] {
        install(&manifest("weir.Named_a-b", version)).well();
    }
    assert_eq!(place.weir(&["package", "list"]).well().lines().count(), 5);
}
