//! FHIR packages that were installed: definitions that change at run time.
//!
//! `generation` grows with every package that comes or goes; every node watches it. `resources` holds the definitions of a package as lines of
//! JSON, compressed with zstd. `dependencies` is a JSON object of names and versions; `generation` of a package is that with which it came,
//! so that packages are laid over each other in the order in which they were installed.

crate::sql::template_migration! {"
CREATE TABLE definition_state (
    id {key},
    generation {int} NOT NULL
);

INSERT INTO definition_state (id, generation) VALUES (1, 0);

CREATE TABLE definition_package (
    name {text} NOT NULL,
    version {text} NOT NULL,
    generation {int} NOT NULL,
    installed {int} NOT NULL,
    dependencies {text} NOT NULL,
    resource_count {int} NOT NULL,
    resources {bytes} NOT NULL,
    PRIMARY KEY (name, version)
);
"}
