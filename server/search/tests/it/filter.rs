//! How `_filter` is read and refused; what it finds is in `judge`.

use search::Condition;

use crate::{condition, read, refused};

#[test]
fn and_binds_closer_than_or() {
    let Condition::Any(some) = condition("Patient", "_filter=gender eq male or gender eq female and name sw a") else {
        panic!("not any")
    };
    assert!(matches!(some.as_slice(), [Condition::Filter(_), Condition::All(all)] if all.len() == 2));
}

#[test]
fn values_may_be_quoted() {
    let quoted = condition("Patient", r#"_filter=family eq "O\"Brien (x) and y""#);
    let Condition::Filter(filter) = quoted else { panic!("no filter") };
    assert_eq!(filter.values, [search::FilterValue::String(r#"O"Brien (x) and y"#.into())]);
    let Condition::Filter(filter) = condition("Patient", r#"_filter=family eq "Gr\u00fcn""#) else {
        panic!("no filter")
    };
    assert_eq!(filter.values, [search::FilterValue::String("Grün".into())]);
}

#[test]
fn what_conditions_cannot_say_is_refused_by_name() {
    let refused = |filter: &str| refused("Patient", &format!("_filter={filter}"));
    assert!(refused("gender ew e").contains("`ew`"));
    assert!(refused("name gt son").contains("`gt`"));
    assert!(refused("name ne son").contains("`not(name eq ...)`"));
    assert!(refused("birthdate co 19").contains("`co`"));
    assert!(refused("gender sw m").contains("`sw`"));
    assert!(refused("zzz eq 1").contains("`zzz`"));
    assert!(refused("_content eq x").contains("`_content`"));
    assert!(refused("gender in http://vs").contains("terminology"));
    assert!(refused("name[given eq x].family eq y").contains("refers to nothing"));
}

#[test]
fn faults_are_named_without_the_text() {
    let faults = [
        ("", "has no value"),
        ("secret", "operators"),
        ("name", "operators"),
        ("name is secret", "operators"),
        ("name eq", "values"),
        ("name eq \"secret", "quotes"),
        ("name eq \"secret\\\"", "quotes"),
        ("name eq \"secret\\x\"", "quotes"),
        ("(name eq secret", "parentheses"),
        ("name eq secret)", "its end"),
        ("name eq secret and", "its end"),
        ("name eq secret name eq b", "its end"),
        ("organization[name eq secret", "brackets"),
        ("organization[name eq secret] eq x", "brackets"),
        ("birthdate ge secret", "`birthdate`"),
        ("gender pr secret", "`true` or `false`"),
    ];
    for (filter, expected) in faults {
        let message = refused("Patient", &format!("_filter={filter}"));
        assert!(message.contains(expected) && !message.contains("secret"), "{filter}: {message}");
    }
}

#[test]
fn nesting_has_a_limit() {
    let nested = |depth: usize| format!("_filter={}name eq a{}", "(".repeat(depth), ")".repeat(depth));
    assert!(read("Patient", &nested(10)).is_ok());
    assert!(refused("Patient", &nested(11)).contains("deep"));
    assert!(refused("Patient", &nested(10_000)).contains("deep"));
    assert!(refused("Patient", &format!("_filter={}name eq a", "not ".repeat(20_000))).contains("longer than"));
    assert!(refused("Patient", &format!("_filter={}name eq a", "not ".repeat(2_000))).contains("deep"));
    let wide = vec!["name eq a"; 600].join(" or ");
    assert!(refused("Patient", &format!("_filter={wide}")).contains("conditions"));
}
