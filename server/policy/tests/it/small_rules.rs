//! Ids, small numbers and stored codes.

use policy::{Class, PolicyError, Purpose, acceptable_id, suppressed};

#[test]
fn a_logical_id_is_never_an_nhs_number() {
    for id in ["9990000018", "999-000-0018"] {
        assert_eq!(acceptable_id(id), Err(PolicyError::IdIsNhsNumber), "{id}");
    }
    for id in ["9990000019", "99900000180", "p-9990000018", "0f1e2d3c-0000-4000-8000-000000000000", "1"] {
        assert_eq!(acceptable_id(id), Ok(()), "{id}");
    }
}

#[test]
fn small_counts_are_suppressed_and_others_rounded() {
    for (count, shown) in
        [(0, "0"), (1, "1-7"), (7, "1-7"), (8, "10"), (12, "10"), (13, "15"), (1002, "1000"), (1003, "1005")]
    {
        assert_eq!(suppressed(count).to_string(), shown, "{count}");
    }
}

#[test]
fn stored_codes_are_read_back_and_unknown_ones_refused() {
    for class in Class::ALL {
        assert_eq!(class.as_str().parse(), Ok(class));
    }
    for purpose in [Purpose::DirectCare, Purpose::SecondaryUse, Purpose::Administration] {
        assert_eq!(purpose.as_str().parse(), Ok(purpose));
    }
    assert!("national-data-opt-out".parse::<Class>().is_err());
    assert!("research".parse::<Purpose>().is_err());
}
