//! What a reference between entries of a Bundle means: <https://hl7.org/fhir/R4/bundle.html#references>.

use serde_json::{Value, json};
use tests::{Api, Person, observation, on_each, unique};

const GP: &str = "https://gp.example/fhir";

fn bundle(kind: &str, entries: &[Value]) -> Value {
    json!({"resourceType": "Bundle", "type": kind, "entry": entries})
}

fn entry(full_url: &str, method: &str, url: &str, resource: Value) -> Value {
    let mut entry = json!({"request": {"method": method, "url": url}, "resource": resource});
    if !full_url.is_empty() {
        entry["fullUrl"] = json!(full_url);
    }
    entry
}

fn about(subject: &str) -> Value {
    let mut resource = observation("x", &unique("code"), "2026-01-01");
    resource["subject"]["reference"] = json!(subject);
    resource
}

fn posted(full_url: &str, subject: &str) -> Value {
    entry(full_url, "POST", "Observation", about(subject))
}

fn patient(full_url: &str, person: &Person) -> Value {
    entry(full_url, "POST", "Patient", person.patient())
}

fn put(full_url: &str, type_name: &str, id: &str, mut resource: Value) -> Value {
    resource["id"] = json!(id);
    entry(full_url, "PUT", &format!("{type_name}/{id}"), resource)
}

/// Stores somebody of an id who is nobody's sender's patient.
async fn bystander(api: &Api<'_>) -> String {
    let id = unique("p");
    let mut resource = Person::new().patient();
    resource["id"] = json!(id);
    api.put(&format!("Patient/{id}"), &resource).await.expect(201);
    id
}

async fn created(api: &Api<'_>, person: &Person) -> String {
    api.find(&format!("Patient?identifier={}", person.nhs_number)).await.remove(0)
}

async fn subject(api: &Api<'_>, entries: &[Value], index: usize) -> String {
    let answer = api.post("", &bundle("transaction", entries)).await.expect(200).json();
    answer["entry"][index]["resource"]["subject"]["reference"].as_str().unwrap().to_owned()
}

#[test]
fn a_relative_reference_is_relative_to_the_root_of_its_own_entry() {
    on_each("links_root", |app| async move {
        let api = app.system("system/*.cruds").await;
        let id = bystander(&api).await;
        let relative = format!("Patient/{id}");
        let (first, second) = (Person::new(), Person::new());
        let other = "http://other.example/r4";
        let entries = [
            patient(&format!("{GP}/{relative}"), &first),
            patient(&format!("{other}/{relative}"), &second),
            posted(&format!("{GP}/Observation/78"), &relative),
            posted(&format!("{other}/Observation/78"), &relative),
            posted("urn:uuid:8f3c1a52-0f5b-4d0e-9a3d-1d1f0c5f7b01", &format!("{other}/{relative}")),
        ];
        let answer = api.post("", &bundle("transaction", &entries)).await.expect(200).json();
        let of = |index: usize| answer["entry"][index]["resource"]["subject"]["reference"].as_str().unwrap().to_owned();
        let (first, second) = (created(&api, &first).await, created(&api, &second).await);
        assert_eq!(of(2), format!("Patient/{first}"));
        assert_eq!(of(3), format!("Patient/{second}"));
        assert_eq!(of(4), format!("Patient/{second}"), "a whole URL says whose it is");
        assert!(api.find(&format!("Observation?patient={id}")).await.is_empty());
    });
}

#[test]
fn a_reference_that_could_mean_somebody_else_is_refused() {
    on_each("links_refused", |app| async move {
        let api = app.system("system/*.cruds").await;
        let id = bystander(&api).await;
        let relative = format!("Patient/{id}");
        let foreign = format!("{GP}/{relative}");
        let urn = "urn:uuid:8f3c1a52-0f5b-4d0e-9a3d-1d1f0c5f7b02";
        let mut claimed = Person::new().patient();
        claimed["id"] = json!(id);
        let mut contained = about("#c");
        contained["contained"] = json!([{"resourceType": "Group", "id": "c", "type": "person", "actual": true, "member": [{"entity": {"reference": relative}}]}]);
        let mut attached = json!({"resourceType": "DocumentReference", "status": "current", "content": [{"attachment": {"url": "Binary/7"}}]});
        attached["subject"] = json!({"reference": format!("{}/{relative}", app.base_url)});
        let bad: [Vec<Value>; 6] = [
            vec![posted(&format!("{GP}/Observation/78"), &relative)],
            vec![entry(&format!("{GP}/Observation/78"), "POST", "Observation", contained)],
            vec![entry(&format!("{GP}/DocumentReference/78"), "POST", "DocumentReference", attached)],
            vec![patient(&foreign, &Person::new()), posted(urn, &relative)],
            vec![entry(urn, "POST", "Patient", claimed.clone()), posted("", &relative)],
            vec![patient(&foreign, &Person::new()), put(urn, "Observation", &unique("o"), about(&relative))],
        ];
        let elements = [
            "subject.reference",
            "contained[0].member[0].entity.reference",
            "content[0].attachment.url",
            "subject.reference",
            "subject.reference",
            "subject.reference",
        ];
        for (entries, element) in bad.into_iter().zip(elements) {
            let last = entries.len() - 1;
            let place = format!("\"Bundle.entry[{last}].resource.{element}\"");
            let said = api.post("", &bundle("transaction", &entries)).await.refused(422);
            assert!(said.contains(&place), "{said}");
            let answer = api.post("", &bundle("batch", &entries)).await.expect(200).json();
            assert!(answer["entry"][last]["response"]["status"].as_str().unwrap().starts_with("422"), "{answer}");
            assert!(answer.to_string().contains(&place), "{answer}");
        }
        // This server's URL leaves no doubt, and an entry without another root means what is here.
        let own = format!("{}/{relative}", app.base_url);
        assert_eq!(subject(&api, &[posted(&format!("{GP}/Observation/78"), &own)], 0).await, relative);
        let both = [entry(urn, "POST", "Patient", claimed), posted("", &own)];
        assert_eq!(subject(&api, &both, 1).await, relative);
        assert_eq!(subject(&api, &[posted(urn, &relative)], 0).await, relative);
        // The base of an update is ignored.
        let updated = put(&format!("{GP}/Observation/u"), "Observation", "u", about(&relative));
        assert_eq!(subject(&api, &[updated], 0).await, relative);
    });
}

#[test]
fn a_reference_to_an_updated_entry_by_its_full_url_is_one_to_the_resource_here() {
    on_each("links_put", |app| async move {
        let api = app.system("system/*.cruds").await;
        let id = unique("vv");
        let full_url = format!("http://e.example/fhir/Patient/{id}");
        let mut restricted = Person::new().patient();
        restricted["meta"] =
            json!({"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}]});
        let encounter = |reference: &str| json!({"resourceType": "Encounter", "status": "finished", "class": {"code": "AMB"}, "subject": {"reference": reference}});
        let entries = [
            put(&full_url, "Patient", &id, restricted),
            put("http://e.example/fhir/Encounter/e", "Encounter", &unique("e"), encounter(&full_url)),
            put("", "Encounter", &unique("e"), encounter(&format!("{full_url}/_history/4"))),
        ];
        let answer = api.post("", &bundle("transaction", &entries)).await.expect(200).json();
        assert_eq!(answer["entry"].as_array().unwrap().len(), 3);
        let all = app.system("system/*.rs").await;
        assert_eq!(all.find(&format!("Encounter?patient={id}")).await.len(), 2, "in the patient's compartment");

        let batch = api.post("", &bundle("batch", &entries)).await.expect(200).json();
        assert!(batch["entry"][1]["response"]["status"].as_str().unwrap().starts_with("422"), "{batch}");

        // A fullUrl of this server that is not what the request writes is a mistake.
        let odd = put(&format!("{}/Patient/{id}", app.base_url), "Patient", &unique("q"), Person::new().patient());
        api.post("", &bundle("transaction", &[odd])).await.refused(400);
    });
}

#[test]
fn links_to_versions_and_parts_of_an_entry_stay_such() {
    on_each("links_versions", |app| async move {
        let api = app.system("system/*.cruds").await;
        let (new, here) = (Person::new(), Person::new());
        let there = api.create(&here.patient()).await;
        let base = &app.base_url;
        let mut met = patient("urn:uuid:8f3c1a52-0f5b-4d0e-9a3d-1d1f0c5f7b03", &here);
        met["request"]["ifNoneExist"] = json!(format!("identifier={}", here.nhs_number));
        let mut linked = about("Patient/v77/_history/3");
        linked["extension"] =
            json!([{"url": "http://example.org/link", "valueUri": format!("{base}/Patient/v77#name")}]);
        let entries = [
            patient(&format!("{base}/Patient/v77"), &new),
            entry("", "POST", "Observation", linked),
            met,
            posted("", "urn:uuid:8f3c1a52-0f5b-4d0e-9a3d-1d1f0c5f7b03/_history/9"),
        ];
        let answer = api.post("", &bundle("transaction", &entries)).await.expect(200).json();
        let id = created(&api, &new).await;
        let resource = |index: usize| &answer["entry"][index]["resource"];
        assert_eq!(resource(1)["subject"]["reference"], format!("Patient/{id}/_history/1"));
        assert_eq!(resource(1)["extension"][0]["valueUri"], format!("Patient/{id}#name"));
        assert_eq!(resource(3)["subject"]["reference"], format!("Patient/{there}/_history/1"));

        let urn = "urn:uuid:8f3c1a52-0f5b-4d0e-9a3d-1d1f0c5f7b04";
        let changed = entry(urn, "PUT", &format!("Patient?identifier={}", here.nhs_number), here.patient());
        let said = api.post("", &bundle("transaction", &[changed, posted("", &format!("{urn}/_history/1"))])).await;
        assert!(said.refused(422).contains("version"));
    });
}

#[test]
fn what_a_patch_finds_keeps_its_meaning() {
    on_each("links_patch", |app| async move {
        let api = app.system("system/*.cruds").await;
        let id = bystander(&api).await;
        let stored = api.create(&about(&format!("Patient/{id}"))).await;
        let patch = json!({"resourceType": "Parameters", "parameter": [{"name": "operation", "part": [
            {"name": "type", "valueCode": "replace"}, {"name": "path", "valueString": "Observation.status"},
            {"name": "value", "valueCode": "amended"}]}]});
        let entries = [
            patient(&format!("{}/Patient/{id}", app.base_url), &Person::new()),
            entry("", "PATCH", &format!("Observation/{stored}"), patch),
        ];
        assert_eq!(subject(&api, &entries, 1).await, format!("Patient/{id}"));
    });
}

#[test]
fn conditional_entries_see_one_another() {
    on_each("links_conditional", |app| async move {
        let api = app.system("system/*.cruds").await;
        let criteria = |person: &Person| format!("identifier={}", person.nhs_number);
        let if_none = |person: &Person| {
            let mut entry = patient("", person);
            entry["request"]["ifNoneExist"] = json!(criteria(person));
            entry
        };
        let update = |person: &Person| entry("", "PUT", &format!("Patient?{}", criteria(person)), person.patient());
        let person = Person::new();
        let bad = [
            [if_none(&person), if_none(&person)],
            [if_none(&person), patient("", &person)],
            [update(&person), update(&person)],
            [patient("", &person), update(&person)],
            [update(&person), put("", "Patient", &unique("p"), person.patient())],
        ];
        for [first, second] in bad {
            for entries in [[first.clone(), second.clone()], [second.clone(), first.clone()]] {
                let said = api.post("", &bundle("transaction", &entries)).await.refused(400);
                assert!(said.contains("writes the same resource"), "{said}");
                assert!(api.find(&format!("Patient?{}", criteria(&person))).await.is_empty());
            }
        }
        // Deletes go first.
        for again in [if_none(&person), update(&person)] {
            let gone = api.create(&person.patient()).await;
            let delete = json!({"request": {"method": "DELETE", "url": format!("Patient/{gone}")}});
            let answer = api.post("", &bundle("transaction", &[again, delete])).await.expect(200).json();
            assert!(answer["entry"][0]["response"]["status"].as_str().unwrap().starts_with("201"), "{answer}");
            api.get(&format!("Patient/{gone}")).await.refused(410);
            let new = created(&api, &person).await;
            api.delete(&format!("Patient/{new}")).await.expect(204);
        }
    });
}

#[test]
fn operations_that_only_read_run_in_a_transaction() {
    on_each("transaction_operations", |app| async move {
        let api = app.system("system/*.cruds").await;
        let lookup = json!({"resourceType": "Parameters", "parameter": [
            {"name": "system", "valueUri": "http://hl7.org/fhir/administrative-gender"}, {"name": "code", "valueCode": "female"}]});
        let entries = [
            entry("", "POST", "CodeSystem/$lookup", lookup.clone()),
            entry("", "POST", "Patient/$validate", Person::new().patient()),
        ];
        let answer = api.post("", &bundle("transaction", &entries)).await.expect(200).json();
        assert_eq!(answer["entry"][0]["resource"]["resourceType"], "Parameters", "{answer}");
        assert!(answer["entry"][1]["response"]["status"].as_str().unwrap().starts_with("200"), "{answer}");

        let changes = entry("", "POST", "Patient/x/$meta-add", json!({"resourceType": "Parameters"}));
        let unknown = entry("", "POST", "ValueSet/$lookup", lookup.clone());
        let elsewhere = entry("", "POST", "https://gp.example/fhir/Patient", Person::new().patient());
        let odd = entry("", "MERGE", "Patient", Person::new().patient());
        for (status, entry, word) in [
            (405, changes, "use a batch"),
            (405, unknown, "metadata"),
            (400, elsewhere, "another server"),
            (400, odd, "method"),
        ] {
            let said = api.post("", &bundle("transaction", &[entry])).await.refused(status);
            assert!(said.contains(word) && said.contains("Bundle.entry[0].request"), "{said}");
        }
    });
}
