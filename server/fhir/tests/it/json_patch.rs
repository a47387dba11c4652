//! JSON Patch: the cases of RFC 6902's appendix A, and what must stay as it was sent.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use fhir::{Json, JsonPatchError, apply_json_patch};

#[track_caller]
fn check(document: &str, patch: &str, expected: Result<&str, &str>) {
    let (document, patch) = (Json::parse(document.as_bytes()).unwrap(), Json::parse(patch.as_bytes()).unwrap());
    let found = apply_json_patch(&document, &patch);
    let found = found.as_ref().map(Json::text).map_err(ToString::to_string);
    assert_eq!(found.as_ref().map(|text| *text).map_err(String::as_str), expected);
}

#[test]
fn members_and_items_are_added() {
    check(r#"{"foo":"bar"}"#, r#"[{"op":"add","path":"/baz","value":"qux"}]"#, Ok(r#"{"foo":"bar","baz":"qux"}"#));
    check("{}", r#"[{"op":"add","path":"/a/b","value":1}]"#, Err("operation 0: there is nothing at `/a`"));
    check("{}", r#"[{"op":"add","path":"/a~1b~0","value":1}]"#, Ok(r#"{"a/b~":1}"#));
    check(r#"{"a":[1,3]}"#, r#"[{"op":"add","path":"/a/1","value":2}]"#, Ok(r#"{"a":[1,2,3]}"#));
    check(r#"{"a":[1,3]}"#, r#"[{"op":"add","path":"/a/-","value":[4]}]"#, Ok(r#"{"a":[1,3,[4]]}"#));
    check(r#"{"a":[]}"#, r#"[{"op":"add","path":"/a/0","value":null}]"#, Ok(r#"{"a":[null]}"#));
    check(
        r#"{"a":[1]}"#,
        r#"[{"op":"add","path":"/a/2","value":2}]"#,
        Err("operation 0: `/a/2` is beyond the end of the array"),
    );
    check(
        r#"{"a":[1]}"#,
        r#"[{"op":"add","path":"/a/01","value":2}]"#,
        Err("operation 0: `/a/01` is beyond the end of the array"),
    );
    check(r#"{"a":1}"#, r#"[{"op":"add","path":"/a","value":2}]"#, Ok(r#"{"a":2}"#));
    check(r#"{"a":1}"#, r#"[{"op":"add","path":"","value":{"b":2}}]"#, Ok(r#"{"b":2}"#));
}

#[test]
fn members_and_items_are_removed_replaced_moved_and_copied() {
    check(r#"{"a":1,"b":2,"c":3}"#, r#"[{"op":"remove","path":"/b"}]"#, Ok(r#"{"a":1,"c":3}"#));
    check(r#"{"a":1, "c":3}"#, r#"[{"op":"remove","path":"/c"}]"#, Ok(r#"{"a":1}"#));
    check(r#"{"a":1}"#, r#"[{"op":"remove","path":"/a"}]"#, Ok("{}"));
    check(r#"{"a":[1,2,3]}"#, r#"[{"op":"remove","path":"/a/1"}]"#, Ok(r#"{"a":[1,3]}"#));
    check("{}", r#"[{"op":"remove","path":"/a"}]"#, Err("operation 0: there is nothing at `/a`"));
    check(r#"{"a":1}"#, r#"[{"op":"replace","path":"/a","value":{"b":[]}}]"#, Ok(r#"{"a":{"b":[]}}"#));
    check("{}", r#"[{"op":"replace","path":"/a","value":1}]"#, Err("operation 0: there is nothing at `/a`"));
    check(
        r#"{"foo":{"bar":"baz","waldo":"fred"},"qux":{"corge":"grault"}}"#,
        r#"[{"op":"move","from":"/foo/waldo","path":"/qux/thud"}]"#,
        Ok(r#"{"foo":{"bar":"baz"},"qux":{"corge":"grault","thud":"fred"}}"#),
    );
    check(r#"{"a":[1,2,3,4]}"#, r#"[{"op":"move","from":"/a/1","path":"/a/3"}]"#, Ok(r#"{"a":[1,3,4,2]}"#));
    check(r#"{"a":{"b":1}}"#, r#"[{"op":"move","from":"/a","path":"/a/c"}]"#, Err("operation 0 needs a valid `path`"));
    check(r#"{"a":[1]}"#, r#"[{"op":"copy","from":"/a/0","path":"/b"}]"#, Ok(r#"{"a":[1],"b":1}"#));
}

#[test]
fn a_test_holds_or_stops_all() {
    let same = r#"{"a":[1,{"b":2,"c":"\u0041"}],"d":1.50}"#;
    check(
        same,
        r#"[{"op":"test","path":"/a","value":[1.0,{"c":"A","b":2e0}]},{"op":"test","path":"/d","value":15e-1}]"#,
        Ok(same),
    );
    check(
        same,
        r#"[{"op":"add","path":"/x","value":1},{"op":"test","path":"/d","value":1.51}]"#,
        Err("the test of operation 1 does not hold"),
    );
    check(same, r#"[{"op":"test","path":"/d","value":"1.50"}]"#, Err("the test of operation 0 does not hold"));
    check(r#"{"a":-0.0}"#, r#"[{"op":"test","path":"/a","value":0}]"#, Ok(r#"{"a":-0.0}"#));
}

#[test]
fn what_is_no_patch_is_refused() {
    check("{}", "{}", Err("a JSON Patch is an array of operations"));
    check("{}", "[1]", Err("operation 0 needs a valid `path`"));
    check("{}", r#"[{"op":"spam","path":"/a"}]"#, Err("operation 0 needs a valid `op`"));
    check("{}", r#"[{"op":"add","path":"/a"}]"#, Err("operation 0 needs a valid `value`"));
    check("{}", r#"[{"op":"add","path":"a","value":1}]"#, Err("operation 0 needs a valid `path`"));
    check("{}", r#"[{"op":"copy","path":"/a"}]"#, Err("operation 0 needs a valid `from`"));
    let many = format!("[{}]", vec![r#"{"op":"add","path":"/a","value":1}"#; 1001].join(","));
    check("{}", &many, Err("the patch has too many operations"));
}

#[test]
fn what_is_not_touched_stays_byte_for_byte() {
    check(
        "{\n \"value\": 6.100,\n \"other\" : 1E5, \"list\": [ 1.0 , 2.00 ]\n}",
        r#"[{"op":"replace","path":"/list/1","value":3.000},{"op":"remove","path":"/other"}]"#,
        Ok("{\n \"value\": 6.100,\n \"list\": [ 1.0 , 3.000 ]\n}"),
    );
}

#[test]
fn copies_that_double_the_document_are_stopped() {
    let text = format!(r#"{{"resourceType":"Basic","extension":["{}"]}}"#, "x".repeat(1_000));
    let json = Json::parse(text.as_bytes()).unwrap();
    let double = r#"{"op":"copy","from":"/extension","path":"/extension/-"}"#;
    let patch = Json::parse(format!("[{}]", vec![double; 40].join(",")).as_bytes()).unwrap();
    assert!(matches!(apply_json_patch(&json, &patch), Err(JsonPatchError::TooMany)));
}
