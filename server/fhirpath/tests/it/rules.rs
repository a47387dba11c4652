//! The rules of each function and operator beyond what the official suite asks: nothing, many items, wrong types, edges.
//! <http://hl7.org/fhirpath/N1/>

use serde_json::{Value, json};

use crate::evaluate::{check, evaluate};

/// Three names, of which the second has no family; a primitive that has nothing but an extension.
fn patient() -> Value {
    json!({"resourceType": "Patient", "id": "p", "active": true, "birthDate": "1974-12-25",
        "name": [{"use": "official", "family": "Ash", "given": ["Ada", "Bea"]}, {"given": ["Cy"]},
            {"family": "Elm", "given": ["Ada"]}],
        "_gender": {"extension": [{"url": "urn:why", "valueString": "unknown"}]},
        "contained": [{"resourceType": "Organization", "id": "o", "name": "Org"}],
        "managingOrganization": {"reference": "#o"}})
}

/// Each expression gives these texts.
fn gives(cases: &[(&str, &[&str])]) {
    check(&patient(), cases);
}

/// Each expression is an error.
fn fails(expressions: &[&str]) {
    for expression in expressions {
        assert!(evaluate(&patient(), expression).is_err(), "{expression}: {:?}", evaluate(&patient(), expression));
    }
}

#[test]
fn existence() {
    gives(&[
        ("{}.empty()", &["true"]),
        ("{}.exists()", &["false"]),
        ("name.exists(family = 'Elm')", &["true"]),
        ("{}.all(false)", &["true"]),
        ("name.all(given.exists())", &["true"]),
        ("name.all(family = 'Ash')", &["false"]),
        ("{}.allTrue()", &["true"]),
        ("{}.anyTrue()", &["false"]),
        ("{}.allFalse()", &["true"]),
        ("{}.anyFalse()", &["false"]),
        ("(true | false).anyTrue() and (true | false).anyFalse()", &["true"]),
        ("(true | false).allTrue() or (true | false).allFalse()", &["false"]),
        ("{}.subsetOf(1)", &["true"]),
        ("(1 | 2).subsetOf({})", &["false"]),
        ("{}.supersetOf({})", &["true"]),
        ("(1 | 2).supersetOf(2)", &["true"]),
        ("{}.count()", &["0"]),
        ("{}.isDistinct()", &["true"]),
        ("1.combine(1).isDistinct()", &["false"]),
        ("name.given.distinct()", &["Ada", "Bea", "Cy"]),
        ("{}.not()", &[]),
    ]);
    fails(&["(1 | 2).not()", "(1 | true).allTrue()", "name.all(given)"]);
}

#[test]
fn filtering_and_projection() {
    gives(&[
        ("name.where(family.exists()).given", &["Ada", "Bea", "Ada"]),
        ("name.where({})", &[]),
        ("name.select(given.first())", &["Ada", "Cy", "Ada"]),
        ("name.select($index)", &["0", "1", "2"]),
        ("name.given.where($index > 1)", &["Cy", "Ada"]),
        ("{}.select(1)", &[]),
        ("(1 | 2).select($this + 1)", &["2", "3"]),
        ("1.repeat(iif($this < 5, $this + 1, {}))", &["2", "3", "4", "5"]),
        ("name.repeatAll('a'.where(%context.name.empty()))", &[]),
        ("name.ofType(HumanName).count()", &["3"]),
        ("(1 | 'a' | 2.0 | true).ofType(Integer)", &["1"]),
        ("(1 | 'a' | 2.0).ofType(System.Decimal)", &["2.0"]),
        ("active.ofType(boolean)", &["true"]),
        ("active.ofType(Boolean)", &[]),
        ("{}.coalesce({}, name.family, 'x')", &["Ash", "Elm"]),
    ]);
    fails(&["name.where('a' | 'b')", "name.where()", "name.select()", "name.ofType(Nonsense)", "1.repeat($this + 1)"]);
}

#[test]
fn subsetting() {
    gives(&[
        ("name.given[1]", &["Bea"]),
        ("name.given[9]", &[]),
        ("name.given[-1]", &[]),
        ("name.given[{}]", &[]),
        ("{}.single()", &[]),
        ("{}.first()", &[]),
        ("{}.last()", &[]),
        ("{}.tail()", &[]),
        ("name.given.last()", &["Ada"]),
        ("name.given.tail()", &["Bea", "Cy", "Ada"]),
        ("name.given.skip(2)", &["Cy", "Ada"]),
        ("name.given.skip(0).count()", &["4"]),
        ("name.given.skip(-1).count()", &["4"]),
        ("name.given.skip(9)", &[]),
        ("name.given.take(2)", &["Ada", "Bea"]),
        ("name.given.take(0)", &[]),
        ("name.given.take(-1)", &[]),
        ("name.given.take(9).count()", &["4"]),
        ("(1 | 2 | 3).intersect(3 | 2)", &["2", "3"]),
        ("{}.intersect(1)", &[]),
        ("1.combine(1).combine(2).exclude(2)", &["1", "1"]),
        ("(1 | 2).exclude({})", &["1", "2"]),
    ]);
    fails(&["name.single()", "name['a']", "name.skip('a')", "name.take(1 | 2)"]);
}

#[test]
fn combining() {
    gives(&[
        ("1.union(1 | 2)", &["1", "2"]),
        ("{} | {}", &[]),
        ("1.combine(1 | 2)", &["1", "1", "2"]),
        ("{}.combine(1)", &["1"]),
        ("name.given | 'Ada' | 'Zoe'", &["Ada", "Bea", "Cy", "Zoe"]),
    ]);
}

#[test]
fn conversion() {
    gives(&[
        ("iif(true, 1)", &["1"]),
        ("iif({}, 1)", &[]),
        ("iif({}, 1, 2)", &["2"]),
        ("{}.toBoolean()", &[]),
        ("'Yes'.toBoolean()", &["true"]),
        ("'n'.toBoolean()", &["false"]),
        ("'maybe'.toBoolean()", &[]),
        ("1.0.toBoolean()", &["true"]),
        ("2.0.convertsToBoolean()", &["false"]),
        ("'+7'.toInteger()", &["7"]),
        ("'2147483647'.toInteger()", &["2147483647"]),
        ("'2147483648'.toInteger()", &[]),
        ("1.0.toInteger()", &[]),
        ("false.toInteger()", &["0"]),
        ("{}.convertsToInteger()", &[]),
        ("'1.50'.toDecimal()", &["1.50"]),
        ("'.5'.toDecimal()", &[]),
        ("'1e3'.convertsToDecimal()", &["false"]),
        ("1.toDecimal().type().name", &["Decimal"]),
        ("'2015-02-04T14'.toDate()", &[]),
        ("@2015-02-04T14:00.toDate()", &["2015-02-04"]),
        ("'2015-02'.toDate()", &["2015-02"]),
        ("'2015-13'.convertsToDate()", &["false"]),
        ("'2015T'.convertsToDateTime()", &["false"]),
        ("@2015.toDateTime().type().name", &["DateTime"]),
        ("'14:30'.toTime()", &["14:30"]),
        ("'25:00'.convertsToTime()", &["false"]),
        ("'10 \\'mg\\''.toQuantity()", &["10 'mg'"]),
        ("'4 days'.toQuantity()", &["4 days"]),
        ("'4 mg'.convertsToQuantity()", &["false"]),
        ("1 'g'.toQuantity('mg')", &["1000 'mg'"]),
        ("1 'g'.toQuantity('m')", &[]),
        ("1 'g'.convertsToQuantity('mg')", &["true"]),
        ("true.toQuantity()", &["1 '1'"]),
        ("@2015-02-04.toString()", &["2015-02-04"]),
        ("@T14:30.toString()", &["14:30"]),
        ("1.50.toString()", &["1.50"]),
        ("4 days.toString()", &["4 days"]),
        ("name.first().toString()", &[]),
        ("name.first().convertsToString()", &["false"]),
    ]);
    fails(&["(1 | 2).toString()", "name.toInteger()", "iif(1, 2)", "iif()", "1.toString(2)"]);
}

#[test]
fn texts() {
    gives(&[
        ("'abc'.indexOf('c')", &["2"]),
        ("'äbc'.indexOf('c')", &["2"]),
        ("'abcabc'.lastIndexOf('bc')", &["4"]),
        ("'abc'.lastIndexOf('x')", &["-1"]),
        ("'abc'.substring(3)", &[]),
        ("'abc'.substring({})", &[]),
        ("'abc'.substring(1, {})", &["bc"]),
        ("'abc'.substring(1, 0)", &[""]),
        ("'abc'.substring(1, -1)", &[""]),
        ("'äöü'.substring(1, 1)", &["ö"]),
        ("'abc'.startsWith({})", &[]),
        ("'abc'.endsWith('')", &["true"]),
        ("'abc'.contains('B')", &["false"]),
        ("'ß'.upper()", &["SS"]),
        ("'abcb'.replace('b', '')", &["ac"]),
        ("'abc'.matches('B')", &["false"]),
        ("'abc'.matches('B', 'i')", &["true"]),
        ("'a\\nb'.matches('^b', 'm')", &["true"]),
        ("'a\\nb'.matches('^b')", &["false"]),
        ("'abc'.matchesFull('b')", &["false"]),
        ("'abc'.matchesFull('a|abc')", &["true"]),
        ("'2024-05'.replaceMatches('(\\\\d+)-(\\\\d+)', '$2/$1')", &["05/2024"]),
        ("'abc'.replaceMatches('(?<x>b)', '[${x}]')", &["a[b]c"]),
        ("'ab'.replaceMatches('a' & 'b', 'c')", &["c"]),
        ("'äb'.length()", &["2"]),
        ("''.toChars()", &[]),
        ("' \\t a b \\n'.trim()", &["a b"]),
        ("'a,,b'.split(',')", &["a", "", "b"]),
        ("'abc'.split('')", &["a", "b", "c"]),
        ("{}.split(',')", &[]),
        ("('a' | 'b').join()", &["ab"]),
        ("{}.join(',')", &[]),
        ("'a b'.encode('urlbase64')", &["YSBi"]),
        ("'ä'.encode('hex').decode('hex')", &["ä"]),
        ("'a'.encode('rot13')", &[]),
        ("'<a & \"b\">'.escape('html')", &["&lt;a &amp; &quot;b&quot;&gt;"]),
        ("'&amp;lt;'.unescape('html')", &["&lt;"]),
        ("'a\\nb'.escape('json')", &["a\\nb"]),
        ("'\\u0041\\uD83D\\uDE00'", &["A😀"]),
        ("'it\\'s'", &["it's"]),
        ("'Ab' ~ 'aB' and 'a\\tb' ~ 'a b'", &["true"]),
        ("'a  b' ~ 'a b'", &["false"]),
    ]);
    fails(&[
        "1.startsWith('1')",
        "'a'.startsWith(1)",
        "name.given.upper()",
        "'a'.matches('a', 'z')",
        "'a'.matches('[')",
        "'\\uD83D'",
        "'\\q'",
    ]);
}

#[test]
fn numbers() {
    gives(&[
        ("{}.abs()", &[]),
        ("(-2147483648)", &["-2147483648"]),
        ("2147483647 + 1", &[]),
        ("(-2147483648).abs()", &[]),
        ("65536 * 65536", &[]),
        ("2147483648.0 + 1", &["2147483649.0"]),
        ("(-1.5).ceiling()", &["-1"]),
        ("(-1.5).floor()", &["-2"]),
        ("(-1.5).truncate()", &["-1"]),
        ("(-1.5).round()", &["-2"]),
        ("2.5.round()", &["3"]),
        ("3.14159.round(2)", &["3.14"]),
        ("0.ln()", &[]),
        ("(-1).sqrt()", &[]),
        ("(-1).log(2)", &[]),
        ("8.log({})", &[]),
        ("2.power(31)", &[]),
        ("2.power(-1)", &["0.5"]),
        ("(-8).power(0.5)", &[]),
        ("5 mod 0 | 5 div 0 | 5 / 0 | 5.0 mod 0.0", &[]),
        ("-5 div 2", &["-2"]),
        ("-5 mod 2", &["-1"]),
        ("7 / 2", &["3.5"]),
        ("1 / 3", &["0.33333333"]),
        ("1 + {}", &[]),
        ("1.0 = 1 and 1.00 ~ 1", &["true"]),
        ("1.005.precision()", &["3"]),
        ("1.precision()", &["0"]),
    ]);
    fails(&["'a'.abs()", "1.round(-1)", "(1 | 2) + 1", "1 + 'a'", "'a' * 2", "true + 1", "2147483649", "-'a'"]);
}

#[test]
fn quantities_follow_their_units() {
    gives(&[
        ("1 'm' + 1 'cm'", &["101 'cm'"]),
        ("1 'cm' + 1 'm'", &["101 'cm'"]),
        ("1 'm' - 1 'cm'", &["99 'cm'"]),
        ("1 'm' + 1 'kg'", &[]),
        ("1 day + 1 hour", &["25 hours"]),
        ("1 year + 1 day", &[]),
        ("2 'm' * 3", &["6 'm'"]),
        ("3 * 2 'm'", &["6 'm'"]),
        ("6 'm' / 2", &["3 'm'"]),
        ("1 'm' / 1 'cm'", &["100 '1'"]),
        ("6 'mg' / 2 'mL'", &["3 'mg/mL'"]),
        ("6 'g' / 2 'mg/mL' = 3000 'mL'", &["true"]),
        ("1 '[lb_av]' = 453.59237 'g'", &["true"]),
        ("37 'Cel' = 310.15 'K'", &["true"]),
        ("37 'Cel' > 98 '[degF]'", &["true"]),
        ("140 'mm[Hg]' > 18 'kPa'", &["true"]),
        ("1 'mol/L' = 1000 'mmol/L'", &["true"]),
        ("1 '{tablet}' = 1 '{tablet}'", &["true"]),
        ("1 'nonsense' = 1 'nonsense'", &["true"]),
        ("1 'nonsense' = 1 'mg'", &[]),
        ("1 'm' = 1 'kg'", &[]),
        ("1 'm' ~ 1 'kg'", &["false"]),
        ("1 'm' < 1 'kg'", &[]),
        ("1 year = 1 'a'", &[]),
        ("1 year ~ 1 'a'", &["true"]),
        ("12 months = 1 year", &["true"]),
        ("1 second = 1 's' and 60 seconds = 1 minute", &["true"]),
        ("(-5 'mg').abs()", &["5 'mg'"]),
        ("1 'cm'.comparable(1 '[in_i]')", &["true"]),
        ("1 'cm'.comparable({})", &[]),
        ("5 'mg'.value", &["5"]),
        ("5 'mg'.unit", &["mg"]),
    ]);
    fails(&["1 'mg' + 'a'", "1.comparable(1)"]);
}

#[test]
fn dates_and_times() {
    gives(&[
        ("@2020-01-31 + 1 month", &["2020-02-29"]),
        ("@2020-02-29 + 1 year", &["2021-02-28"]),
        ("@2020-03-31 - 1 month", &["2020-02-29"]),
        ("@2020 + 13 months", &["2021"]),
        ("@2020-01 + 40 days", &["2020-02"]),
        ("@2020-01-01 + 25 hours", &["2020-01-02"]),
        ("@2020-01-01T23:30 + 45 minutes", &["2020-01-02T00:15"]),
        ("@2020-01-01T00:00:00Z - 1 millisecond", &["2019-12-31T23:59:59.999Z"]),
        ("@T23:30 + 1 hour", &["00:30"]),
        ("@2020-01-01 + 1.9 days", &["2020-01-02"]),
        ("@9999-12-31 + 1 day", &[]),
        ("{} + 1 day", &[]),
        ("@2020-01-01 + {}", &[]),
        ("@2020 = @2020-01", &[]),
        ("@2020 != @2021-01", &["true"]),
        ("@2020 ~ @2020-01", &["false"]),
        ("@2020-01 < @2020-02-01", &["true"]),
        ("@2020-01 < @2020-01-05", &[]),
        ("@2020-01-01T10:00:00Z = @2020-01-01T11:00:00+01:00", &["true"]),
        ("@2020-01-01T10:00Z < @2020-01-01T10:00", &[]),
        ("@T10:00 < @T10:30", &["true"]),
        ("@T10 < @T10:30", &[]),
        ("@2020-01-01T10:00:00 = @2020-01-01T10:00:00.000", &["true"]),
        ("today() is Date and now() is DateTime and timeOfDay() is Time", &["true"]),
        ("birthDate > today()", &["true"]),
        ("birthDate + 1 day", &["1974-12-26"]),
        ("birthDate.lowBoundary()", &["1974-12-25"]),
        ("@2020.lowBoundary()", &["2020-01-01"]),
        ("@2020-02.highBoundary()", &["2020-02-29"]),
        ("@2020.highBoundary(6)", &["2020-12"]),
        ("@2020.highBoundary(7)", &[]),
        ("@T10.highBoundary()", &["10:00:59.999"]),
        ("{}.lowBoundary()", &[]),
        ("@2020-05.precision() | @T10:30:00.000.precision()", &["6", "9"]),
    ]);
    fails(&[
        "@2020-01-01 + 1",
        "@2020-01-01 + 1 'mg'",
        "@2020-01-01 + 1 'a'",
        "@2020-13",
        "@T25",
        "@2020-01-01 < 5",
        "@2020 * 2",
    ]);
}

#[test]
fn truth_has_three_values() {
    let mut cases: Vec<(String, &[&str])> = Vec::new();
    let truth = |text: &'static str| match text {
        "" => "{}",
        text => text,
    };
    for (operator, table) in [
        ("and", ["true", "false", "", "false", "false", "false", "", "false", ""]),
        ("or", ["true", "true", "true", "true", "false", "", "true", "", ""]),
        ("xor", ["false", "true", "", "true", "false", "", "", "", ""]),
        ("implies", ["true", "false", "", "true", "true", "true", "true", "", ""]),
    ] {
        for (at, expected) in table.iter().enumerate() {
            let side = |at: usize| truth(["true", "false", ""][at]);
            let expected: &[&str] = match *expected {
                "" => &[],
                "true" => &["true"],
                _ => &["false"],
            };
            cases.push((format!("{} {operator} {}", side(at / 3), side(at % 3)), expected));
        }
    }
    for (expression, expected) in &cases {
        assert_eq!(evaluate(&patient(), expression).unwrap(), *expected, "{expression}");
    }
    gives(&[("name.first() and true", &["true"]), ("'a' or false", &["true"])]);
    fails(&["name and true", "true and (1 | 2)"]);
}

#[test]
fn precedence() {
    gives(&[
        ("1 + 2 * 3", &["7"]),
        ("(1 + 2) * 3", &["9"]),
        ("-1 + 2", &["1"]),
        ("2 - 1 - 1", &["0"]),
        ("'a' & 'b' = 'ab'", &["true"]),
        ("1 < 2 = true", &["true"]),
        ("1 | 2 = 1 | 2", &["true"]),
        ("1 in 1 | 2 and true", &["true"]),
        ("true or false and false", &["true"]),
        ("false implies false or true", &["true"]),
        ("1 + 1 is Integer", &["true"]),
        ("name.given.first() & '!'", &["Ada!"]),
        ("// all\n1 /* and */ + 1 // end", &["2"]),
        ("`name`.`given`.first()", &["Ada"]),
    ]);
    fails(&["1 2", "1 +", "name given", "(1", "name.given[0", "/* open", "1 ! 2", "'a", "a.`b", "$foo", "%"]);
}

#[test]
fn variables_and_tools() {
    gives(&[
        ("%resource.id | %rootResource.id | %context.id", &["p"]),
        ("name.first().select(%context.id)", &["p"]),
        ("%ucum", &["http://unitsofmeasure.org"]),
        ("%'vs-observation-status'", &["http://hl7.org/fhir/ValueSet/observation-status"]),
        ("%ext-patient-birthTime", &["http://hl7.org/fhir/StructureDefinition/patient-birthTime"]),
        ("defineVariable('n', name.given).select(%n.count())", &["4"]),
        ("name.defineVariable('n', family).select(%n).count()", &["0"]),
        (
            "name.select(defineVariable('f', family).given.select($this & ' ' & %f))",
            &["Ada Ash", "Bea Ash", "Cy ", "Ada Elm"],
        ),
        ("name.given.aggregate($total & $this, '')", &["AdaBeaCyAda"]),
        ("{}.aggregate($total + 1, 5)", &["5"]),
        ("(3 | 1 | 2).sort()", &["1", "2", "3"]),
        ("(3 | 1 | 2).sort($this desc)", &["3", "2", "1"]),
        ("name.sort(family asc, given.first() desc).given.first()", &["Cy"]),
        ("name.trace('n').count()", &["3"]),
        ("name.trace('n', given).count()", &["3"]),
        ("children().count() > 5", &["true"]),
        ("descendants().where($this = 'Ash').count()", &["1"]),
    ]);
    fails(&[
        "%nothing",
        "defineVariable('a', 1).defineVariable('a', 2)",
        "defineVariable('resource', 1)",
        "name.trace()",
    ]);
}

#[test]
fn functions_of_fhir() {
    gives(&[
        ("gender.exists()", &["true"]),
        ("gender.hasValue()", &["false"]),
        ("birthDate.hasValue()", &["true"]),
        ("name.hasValue()", &["false"]),
        ("birthDate.getValue()", &["1974-12-25"]),
        ("birthDate.value is System.Date", &["true"]),
        ("gender.extension('urn:why').value", &["unknown"]),
        ("gender.hasExtension('urn:why') and gender.hasExtension('urn:other').not()", &["true"]),
        ("managingOrganization.resolve().name", &["Org"]),
        ("managingOrganization.resolve() is Organization", &["true"]),
        ("conformsTo('http://hl7.org/fhir/StructureDefinition/DomainResource')", &["true"]),
        ("checkModifiers('urn:a').id", &["p"]),
        ("type().name | name.first().type().name | active.type().namespace", &["Patient", "HumanName", "FHIR"]),
        ("name.given.first() is string and name.given.first() is System.String", &["false"]),
        ("active is boolean", &["true"]),
        ("{} is Patient", &[]),
        ("'a'.memberOf('urn:a')", &[]),
    ]);
    fails(&[
        "name is HumanName",
        "conformsTo('urn:nothing')",
        "elementDefinition()",
        "slice('a', 'b')",
        "birthDate.subsumes(birthDate)",
    ]);
}

#[test]
fn concepts_subsume_themselves() {
    let observation = json!({"resourceType": "Observation", "status": "final",
        "code": {"coding": [{"system": "urn:s", "code": "a"}]},
        "category": [{"coding": [{"system": "urn:s", "code": "a"}]}, {"coding": [{"system": "urn:t", "code": "a"}]}],
        "modifierExtension": [{"url": "urn:m", "valueBoolean": true}]});
    check(
        &observation,
        &[
            ("code.subsumes(category[0])", &["true"]),
            ("code.subsumes(category[1])", &["false"]),
            ("code.coding.first().subsumedBy(category[0].coding.first())", &["true"]),
            ("code.subsumes({})", &[]),
            ("checkModifiers('urn:m').status", &["final"]),
            ("code ~ category[0]", &["true"]),
            ("code = category[1]", &["false"]),
        ],
    );
    assert!(evaluate(&observation, "checkModifiers('urn:other')").is_err());
}

#[test]
fn references_are_followed_within_a_bundle() {
    let bundle = json!({"resourceType": "Bundle", "type": "collection", "entry": [
        {"fullUrl": "urn:uuid:1", "resource": {"resourceType": "Patient", "birthDate": "1970"}},
        {"fullUrl": "http://a.example/fhir/Patient/2", "resource": {"resourceType": "Patient", "birthDate": "1980"}},
        {"resource": {"resourceType": "Observation", "subject": {"reference": "urn:uuid:1"},
            "focus": [{"reference": "Patient/2"}, {"reference": "#c"}, {"reference": "Patient/3"}],
            "contained": [{"resourceType": "Patient", "id": "c", "birthDate": "1990"}]}}]});
    check(
        &bundle,
        &[
            ("entry.resource.subject.resolve().birthDate", &["1970"]),
            ("entry.resource.focus.resolve().birthDate", &["1980", "1990"]),
            ("entry.resource.focus.where(resolve() is Patient).count()", &["3"]),
        ],
    );
}

#[test]
fn narratives_hold_nothing_that_runs() {
    for (text, expected) in [
        ("<div xmlns=\"http://www.w3.org/1999/xhtml\"><p>a <b>b</b><br/></p></div>", "true"),
        ("<div><img src='#a' alt=\"a\"/></div>", "true"),
        ("<div><!-- c --><table><tr><td colspan=\"2\">x</td></tr></table></div>", "true"),
        ("<div><s>a</s><u title='b'>b</u></div>", "true"),
        ("<div><p data-a=\"b\">a</p></div>", "false"),
        ("<div></div>", "false"),
        ("<div>  </div>", "false"),
        ("<p>a</p>", "false"),
        ("<div>a</div><div>b</div>", "false"),
        ("<div>a<script>b</script></div>", "false"),
        ("<div onclick=\"a()\">a</div>", "false"),
        ("<div><a href=\"javascript:a()\">a</a></div>", "false"),
        ("<div><p>a</div></p>", "false"),
        ("<div>a", "false"),
        ("<div><br>a</div>", "false"),
        ("a", "false"),
    ] {
        let patient = json!({"resourceType": "Patient", "text": {"status": "generated", "div": text}});
        assert_eq!(evaluate(&patient, "text.div.htmlChecks()").unwrap(), [expected], "{text}");
    }
}

#[test]
fn no_expression_runs_or_grows_without_end() {
    for expression in [
        "name.given.repeat($this & 'a')",
        "1.repeatAll($this + 1)",
        "name.repeatAll($this)",
        "(1|2|3|4|5|6|7|8|9).select(%context.descendants().select(%context.descendants().select(%context.descendants())))",
        "'0123456789'.toChars().aggregate($total & $total & $total & $total & $total & $total & $total & $total, 'aaaaaaaaaaaaaaaa')",
        "'0123456789'.toChars().aggregate($total.combine($total).combine($total).combine($total), 1|2|3|4|5)",
        "'0123456789'.toChars().aggregate($total.replace('a', 'aaaaaaaaaaaaaaaaaaaaaa'), 'a')",
    ] {
        let error = evaluate(&patient(), expression).unwrap_err();
        assert_eq!(error, fhirpath::FhirpathError::TooManySteps, "{expression}");
    }
    let often = "'0123456789'.toChars().select('a'.matches('(a{9}){9}' & $this))";
    assert_eq!(evaluate(&patient(), often).unwrap_err(), fhirpath::FhirpathError::TooManySteps);
    // A pattern that would make a backtracking engine try for ever is just matched.
    let long = format!("'{}b'.matches('^(a+)+$')", "a".repeat(5_000));
    assert_eq!(evaluate(&patient(), &long).unwrap(), ["false"]);
}

#[test]
fn the_patterns_of_r4_can_be_used() {
    let rules = crate::evaluate::definitions().types().flat_map(|found| &found.constraints);
    let mut count = 0;
    for rule in rules {
        for piece in rule.expression.split("matches('").skip(1) {
            let (pattern, _) = piece.split_once("')").unwrap();
            let call = format!("'x'.matches('{pattern}')");
            assert!(evaluate(&patient(), &call).is_ok(), "{}: {call}", rule.key);
            count += 1;
        }
    }
    assert!(count > 20, "{count}");
}

#[test]
fn a_fault_says_what_happened_once() {
    let document = fhir::Json::from_value(&patient());
    let context = fhirpath::Context::new(document.root(), crate::evaluate::definitions(), &fhirpath::NoHost);
    let expression = fhirpath::Expression::parse("name.toString()").unwrap();
    let focus = context.resource.clone().unwrap();
    let fault = expression.evaluate_located(&focus, &context).unwrap_err();
    assert!(fault.to_string().contains("takes a single item"), "{fault}");
    // Who writes the chain of sources would say it again.
    assert!(std::error::Error::source(&fault).is_none());
}
