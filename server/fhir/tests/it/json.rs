//! The JSON tree: what it refuses and where, and that nothing is lost.

use fhir::{Json, Kind, Limits, Node};
use proptest::prelude::{Just, Strategy, any, prop, prop_oneof, proptest};
use serde_json::Value;

fn refused(text: &str) -> String {
    match Json::parse(text.as_bytes()) {
        Ok(_) => panic!("accepted: {text}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn fault_has_a_place_and_no_content() {
    let check = |text: &str, expected: &str| assert_eq!(refused(text), expected, "{text}");
    check("", "line 1 column 1: expected a value");
    check("{\n  \"a\" 1}", "line 2 column 7: expected `:`");
    check("{\"a\":1 \"b\":2}", "line 1 column 8: expected `,` or `}`");
    check("[1 2]", "line 1 column 4: expected `,` or `]`");
    check("{\"a\":1,}", "line 1 column 8: expected a property name");
    check("[1,]", "line 1 column 4: expected a value");
    check("{} {}", "line 1 column 4: expected the end of the document");
    check("{\"é\":01}", "line 1 column 7: expected a number without leading zeros");
    check("[1.]", "line 1 column 4: expected a digit");
    check("[+1]", "line 1 column 2: expected a value");
    check("[NaN]", "line 1 column 2: expected a value");
    check("[\"a\tb\"]", "line 1 column 4: expected control characters to be escaped");
    check("[\"abc", "line 1 column 6: expected a closing quotation mark");
    check("[\"\\x\"]", "line 1 column 4: expected a valid escape");
    check("[\"\\ud83d\"]", "line 1 column 9: expected a low surrogate after a high one");
    check("[\"\\udc00\"]", "line 1 column 9: expected a high surrogate before a low one");
    check("{\"a\":1,\"a\":2}", "line 1 column 8: expected each property only once in an object");
    check("{\"a\":1,\"\\u0061\":2}", "line 1 column 8: expected each property only once in an object");
}

#[test]
fn invalid_utf8_is_refused_where_it_is() {
    let error = Json::parse(b"{\"name\":\n\"\xff\"}").map(|_| ()).expect_err("not UTF-8");
    assert_eq!(error.to_string(), "line 2 column 2: expected valid UTF-8");
}

#[test]
fn duplicates_are_found_in_large_objects() {
    let mut members: Vec<String> = (0..50).map(|number| format!("\"m{number}\":1")).collect();
    assert!(Json::parse(format!("{{{}}}", members.join(",")).as_bytes()).is_ok());
    members.push("\"m7\":2".to_owned());
    assert!(refused(&format!("{{{}}}", members.join(","))).contains("only once"));
}

#[test]
fn nesting_has_a_limit() {
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    assert!(Json::parse(nested(100).as_bytes()).is_ok());
    assert_eq!(refused(&nested(101)), "line 1 column 101: expected at most 100 levels of nesting");
    assert!(refused(&"[".repeat(1_000_000)).contains("100 levels"));
    assert!(Json::parse_with(nested(5_000).into_bytes(), Limits { depth_max: 5_000 }).is_ok());
}

#[test]
fn values_are_read_as_they_were_sent() {
    let text = "\u{feff}{ \"resourceType\" : \"Patient\", \"a\": [1.500, {\"b\": \"x\\u00e9\\ud83d\\ude00\\n\"}, true, null], \"n\": -12 }";
    let json = Json::parse(text.as_bytes()).expect("valid");
    assert_eq!(json.resource_type(), Some("Patient"));
    let root = json.root();
    let items: Vec<_> = root.get("a").expect("there").items().collect();
    let kinds: Vec<_> = items.iter().map(|item| item.kind()).collect();
    assert_eq!(kinds, [Kind::Number, Kind::Object, Kind::Bool, Kind::Null]);
    assert_eq!(items.first().and_then(|item| item.number_text()), Some("1.500"));
    assert_eq!(items.get(1).and_then(|item| item.str("b")).as_deref(), Some("xé😀\n"));
    assert_eq!(root.get("n").and_then(|number| number.as_i64()), Some(-12));
    assert_eq!(root.at(&["a", "b"]), None, "paths go through objects only");
    assert_eq!(root.members().map(|(name, _)| name.into_owned()).collect::<Vec<_>>(), ["resourceType", "a", "n"]);
    assert_eq!((root.len(), root.get("a").map(|list| list.len())), (3, Some(4)));
    assert_eq!(root.get("n").map(|number| number.each().count()), Some(1));
    assert_eq!(root.raw(), json.text());
}

#[test]
fn shown_for_debugging_it_hides_content() {
    let json = Json::parse(br#"{"family":"Testcase"}"#).expect("valid");
    let shown = format!("{json:?} {:?}", json.root().get("family"));
    assert!(!shown.contains("Testcase"), "{shown}");
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..20)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn what_serde_writes_is_read_the_same(value in json_value(), pretty in any::<bool>()) {
        let text = if pretty { serde_json::to_string_pretty(&value).expect("writable") } else { value.to_string() };
        let json = Json::parse(text.as_bytes()).expect("valid");
        assert_eq!(json.root().to_value(), value);
    }

    #[test]
    fn part_is_a_document_of_its_own(value in json_value(), pretty in any::<bool>()) {
        let text = if pretty { serde_json::to_string_pretty(&value).expect("writable") } else { value.to_string() };
        let json = Json::parse(text.as_bytes()).expect("valid");
        let members: Vec<Node<'_>> = json.root().members().map(|(_, value)| value).collect();
        for part in json.root().each().chain(members) {
            let own = part.to_json();
            assert_eq!(own.text(), part.raw());
            assert_eq!(own.root().to_value(), part.to_value());
            assert_eq!(own.root().to_json().root().to_value(), part.to_value());
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused_as_serde_does(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
        let _ = Json::parse(&bytes);
    }

    #[test]
    fn broken_json_is_refused_as_serde_does(
        text in prop::collection::vec(
            prop::sample::select(vec![
                "{", "}", "[", "]", ",", ":", "\"", "\\", "\\u00", "\\ud83d", "\\ude00", "a", "0", "1", "-", ".", "e", "E+", "true",
                "null", " ", "\n", "\u{1}", "é",
            ]),
            0..14,
        )
    ) {
        let text = text.concat();
        let serde = serde_json::from_str::<Value>(&text);
        match Json::parse(text.as_bytes()) {
            Ok(json) => assert_eq!(json.root().to_value(), serde.expect("serde reads what we read")),
            Err(error) => assert!(serde.is_err() || error.reason.contains("only once"), "{text:?} {error}"),
        }
    }
}

#[test]
fn property_that_comes_twice_is_refused_however_many_there_are() {
    let object = |names: &[String]| {
        let members: Vec<String> = names.iter().map(|name| format!("\"{name}\":1")).collect();
        format!("{{{}}}", members.join(","))
    };
    // Alike at both ends and as long, one apart, and many.
    let alike = ["beginning-a-theending", "beginning-b-theending"].map(str::to_owned).to_vec();
    let many: Vec<String> = (0..40).map(|number| format!("n{number}")).collect();
    let short = ["a", "b", "ab", "ba", "identifier", "é"].map(str::to_owned).to_vec();
    for names in [alike, many, short] {
        assert!(Json::parse(object(&names).as_bytes()).is_ok());
        for twice in &names {
            let mut names = names.clone();
            names.push(twice.clone());
            let error = Json::parse(object(&names).as_bytes()).expect_err("a name comes twice");
            assert!(error.reason.contains("only once"), "{error}");
        }
    }
    assert!(Json::parse(br#"{"ab":1,"a\u0062":1}"#).is_err());
}
