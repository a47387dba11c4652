//! How a query is read, and how it is refused.

use proptest::prelude::*;
use search::{
    Condition, Direction, FilterParam, FilterValue, Handling, Limits, Modifier, Options, Prefix, SortKey, Summary,
    Total,
};

use crate::{condition, read_with as read, refused};

fn values(type_name: &str, query: &str) -> (Modifier, Vec<FilterValue>) {
    let Condition::Filter(filter) = condition(type_name, query) else { panic!("not a filter") };
    (filter.modifier, filter.values)
}

fn token(system: Option<Option<&str>>, code: Option<&str>) -> FilterValue {
    FilterValue::Token { system: system.map(|s| s.map(Into::into)), code: code.map(Into::into) }
}

fn reference(type_name: Option<&str>, id: &str, url: Option<&str>) -> FilterValue {
    FilterValue::Reference { type_name: type_name.map(Into::into), id: id.into(), url: url.map(Into::into) }
}

#[test]
fn tokens_are_read_in_all_forms() {
    let (modifier, found) = values("Patient", r"identifier=a,urn:s|b,|c,urn:s|,d\,e\|f");
    assert_eq!(modifier, Modifier::None);
    let expected = [
        token(None, Some("a")),
        token(Some(Some("urn:s")), Some("b")),
        token(Some(None), Some("c")),
        token(Some(Some("urn:s")), None),
        token(None, Some("d,e|f")),
    ];
    assert_eq!(found, expected);
    assert_eq!(values("Patient", "gender:not=male").0, Modifier::Not);
    assert_eq!(values("Observation", "code:text=press").1, [FilterValue::String("press".into())]);
    assert_eq!(values("Patient", "gender:missing=true").0, Modifier::Missing(true));
}

#[test]
fn references_are_read_in_all_forms() {
    let by = |query| values("Observation", query).1;
    assert_eq!(by("patient=123"), [reference(Some("Patient"), "123", None)]);
    assert_eq!(by("subject=123"), [reference(None, "123", None)]);
    assert_eq!(by("subject=Patient/123"), [reference(Some("Patient"), "123", None)]);
    assert_eq!(by("subject:Patient=123"), [reference(Some("Patient"), "123", None)]);
    let url = "https://other.example/fhir/Patient/1";
    assert_eq!(by("subject=https://other.example/fhir/Patient/1"), [reference(Some("Patient"), "1", Some(url))]);
    assert_eq!(by("subject:identifier=urn:s|9"), [token(Some(Some("urn:s")), Some("9"))]);
    let options = Options { base_url: Some("https://other.example/fhir/".into()), ..Options::default() };
    let query = read("Observation", "subject=https://other.example/fhir/Patient/1", &options).unwrap();
    let Condition::Filter(filter) = &query.conditions[0] else { panic!("not a filter") };
    assert_eq!(filter.values, [reference(Some("Patient"), "1", None)]);
    assert!(refused("Observation", "subject=Patient/1/_history/2").contains("without a version"));
}

#[test]
fn dates_become_spans_by_their_precision() {
    let by = |query| match values("Observation", query).1.remove(0) {
        FilterValue::Date { prefix, start, end } => (prefix, start, end),
        _ => panic!("not a date"),
    };
    const DAY: i64 = 86_400_000;
    assert_eq!(by("date=1970"), (Prefix::Eq, 0, 365 * DAY - 1));
    assert_eq!(by("date=ge1970-01-02"), (Prefix::Ge, DAY, 2 * DAY - 1));
    assert_eq!(by("date=lt1970-01-01T01:00:00+01:00"), (Prefix::Lt, 0, 999));
    assert_eq!(by("date=lt1970-01-01T01:00:00 01:00"), (Prefix::Lt, 0, 999));
    assert_eq!(by("date=ap1970-01-02"), (Prefix::Ap, 0, 3 * DAY - 1));
}

#[test]
fn numbers_become_spans_by_their_digits() {
    let by = |query| match values("RiskAssessment", query).1.remove(0) {
        FilterValue::Number { low, high, .. } => (low, high),
        _ => panic!("not a number"),
    };
    assert_eq!(by("probability=100"), (99.5, 100.5_f64.next_down()));
    assert_eq!(by("probability=5.40"), (5.395, 5.405_f64.next_down()));
    assert_eq!(by("probability=1e2"), (50.0, 150_f64.next_down()));
    assert_eq!(by("probability=gt5.4"), (5.4, 5.4));
    assert_eq!(by("probability=ap100"), (90.0, 110.0));
    let quantity = values("Observation", "value-quantity=le5.4|http://unitsofmeasure.org|mg").1.remove(0);
    let (system, code) = (Some("http://unitsofmeasure.org".into()), Some("mg".into()));
    assert_eq!(quantity, FilterValue::Quantity { prefix: Prefix::Le, low: 5.4, high: 5.4, system, code });
}

#[test]
fn result_parameters_shape_the_query() {
    let text = "_count=20&_sort=-_lastUpdated,birthdate&_total=accurate&_elements=name,birthDate&_format=json&_id=a,b";
    let query = read("Patient", text, &Options::default()).unwrap();
    assert_eq!((query.count, query.total, query.format.as_deref()), (Some(20), Total::Accurate, Some("json")));
    assert_eq!(query.elements, ["name", "birthDate"]);
    assert_eq!(query.sort[0], (SortKey::LastUpdated, Direction::Descending));
    assert_eq!(query.sort[1].1, Direction::Ascending);
    assert!(matches!(&query.conditions[0], Condition::Filter(filter) if filter.param == FilterParam::Id));
    assert_eq!(query.self_params.len(), 6);
    assert_eq!(read("Patient", "_summary=count", &Options::default()).unwrap().summary, Summary::Count);
    assert_eq!(read("Patient", "_count=0", &Options::default()).unwrap().summary, Summary::Count);
}

#[test]
fn what_is_not_understood_is_refused_by_name() {
    let expected = "search parameter `brithdate` is not defined for Patient; did you mean `birthdate`";
    assert_eq!(refused("Patient", "brithdate=2001"), expected);
    assert_eq!(refused("Patient", "zzz=2001"), "search parameter `zzz` is not defined for Patient");
    assert!(refused("Patient", "name:above=x").contains("modifier `above` is not supported"));
    assert!(refused("Patient", "_query=current").contains("`_query`"));
    assert!(refused("Patient", "_contained=true").contains("`_contained`"));
    assert!(refused("Patient", "_sort=nothing").contains("`_sort`"));
}

#[test]
fn no_message_repeats_a_value() {
    let wrong = [
        "birthdate=Secretname",
        "identifier=|",
        "_count=Secretname",
        "general-practitioner=Secret/name/x",
        "gender:missing=Secretname",
        "name=-",
        "death-date=ge2020-13",
        "Secret name=1",
        "_total=Secretname",
    ];
    for query in wrong {
        let message = refused("Patient", query);
        assert!(!message.contains("ecret") && !message.contains("2020"), "{message}");
    }
}

#[test]
fn lenient_handling_leaves_out_what_is_unknown_and_says_so() {
    let options = Options { handling: Handling::Lenient, ..Options::default() };
    let query = read("Patient", "zzz=1&name=a&patient.name=x&_sort=zzz&_include=Patient:zzz", &options).unwrap();
    assert_eq!((query.conditions.len(), query.notices.len(), query.self_params.len()), (1, 4, 1));
    assert!(query.notices[0].diagnostics.contains("`zzz`"));
    assert!(read("Patient", "birthdate=rubbish", &options).is_err(), "a wrong value is no unknown parameter");
    for query in ["name:above=x", "gender:in=http://vs", "organization.name:above=x", "_filter=gender ew x"] {
        assert!(
            read("Patient", query, &options).is_err(),
            "{query}: without its modifier it would mean something else"
        );
    }
}

#[test]
fn limits_hold() {
    let limits = Limits { parameters_max: 2, values_max: 2, value_length_max_bytes: 20, ..Limits::default() };
    let options = Options { limits, ..Options::default() };
    assert!(read("Patient", "name=a&name=b", &options).is_ok());
    assert!(read("Patient", "name=a&name=b&name=c", &options).is_err());
    assert!(read("Patient", "name=a,b,c", &options).is_err());
    assert!(read("Patient", "name=aaaaaaaaaaaaaaaaaaaaa", &options).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_more_precise_date_lies_within_a_less_precise_one(day in 1..29_u32, month in 1..13_u32, year in 1900..2100_u32, hour in 0..24_u32) {
        let texts = [format!("{year}"), format!("{year}-{month:02}"), format!("{year}-{month:02}-{day:02}"),
            format!("{year}-{month:02}-{day:02}T{hour:02}:30:00Z")];
        let mut outer = (i64::MIN, i64::MAX);
        for text in texts {
            let FilterValue::Date { start, end, .. } = values("Patient", &format!("birthdate={text}")).1.remove(0) else { panic!() };
            prop_assert!(outer.0 <= start && end <= outer.1 && start <= end);
            outer = (start, end);
        }
    }

    #[test]
    fn a_number_lies_within_its_own_span(digits in -1_000_000_000..1_000_000_000_i64, scale in 0..8_usize) {
        let text = format!("{digits}e-{scale}");
        let FilterValue::Number { low, high, .. } = values("RiskAssessment", &format!("probability={text}")).1.remove(0) else { panic!() };
        let number: f64 = text.parse().unwrap();
        prop_assert!(low <= number && number <= high);
    }
}
