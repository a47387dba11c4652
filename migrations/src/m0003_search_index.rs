//! One narrow index table per kind of value, and the names that stand in them as integers.
//!
//! `param` joins a parameter and a resource type in one number, so that a range of an index table is of one type. `target` names every
//! resource that is stored or referred to; its key is the key of the resource. `text` holds what codes are called, which repeats.
//!
//! `span` classes how long a date is, so that a bound of its end is one of its beginning too. References are found from both ends, for chains.
//!
//! A row of `composite_index` holds the values of one element: a token (`code`, `system_key`) and then a token (`text`, `key`), a text (`text`), a
//! quantity (`key` is the unit), a reference (`key`), a span or number (`low`, `high`), or two numbers (`low` the first, `high` the
//! second). An identifier under its type stands there as type and value, a place as degrees north (`low`) and east (`high`).

crate::sql::template_migration! {"
CREATE TABLE system (system_key {auto_key}, system {text} NOT NULL UNIQUE);
CREATE TABLE unit (unit_key {auto_key}, code {text} NOT NULL, system {text} NOT NULL, UNIQUE (code, system));
CREATE TABLE target (target_key {key}, id {text} NOT NULL, type {text} NOT NULL, UNIQUE (id, type));

CREATE TABLE token_index (
    param {int} NOT NULL, code {text} NOT NULL, system_key {int} NOT NULL, res_key {int} NOT NULL,
    PRIMARY KEY (param, code, system_key, res_key)
) {clustered};
CREATE TABLE string_index (
    param {int} NOT NULL, value {text} NOT NULL, exact_hash {int} NOT NULL, res_key {int} NOT NULL,
    PRIMARY KEY (param, value, exact_hash, res_key)
) {clustered};
CREATE TABLE date_index (
    param {int} NOT NULL, span {int} NOT NULL, low {int} NOT NULL, high {int} NOT NULL, res_key {int} NOT NULL,
    PRIMARY KEY (param, span, low, high, res_key)
) {clustered};
CREATE TABLE number_index (
    param {int} NOT NULL, low {real} NOT NULL, high {real} NOT NULL, res_key {int} NOT NULL,
    PRIMARY KEY (param, low, high, res_key)
) {clustered};
CREATE TABLE quantity_index (
    param {int} NOT NULL, unit_key {int} NOT NULL, low {real} NOT NULL, high {real} NOT NULL, res_key {int} NOT NULL,
    PRIMARY KEY (param, unit_key, low, high, res_key)
) {clustered};
CREATE TABLE reference_index (
    param {int} NOT NULL, target_key {int} NOT NULL, res_key {int} NOT NULL,
    PRIMARY KEY (param, target_key, res_key)
) {clustered};
CREATE INDEX reference_of ON reference_index (param, res_key, target_key);
CREATE TABLE uri_index (
    param {int} NOT NULL, value {text} NOT NULL, res_key {int} NOT NULL,
    PRIMARY KEY (param, value, res_key)
) {clustered};

CREATE TABLE text (text_key {key}, value {text} NOT NULL UNIQUE);
CREATE TABLE text_index (
    param {int} NOT NULL, text_key {int} NOT NULL, res_key {int} NOT NULL,
    PRIMARY KEY (param, text_key, res_key)
) {clustered};
CREATE TABLE composite_index (
    param {int} NOT NULL, code {text} NOT NULL, system_key {int} NOT NULL, text {text} NOT NULL, key {int} NOT NULL,
    low {real} NOT NULL, high {real} NOT NULL, res_key {int} NOT NULL,
    PRIMARY KEY (param, code, system_key, text, key, low, high, res_key)
) {clustered};
"}
