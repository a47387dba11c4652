//! Feed messages as they came, and the resources that came from them.
//!
//! `fingerprint` is a hash over feed, sender, message id and content: it finds a message sent twice, and keeps what a sender
//! may have put into a message id out of every index. The raw bytes are compressed and lie in a table of their own, so that a
//! list of messages reads none of them.

crate::sql::template_migration! {"
CREATE TABLE message (
    message_key {auto_key},
    fingerprint {bytes} NOT NULL,
    feed {text} NOT NULL,
    sender {text} NOT NULL,
    message_id {text} NOT NULL,
    sha256 {bytes} NOT NULL,
    received {int} NOT NULL,
    status {text} NOT NULL,
    code {text},
    issues {text},
    changed {int} NOT NULL
);
CREATE UNIQUE INDEX message_fingerprint ON message (fingerprint);
CREATE INDEX message_status ON message (feed, status, message_key);

CREATE TABLE message_body (
    message_key {key},
    size_bytes {int} NOT NULL,
    body {bytes} NOT NULL
);

CREATE TABLE message_resource (
    message_key {int} NOT NULL, type {text} NOT NULL, id {text} NOT NULL, version {int} NOT NULL,
    PRIMARY KEY (message_key, type, id, version)
) {clustered};
CREATE INDEX message_of_resource ON message_resource (type, id, version);
"}
