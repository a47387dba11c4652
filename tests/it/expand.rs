//! `$expand`: the codes of value sets, from the definitions, the store and the request.

use serde_json::{Value, json};
use tests::{Answer, on_each, unique};

const GENDER: &str = "http://hl7.org/fhir/ValueSet/administrative-gender";
const ROLE: &str = "http://terminology.hl7.org/CodeSystem/v3-RoleCode";

/// System-less codes of an expansion, in order.
fn codes(answer: Answer) -> Vec<String> {
    let set = answer.expect(200).json();
    assert_eq!(set["resourceType"], "ValueSet");
    let contains = set["expansion"]["contains"].as_array().cloned().unwrap_or_default();
    contains.iter().map(|one| one["code"].as_str().unwrap().to_owned()).collect()
}

fn inline(compose: &Value) -> Value {
    json!({"resourceType": "Parameters", "parameter": [
        {"name": "valueSet", "resource": {"resourceType": "ValueSet", "status": "draft", "compose": compose}}]})
}

/// A code system of colours: two shades below green, one of them retired, `none` not for use.
fn colours(url: &str) -> Value {
    json!({"resourceType": "CodeSystem", "url": url, "version": "1", "status": "active", "content": "complete", "caseSensitive": true,
        "name": "Colours", "filter": [{"code": "shade", "operator": ["="], "value": "a shade"}], "property": [
            {"code": "warm", "type": "boolean"}, {"code": "never", "type": "string"}, {"code": "retired", "uri": "http://hl7.org/fhir/concept-properties#inactive", "type": "boolean"},
            {"code": "notSelectable", "uri": "http://hl7.org/fhir/concept-properties#notSelectable", "type": "boolean"}],
        "concept": [
            {"code": "red", "display": "Red", "definition": "The longest waves", "property": [{"code": "warm", "valueBoolean": true}],
                "designation": [{"language": "cy", "value": "Coch"}, {"language": "fr-CA", "value": "Rouge"}]},
            {"code": "green", "display": "Green", "property": [{"code": "warm", "valueBoolean": false}], "concept": [
                {"code": "lime", "display": "Lime green"},
                {"code": "olive", "display": "Olive green", "property": [{"code": "retired", "valueBoolean": true}]}]},
            {"code": "none", "display": "No colour", "property": [{"code": "notSelectable", "valueBoolean": true}]}]})
}

#[test]
fn a_value_set_of_the_standard_is_listed() {
    on_each("expand", |app| async move {
        let api = app.system("system/*.rs").await;
        let answer = api.get(&format!("ValueSet/$expand?url={GENDER}")).await.expect(200).json();
        assert_eq!((&answer["url"], &answer["status"]), (&json!(GENDER), &json!("active")));
        assert_eq!(answer["expansion"]["total"], 4);
        assert_eq!(
            answer["expansion"]["contains"][1],
            json!({"system": "http://hl7.org/fhir/administrative-gender", "code": "female", "display": "Female"})
        );
        let checked = api.post("ValueSet/$validate", &answer).await.expect(200).json();
        assert!(!checked.to_string().contains("\"error\""), "{checked}");
        let posted = json!({"resourceType": "Parameters", "parameter": [{"name": "url", "valueUri": GENDER}]});
        assert_eq!(codes(api.post("ValueSet/$expand", &posted).await), ["male", "female", "other", "unknown"]);
        let versioned = format!("ValueSet/$expand?url={GENDER}&valueSetVersion=4.0.1");
        assert_eq!(codes(api.get(&versioned).await).len(), 4);
        let xml = api.get(&format!("ValueSet/$expand?url={GENDER}&_format=xml")).await.expect(200);
        assert!(xml.text().contains("<code value=\"female\"/>"), "{}", xml.text());
        // UK Core, by an import of a code system of its own.
        let uk = "https://fhir.hl7.org.uk/ValueSet/UKCore-EthnicCategory";
        assert!(codes(api.get(&format!("ValueSet/$expand?url={uk}")).await).contains(&"A".to_owned()));
    });
}

#[test]
fn pages_filters_and_what_is_refused() {
    on_each("expand_shape", |app| async move {
        let api = app.system("system/*.rs").await;
        let get = async |query: &str| api.get(&format!("ValueSet/$expand?url={GENDER}&{query}")).await;
        assert_eq!(codes(get("count=2&offset=1").await), ["female", "other"]);
        let page = get("count=2&offset=1").await.expect(200).json();
        assert_eq!((&page["expansion"]["total"], &page["expansion"]["offset"]), (&json!(4), &json!(1)));
        let only_total = get("count=0").await.expect(200).json();
        assert_eq!(
            (&only_total["expansion"]["total"], &only_total["expansion"]["contains"]),
            (&json!(4), &Value::Null)
        );
        assert_eq!(codes(get("filter=FEM").await), ["female"]);
        assert_eq!(codes(get("filter=fem%20nothing").await), Vec::<String>::new());
        assert_eq!(codes(get("exclude-system=http://hl7.org/fhir/administrative-gender").await), Vec::<String>::new());
        for (query, status) in [
            ("colour=red", 400),
            ("date=2020-01-01", 400),
            ("date=9999", 400),
            ("date=soon", 400),
            ("context=x", 400),
            ("contextDirection=incoming", 400),
            ("system-version=x", 400),
            ("force-system-version=x%7C1&force-system-version=x%7C2", 400),
            ("count=-1", 400),
            ("activeOnly=perhaps", 400),
            ("valueSetVersion=9", 404),
            (&format!("url={GENDER}"), 400),
        ] {
            get(query).await.refused(status);
        }
        api.get("ValueSet/$expand").await.refused(400);
        api.get("ValueSet/$expand?url=urn:weir:none").await.refused(404);
        api.get("ValueSet/never-there/$expand").await.refused(404);
        let both = api.post(&format!("ValueSet/$expand?url={GENDER}"), &inline(&json!({"include": []}))).await;
        both.refused(400);
        api.post("ValueSet/$expand", &json!({"resourceType": "Patient"})).await.refused(400);
    });
}

#[test]
fn every_part_of_a_composition_counts() {
    on_each("expand_compose", |app| async move {
        let api = app.system("system/*.cruds").await;
        let system = format!("urn:weir:test:{}", unique("codes"));
        api.create(&colours(&system)).await;
        let check = async |compose: Value, expected: &[&str]| {
            assert_eq!(codes(api.post("ValueSet/$expand", &inline(&compose)).await), expected, "{compose}");
        };
        let filter = |property: &str, op: &str, value: &str| json!({"include": [{"system": system, "filter": [{"property": property, "op": op, "value": value}]}]});
        check(json!({"include": [{"system": system}]}), &["red", "green", "lime", "olive", "none"]).await;
        check(json!({"include": [{"system": system, "version": "1"}]}), &["red", "green", "lime", "olive", "none"])
            .await;
        check(json!({"inactive": false, "include": [{"system": system}]}), &["red", "green", "lime", "none"]).await;
        // A code that the complete system does not have is no code.
        let listed = json!([{"code": "olive"}, {"code": "red"}, {"code": "blue"}]);
        check(json!({"include": [{"system": system, "concept": listed}]}), &["olive", "red"]).await;
        check(filter("concept", "is-a", "green"), &["green", "lime", "olive"]).await;
        check(filter("concept", "descendent-of", "green"), &["lime", "olive"]).await;
        check(filter("concept", "is-not-a", "green"), &["red", "none"]).await;
        check(filter("concept", "generalizes", "lime"), &["green", "lime"]).await;
        check(filter("code", "in", "red,lime"), &["red", "lime"]).await;
        check(filter("code", "not-in", "red,lime"), &["green", "olive", "none"]).await;
        check(filter("code", "regex", "[a-r]*d"), &["red"]).await;
        check(filter("display", "regex", ".* green"), &["lime", "olive"]).await;
        check(filter("warm", "=", "true"), &["red"]).await;
        check(filter("warm", "exists", "true"), &["red", "green"]).await;
        check(filter("warm", "exists", "false"), &["lime", "olive", "none"]).await;
        check(filter("parent", "=", "green"), &["lime", "olive"]).await;
        check(filter("child", "exists", "true"), &["green"]).await;
        check(
            json!({"include": [{"system": system}], "exclude": [{"system": system, "concept": [{"code": "red"}]},
                {"system": system, "filter": [{"property": "concept", "op": "is-a", "value": "green"}]}]}),
            &["none"],
        )
        .await;
        let twice =
            json!([{"system": system, "concept": [{"code": "red"}]}, {"system": system, "concept": [{"code": "red"}]}]);
        check(json!({"include": twice}), &["red"]).await;
        for (property, op, value) in
            [("concept", "near", "x"), ("code", "regex", "("), ("code", "exists", "maybe"), ("warm", "is-a", "x")]
        {
            api.post("ValueSet/$expand", &inline(&filter(property, op, value))).await.refused(422);
        }
        // A property that the system does not have would list nothing, or all, by mistake.
        for op in ["=", "in", "exists", "regex", "not-in"] {
            let compose = filter("colour", op, "true");
            let refused = api.post("ValueSet/$expand", &inline(&compose)).await.expect(422).json();
            let said = &refused["issue"][0];
            assert!(said["diagnostics"].as_str().unwrap().contains("no property `colour`"), "{refused}");
            assert_eq!(said["code"], "invalid");
        }
        // What a system declares as a filter need be no property; what a built-in one declares is not known here.
        for (system, property) in [(system.as_str(), "shade"), (ROLE, "colour")] {
            let by = json!([{"property": property, "op": "=", "value": "x"}]);
            let compose = json!({"include": [{"system": system, "filter": by}]});
            let refused = api.post("ValueSet/$expand", &inline(&compose)).await.expect(422).json();
            assert_eq!(refused["issue"][0]["code"], "not-supported", "{refused}");
        }
        // One that is declared and that nobody has is one.
        check(filter("never", "=", "x"), &[]).await;
        // Time that doubles with each letter elsewhere is linear here.
        let evil = filter("display", "regex", "(a*)*(a*)*(a*)*b");
        assert_eq!(codes(api.post("ValueSet/$expand", &inline(&evil)).await), Vec::<String>::new());
        api.post("ValueSet/$expand", &inline(&filter("display", "regex", "((a{99}){99}){99}"))).await.refused(422);
        let other = json!({"include": [{"system": system, "version": "2"}]});
        api.post("ValueSet/$expand", &inline(&other)).await.refused(404);
        let shape = |more: &str| format!("ValueSet/$expand?{more}");
        let of_all = inline(&json!({"include": [{"system": system}]}));
        assert_eq!(codes(api.post(&shape("activeOnly=true"), &of_all).await), ["red", "green", "lime", "none"]);
        assert_eq!(codes(api.post(&shape("excludeNotForUI=true"), &of_all).await).last().unwrap(), "olive");
        let told = api.post(&shape("includeDesignations=true&displayLanguage=cy"), &of_all).await.expect(200).json();
        let red = &told["expansion"]["contains"][0];
        assert_eq!((&red["display"], &red["designation"][1]["language"]), (&json!("Coch"), &json!("fr-CA")));
        assert_eq!(told["expansion"]["contains"][4]["abstract"], true);
        assert_eq!(told["expansion"]["contains"][3]["inactive"], true);
        let french = api.post(&shape("designation=fr&includeDefinition=true"), &of_all).await.expect(200).json();
        assert_eq!(french["expansion"]["contains"][0]["designation"], json!([{"language": "fr-CA", "value": "Rouge"}]));
        assert_eq!(french["compose"]["include"][0]["system"], json!(system));
    });
}

#[test]
fn versions_of_code_systems_can_be_chosen() {
    on_each("expand_versions", |app| async move {
        let api = app.system("system/*.cruds").await;
        let system = format!("urn:weir:test:{}", unique("codes"));
        for (version, code) in [("1", "old"), ("2", "new")] {
            api.create(&json!({"resourceType": "CodeSystem", "url": system, "version": version, "status": "active",
                "content": "complete", "concept": [{"code": code}, {"code": "same"}]}))
                .await;
        }
        let open = inline(&json!({"include": [{"system": system}]}));
        let first = inline(&json!({"include": [{"system": system, "version": "1"}]}));
        let expand = async |query: &str, body: &Value| {
            let query = query.replace('S', &system);
            api.post(&format!("ValueSet/$expand?{query}"), body).await
        };
        for (query, body, expected) in [
            ("", &open, "new"),
            ("", &first, "old"),
            ("system-version=S%7C1", &open, "old"),
            ("system-version=S%7C2", &first, "old"),
            ("system-version=urn:other%7C2", &open, "new"),
            ("check-system-version=S%7C1", &open, "old"),
            ("check-system-version=S%7C1", &first, "old"),
            ("force-system-version=S%7C2", &first, "new"),
            ("exclude-system=S%7C1", &open, "new"),
        ] {
            assert_eq!(codes(expand(query, body).await), [expected, "same"], "{query}");
        }
        assert_eq!(codes(expand("exclude-system=S%7C2", &open).await), Vec::<String>::new());
        expand("check-system-version=S%7C2", &first).await.refused(422);
        expand("force-system-version=S%7C3", &first).await.refused(404);
        // What was chosen and what it came to stand in the expansion.
        let told = expand("force-system-version=S%7C1", &open).await.expect(200).json();
        let parameters = told["expansion"]["parameter"].to_string();
        assert!(parameters.contains("force-system-version") && parameters.contains(&format!("{system}|1")), "{told}");
        // The moment of the expansion is one at which it can be made.
        let now = told["expansion"]["timestamp"].as_str().unwrap();
        assert_eq!(codes(expand(&format!("date={}", &now[..4]), &open).await).len(), 2);
    });
}

#[test]
fn a_context_leads_to_the_value_set_of_its_binding() {
    on_each("expand_context", |app| async move {
        let api = app.system("system/*.rs").await;
        let of = |context: &str| format!("ValueSet/$expand?context={}", context.replace('#', "%23"));
        let base = "http://hl7.org/fhir/StructureDefinition";
        let gender = ["male", "female", "other", "unknown"];
        assert_eq!(codes(api.get(&of(&format!("{base}/Patient#Patient.gender"))).await), gender);
        let incoming = format!("{}&contextDirection=incoming", of(&format!("{base}/Patient#Patient.gender")));
        assert_eq!(codes(api.get(&incoming).await), gender);
        // A profile's own binding, and one that it has of its base.
        let uk = "https://fhir.hl7.org.uk/StructureDefinition";
        assert_eq!(codes(api.get(&of(&format!("{uk}/UKCore-Patient#Patient.gender"))).await), gender);
        let ethnic = of(&format!("{uk}/Extension-UKCore-EthnicCategory#Extension.value[x]"));
        assert!(codes(api.get(&ethnic).await).contains(&"A".to_owned()));
        for wrong in [
            "Patient.gender",
            "http://weir.example/none#Patient.gender",
            &format!("{base}/Patient#Patient.birthDate"),
            &format!("{base}/Patient#Observation.status"),
        ] {
            api.get(&of(wrong)).await.refused(400);
        }
        api.get(&format!("{incoming}&url={GENDER}")).await.refused(400);
        api.get(&format!("{}&contextDirection=sideways", of(&format!("{base}/Patient#Patient.gender"))))
            .await
            .refused(400);
        let valid = format!(
            "ValueSet/$validate-code?context={base}/Patient%23Patient.gender&system=http://hl7.org/fhir/administrative-gender&code=female"
        );
        assert_eq!(api.get(&valid).await.expect(200).json()["parameter"][0]["valueBoolean"], true);
    });
}

#[test]
fn imports_are_followed_and_circles_end() {
    on_each("expand_imports", |app| async move {
        let api = app.system("system/*.cruds").await;
        let (system, base) =
            (format!("urn:weir:test:{}", unique("codes")), format!("http://weir.example/{}", unique("codes")));
        api.create(&colours(&system)).await;
        let set = |name: &str, compose: Value| json!({"resourceType": "ValueSet", "url": format!("{base}/{name}"), "status": "active", "compose": compose});
        let of = |codes: &[&str]| {
            let listed: Vec<Value> = codes.iter().map(|code| json!({"code": code})).collect();
            json!({"include": [{"system": system, "concept": listed}]})
        };
        let warm = api.create(&set("warm", of(&["red", "olive"]))).await;
        api.create(&set("old", of(&["olive", "lime"]))).await;
        let both = json!({"include": [{"valueSet": [format!("{base}/warm"), format!("{base}/old")]}]});
        let both = api.create(&set("both", both)).await;
        let url = format!("ValueSet/{both}/$expand");
        assert_eq!(codes(api.get(&url).await), ["olive"]);
        assert_eq!(codes(api.post(&url, &json!({"resourceType": "Parameters"})).await), ["olive"]);
        assert_eq!(codes(api.get(&format!("ValueSet/$expand?url={base}/both")).await), ["olive"]);
        let either =
            json!({"include": [{"valueSet": [format!("{base}/warm")]}, {"valueSet": [format!("{base}/old")]}]});
        assert_eq!(codes(api.post("ValueSet/$expand", &inline(&either)).await), ["red", "olive", "lime"]);
        // What is changed counts at once.
        let mut changed = set("warm", of(&["lime"]));
        changed["id"] = json!(warm);
        api.put(&format!("ValueSet/{warm}"), &changed).await.expect(200);
        assert_eq!(codes(api.get(&url).await), ["lime"]);
        api.delete(&format!("ValueSet/{warm}")).await.expect(204);
        api.get(&url).await.refused(404);
        api.get(&format!("ValueSet/{warm}/$expand")).await.refused(410);
        let circle = json!({"include": [{"valueSet": [format!("{base}/a")]}, {"valueSet": [format!("{base}/a")]}]});
        let circle = set("a", circle);
        let id = api.create(&circle).await;
        let sent = json!({"resourceType": "Parameters", "parameter": [{"name": "valueSet", "resource": circle}]});
        let valid = format!("ValueSet/{id}/$validate-code?system={system}&code=red");
        for answer in [
            api.get(&format!("ValueSet/$expand?url={base}/a")).await,
            api.get(&format!("ValueSet/{id}/$expand")).await,
            api.get(&valid).await,
            api.post("ValueSet/$expand", &sent).await,
        ] {
            let refused = answer.expect(422).json();
            assert_eq!(refused["issue"][0]["code"], "business-rule", "{refused}");
        }
    });
}

#[test]
fn what_cannot_be_listed_says_why() {
    on_each("expand_refused", |app| async move {
        let api = app.system("system/*.rs").await;
        for (compose, status, code) in [
            (json!({"include": [{"system": "http://snomed.info/sct"}]}), 422, "not-supported"),
            (json!({"include": [{"system": "http://loinc.org"}]}), 404, "not-found"),
            (json!({"include": [{"system": "http://unitsofmeasure.org"}]}), 422, "too-costly"),
            (json!({"include": [{"system": "urn:weir:nothing"}]}), 404, "not-found"),
            (json!({"include": [{"valueSet": ["urn:weir:nothing"]}]}), 404, "not-found"),
        ] {
            let answer = api.post("ValueSet/$expand", &inline(&compose)).await;
            let outcome = answer.expect(status).json();
            assert_eq!(outcome["issue"][0]["code"], code, "{compose}: {outcome}");
        }
        // The value set itself says the codes of a system that is not here.
        let named =
            json!({"include": [{"system": "http://snomed.info/sct", "concept": [{"code": "1", "display": "One"}]}]});
        assert_eq!(codes(api.post("ValueSet/$expand", &inline(&named)).await), ["1"]);
        let concepts: Vec<Value> = (0..10_001).map(|number| json!({"code": format!("c{number}")})).collect();
        let many = inline(&json!({"include": [{"system": "urn:weir:many", "concept": concepts}]}));
        let refused = api.post("ValueSet/$expand", &many).await.expect(422).json();
        assert_eq!(refused["issue"][0]["code"], "too-costly");
        assert_eq!(codes(api.post("ValueSet/$expand?count=3&offset=9999", &many).await), ["c9999", "c10000"]);
        let part = inline(
            &json!({"include": [{"system": ROLE, "filter": [{"property": "concept", "op": "is-a", "value": "PRN"}]}]}),
        );
        assert!(codes(api.post("ValueSet/$expand", &part).await).contains(&"MTH".to_owned()));
    });
}

#[test]
fn stored_value_sets_are_for_those_who_may_search_them() {
    on_each("expand_access", |app| async move {
        let api = app.system("system/*.cruds").await;
        let url = format!("http://weir.example/{}", unique("codes"));
        let compose = json!({"include": [{"system": "urn:weir:x", "concept": [{"code": "a"}]}]});
        let id = api
            .create(&json!({"resourceType": "ValueSet", "url": url, "status": "active", "compose": compose,
                "meta": {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "V"}]}}))
            .await;
        // Hidden from reads and searches, it is hidden from operations.
        api.get(&format!("ValueSet/{id}/$expand")).await.refused(404);
        api.get(&format!("ValueSet/$expand?url={url}")).await.refused(404);
        app.system("system/Patient.rs").await.get(&format!("ValueSet/$expand?url={GENDER}")).await.refused(403);
        app.system("system/ValueSet.r").await.get(&format!("ValueSet/$expand?url={GENDER}")).await.refused(403);
        // Whoever may not search code systems is not answered from those that are stored.
        let system = format!("urn:weir:test:{}", unique("codes"));
        api.create(&colours(&system)).await;
        let of_all = inline(&json!({"include": [{"system": system}]}));
        app.system("system/ValueSet.rs").await.post("ValueSet/$expand", &of_all).await.refused(404);
        assert_eq!(
            codes(app.system("system/ValueSet.rs system/CodeSystem.rs").await.post("ValueSet/$expand", &of_all).await)
                .len(),
            5
        );
    });
}

#[test]
fn an_expansion_is_audited_with_what_it_read() {
    on_each("expand_audit", |app| async move {
        let api = app.system("system/*.cruds").await;
        let url = format!("http://weir.example/{}", unique("codes"));
        let compose = json!({"include": [{"system": "urn:weir:x", "concept": [{"code": "a"}]}]});
        let id =
            api.create(&json!({"resourceType": "ValueSet", "url": url, "status": "active", "compose": compose})).await;
        let request = unique("codes");
        let call = api.call("GET", &format!("ValueSet/$expand?url={url}")).header("x-request-id", &request);
        call.send().await.expect(200);
        let entries = app.audited(&request).await;
        assert_eq!(entries.len(), 1);
        let told = format!("{:?}", entries[0]);
        assert!(told.contains("Expand") && told.contains(&format!("ValueSet/{id}")), "{told}");
    });
}
