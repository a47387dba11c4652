//! Current resources and superseded versions, with the facts that policy needs beside the bodies.
//!
//! `patients` is a JSON list of target keys, `labels` one of `[system, code]`; the body stands last, so that reading facts
//! does not walk through it. `res_key` is the `target_key` of the resource's name (see the search index), so a reference leads to the
//! row of what it points to without its name; the name is looked up there.
//!
//! `body` is the resource as it is served but for version and time, which are columns; compressed by zstd with a dictionary of the program
//! where that makes it smaller.

crate::sql::template_migration! {"
CREATE TABLE resource (
    res_key {key},
    type {text} NOT NULL,
    id {text} NOT NULL,
    version {int} NOT NULL,
    last_updated {int} NOT NULL,
    deleted {int} NOT NULL,
    commit_seq {int} NOT NULL,
    method {text} NOT NULL,
    patients {text} NOT NULL,
    labels {text} NOT NULL,
    source_feed {text} NOT NULL,
    source_system {text},
    ods_code {text},
    general_practice {int} NOT NULL,
    content_hash {bytes} NOT NULL,
    body {bytes} NOT NULL
);
CREATE INDEX resource_seq ON resource (type, commit_seq);

CREATE TABLE history (
    commit_seq {key},
    superseded_seq {int} NOT NULL,
    res_key {int} NOT NULL,
    type {text} NOT NULL,
    id {text} NOT NULL,
    version {int} NOT NULL,
    last_updated {int} NOT NULL,
    deleted {int} NOT NULL,
    method {text} NOT NULL,
    patients {text} NOT NULL,
    labels {text} NOT NULL,
    source_feed {text} NOT NULL,
    source_system {text},
    ods_code {text},
    general_practice {int} NOT NULL,
    body {bytes} NOT NULL
);
CREATE UNIQUE INDEX history_version ON history (res_key, version);
CREATE INDEX history_type_seq ON history (type, commit_seq);
CREATE INDEX history_superseded ON history (type, superseded_seq);
"}
