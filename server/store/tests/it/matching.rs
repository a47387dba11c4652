//! Every kind of condition, order and plan against a plain reading of all resources; and pages that stay of one state.

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use fhir::{Instant, Json};
use search::{IndexValue, Judged, Query, State};
use serde_json::{Value, json};
use store::{Cursor, Page};

use crate::support::{TestStore, ids, on_each, put, query, registry, system};

/// More than the planner counts, so that it takes the ways for large conditions too.
const OBSERVATIONS: usize = 2_600;
const PATIENTS: usize = 240;

fn people() -> Vec<(String, Value)> {
    let families = ["Smith", "Smithson", "Müller", "O'Brien", "Jones", "Patel"];
    let mut all: Vec<(String, Value)> = (0..4)
        .map(|n| {
            let part_of = if n > 0 { json!({"reference": "Organization/o0"}) } else { Value::Null };
            let mut one = json!({"resourceType": "Organization", "name": format!("Trust {n}"), "active": n % 2 == 0});
            if n > 0 {
                one["partOf"] = part_of;
            }
            (format!("o{n}"), one)
        })
        .collect();
    for n in 0..PATIENTS {
        let mut one = json!({
            "resourceType": "Patient",
            "identifier": [{"system": "urn:local", "value": format!("L{n}"),
                "type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "MR"}]}}],
            "name": [{"family": families[n % families.len()], "given": [format!("G{}", n % 7), "Ann"]}],
            "gender": if n % 3 == 0 { "female" } else { "male" },
            "birthDate": format!("{}-{:02}-{:02}", 1930 + n % 80, 1 + n % 12, 1 + n % 28),
            "managingOrganization": {"reference": format!("Organization/o{}", n % 4)},
        });
        if n % 5 == 0 {
            one["generalPractitioner"] =
                json!([{"reference": "Organization/o1"}, {"identifier": {"system": "urn:gp", "value": "G1"}}]);
        }
        if n % 11 == 0 {
            one.as_object_mut().unwrap().remove("birthDate");
        }
        all.push((format!("p{n}"), one));
    }
    all
}

fn observations() -> Vec<(String, Value)> {
    let units = [("kg", 1.0), ("g", 1000.0), ("[lb_av]", 2.2)];
    (0..OBSERVATIONS)
        .map(|n| {
            let (unit, factor) = units[n % units.len()];
            let code = if n % 6 == 0 { "29463-7" } else { ["8480-6", "8462-4", "1-1"][n % 3] };
            let mut one = json!({
                "resourceType": "Observation", "status": if n % 50 == 0 { "amended" } else { "final" },
                "code": {"coding": [{"system": "http://loinc.org", "code": code, "display": format!("Display of {code}")}]},
                "subject": {"reference": format!("Patient/p{}", n % PATIENTS)},
                "valueQuantity": {"value": (n % 90) as f64 * factor, "system": "http://unitsofmeasure.org", "code": unit, "unit": unit},
                "text": {"status": "generated", "div": format!("<div xmlns=\"http://www.w3.org/1999/xhtml\">word{} weight</div>", n % 9)},
            });
            match n % 4 {
                0 => one["effectivePeriod"] = json!({"start": format!("2020-{:02}-01", 1 + n % 12), "end": format!("2020-{:02}-20", 1 + n % 12)}),
                1 => one["effectiveDateTime"] = json!(format!("20{:02}", 10 + n % 14)),
                2 => {}
                _ => one["effectiveDateTime"] = json!(format!("20{:02}-{:02}-{:02}T10:00:00Z", 10 + n % 14, 1 + n % 12, 1 + n % 28)),
            }
            match n % 31 {
                3 => one["valueQuantity"]["comparator"] = json!("<"),
                4 => one["valueQuantity"]["comparator"] = json!(">="),
                5 => one["valueQuantity"]["unit"] = json!("stones and more"),
                6 => {
                    one.as_object_mut().unwrap().remove("valueQuantity");
                    one["valueSampledData"] = json!({"origin": {"value": n % 70, "system": "http://unitsofmeasure.org", "code": unit},
                        "period": 10, "dimensions": 1, "data": "1 20 E 3"});
                }
                _ => {}
            }
            if n % 8 != 0 {
                one["component"] = json!([
                    {"code": {"coding": [{"system": "http://loinc.org", "code": "8480-6"}]}, "valueQuantity": {"value": n % 100, "system": "http://unitsofmeasure.org", "code": "mm[Hg]"}},
                    {"code": {"coding": [{"system": "http://loinc.org", "code": "8462-4"}]}, "valueQuantity": {"value": n % 60, "system": "http://unitsofmeasure.org", "code": "mm[Hg]"}},
                ]);
            }
            (format!("b{n}"), one)
        })
        .collect()
}

fn others() -> Vec<(String, Value)> {
    let items: Vec<Value> =
        (0..9).map(|n| json!({"item": {"reference": format!("Patient/p{}", n * 3)}, "deleted": n == 2})).collect();
    let mut all = vec![(
        "l1".to_owned(),
        json!({"resourceType": "List", "status": "current", "mode": "working", "entry": items}),
    )];
    for (n, (north, east)) in [(51.5, -0.12), (51.51, -0.13), (53.48, -2.24)].into_iter().enumerate() {
        let place = json!({"resourceType": "Location", "name": format!("Site {n}"), "position": {"latitude": north, "longitude": east}});
        all.push((format!("s{n}"), place));
    }
    all.push((
        "v1".to_owned(),
        json!({"resourceType": "ValueSet", "url": "http://example.org/a/b", "status": "active"}),
    ));
    all.push(("v2".to_owned(), json!({"resourceType": "ValueSet", "url": "http://example.org/a", "status": "active"})));
    all
}

/// All resources, read one after the other; by name, and by what they refer to.
struct World {
    all: HashMap<(String, String), Rc<Judged>>,
    referrers: HashMap<(u32, String, String), Vec<(String, String)>>,
    lists: HashMap<String, Vec<(String, String)>>,
}

impl World {
    fn new(resources: &[(String, Value)]) -> World {
        let registry = registry();
        let mut world = World { all: HashMap::new(), referrers: HashMap::new(), lists: HashMap::new() };
        for (id, value) in resources {
            let mut value = value.clone();
            value["id"] = json!(id);
            let json = Json::from_value(&value);
            let name = (value["resourceType"].as_str().unwrap().to_owned(), id.clone());
            let entries = search::index(&json, &registry);
            for entry in &entries {
                if let IndexValue::Reference { type_name: Some(t), id: Some(i), url: None } = &entry.value {
                    world.referrers.entry((entry.param, t.clone(), i.clone())).or_default().push(name.clone());
                }
            }
            for entry in value["entry"].as_array().into_iter().flatten().filter(|entry| entry["deleted"] != json!(true))
            {
                let (t, i) = entry["item"]["reference"].as_str().unwrap().split_once('/').unwrap();
                world.lists.entry(id.clone()).or_default().push((t.to_owned(), i.to_owned()));
            }
            let (type_name, last_updated) = (name.0.clone(), Instant(1_700_000_000_000));
            let text = search::full_text(&json, &registry);
            let judged = Judged { type_name, id: id.clone(), last_updated, entries, text };
            world.all.insert(name, Rc::new(judged));
        }
        world
    }

    fn expected(&mut self, query: &Query) -> BTreeSet<String> {
        let registry = registry();
        let of_type: Vec<Rc<Judged>> =
            self.all.values().filter(|one| one.type_name == query.type_name).cloned().collect();
        of_type
            .into_iter()
            .filter(|one| {
                query.conditions.iter().all(|condition| search::holds(condition, one, self, &registry).unwrap())
            })
            .map(|one| one.id.clone())
            .collect()
    }
}

impl State for World {
    type Error = std::convert::Infallible;

    fn resource(&mut self, type_name: &str, id: &str) -> Result<Option<Rc<Judged>>, Self::Error> {
        Ok(self.all.get(&(type_name.to_owned(), id.to_owned())).cloned())
    }

    fn referrers(&mut self, type_name: &str, param: u32, target: (&str, &str)) -> Result<Vec<Rc<Judged>>, Self::Error> {
        let found = self.referrers.get(&(param, target.0.to_owned(), target.1.to_owned()));
        Ok(found.into_iter().flatten().filter(|name| name.0 == type_name).map(|name| self.all[name].clone()).collect())
    }

    fn list(&mut self, id: &str) -> Result<Vec<(String, String)>, Self::Error> {
        Ok(self.lists.get(id).cloned().unwrap_or_default())
    }
}

/// Type and criteria.
const QUERIES: &[(&str, &str)] = &[
    ("Patient", ""),
    ("Patient", "family=smith"),
    ("Patient", "family=smith,muller"),
    ("Patient", "family:exact=Smith"),
    ("Patient", "family:contains=ith"),
    ("Patient", "_filter=family ew ITH"),
    ("Patient", "name=ann&gender=female"),
    ("Patient", "gender:not=female"),
    ("Patient", "birthdate:missing=true"),
    ("Patient", "birthdate:missing=false&family=jones"),
    ("Patient", "birthdate=ge1950&birthdate=lt1960"),
    ("Patient", "birthdate=1950,1951-12-10"),
    ("Patient", "birthdate=ne1950"),
    ("Patient", "identifier=urn:local|L7"),
    ("Patient", "identifier=L7,L8"),
    ("Patient", "identifier=urn:local|&gender=female"),
    ("Patient", "identifier:of-type=http://terminology.hl7.org/CodeSystem/v2-0203|MR|L9"),
    ("Patient", "general-practitioner:identifier=urn:gp|G1"),
    ("Patient", "general-practitioner=Organization/o1"),
    ("Patient", "organization.name=trust 2"),
    ("Patient", "organization.partof.name=trust 0&family=patel"),
    ("Patient", "organization:Organization.active=true&gender=male"),
    ("Patient", "_has:Observation:patient:code=http://loinc.org|29463-7"),
    ("Patient", "_has:Observation:patient:status=amended&family=smith"),
    ("Patient", "_has:Observation:subject:value-quantity=gt88|http://unitsofmeasure.org|kg"),
    ("Patient", "_list=l1"),
    ("Patient", "_list=nothing"),
    ("Patient", "_id=p1,p2,nobody"),
    ("Patient", "_id=p1,p2&gender=male"),
    ("Patient", "_lastUpdated=gt2000-01-01&family=jones"),
    ("Patient", "_filter=family eq \"Smith\" or gender eq female and birthdate gt 1990-01-01"),
    ("Organization", "_has:Patient:organization:_has:Observation:patient:status=amended"),
    ("Observation", "code=29463-7"),
    ("Observation", "code=29463-7,1-1"),
    ("Observation", "code=http://loinc.org|8480-6&status=amended"),
    ("Observation", "code:text=display of 29"),
    ("Observation", "status=final"),
    ("Observation", "status:not=final"),
    ("Observation", "patient=p7"),
    ("Observation", "patient=Patient/p7,Patient/p8&code=8480-6"),
    ("Observation", "subject=p7&date=ge2015"),
    ("Observation", "date=2020"),
    ("Observation", "date=ge2012&date=lt2014"),
    ("Observation", "date=gt2020-06-10"),
    ("Observation", "date=eb2011-03"),
    ("Observation", "date=sa2022-01-01T00:00:00Z"),
    ("Observation", "date=ap2015-06"),
    ("Observation", "date=le2012&code=29463-7"),
    ("Observation", "date=ge2020-02&code=8480-6"),
    ("Observation", "date:missing=true&status=final"),
    ("Observation", "value-quantity=40"),
    ("Observation", "value-quantity=40|http://unitsofmeasure.org|kg"),
    ("Observation", "value-quantity=gt80||kg"),
    ("Observation", "value-quantity=lt3000|http://unitsofmeasure.org|g&code=29463-7"),
    ("Observation", "component-code-value-quantity=http://loinc.org|8480-6$gt95"),
    ("Observation", "value-quantity=gt3|http://unitsofmeasure.org|kg"),
    ("Observation", "value-quantity=ge39.5"),
    ("Observation", "value-quantity=ap40|http://unitsofmeasure.org|kg"),
    ("Observation", "value-quantity=le40000|http://unitsofmeasure.org|g"),
    ("Observation", "value-quantity=eb60|http://unitsofmeasure.org|"),
    ("Observation", "value-quantity=sa60||kg"),
    ("Observation", "value-quantity=ne40"),
    ("Observation", "value-quantity=gt20,lt3"),
    ("Observation", "value-quantity=gt3&code=29463-7"),
    ("Observation", "value-quantity=gt20&value-quantity=lt60|http://unitsofmeasure.org|kg"),
    ("Observation", "component-code-value-quantity=http://loinc.org|8480-6$le110|http://unitsofmeasure.org|mm[Hg]"),
    ("Observation", "component-code-value-quantity=8480-6$gt5,8462-4$lt60"),
    ("Observation", "component-code-value-quantity=8480-6$gt0"),
    ("Observation", "component-code-value-quantity=8480-6$ge0&status=final"),
    ("Observation", "value-quantity=gt0"),
    ("Observation", "value-quantity=ge0&code=8480-6"),
    ("Observation", "code-value-quantity=29463-7$lt2|http://unitsofmeasure.org|kg"),
    ("Observation", "combo-code=8462-4&status=amended"),
    ("Observation", "combo-code=8462-4,29463-7&combo-value-quantity=gt20"),
    ("Observation", "combo-code:not=8462-4&combo-code:missing=false"),
    ("Observation", "combo-value-concept:missing=true&combo-value-quantity=lt3"),
    ("Observation", "combo-code-value-quantity=http://loinc.org|8462-4$gt40,29463-7$lt2|http://unitsofmeasure.org|kg"),
    ("Observation", "patient.gender=female"),
    ("Observation", "patient.gender=female&code=29463-7"),
    ("Observation", "patient.family=muller&status=amended"),
    ("Observation", "patient:Patient.organization.name=trust 3&date=ge2018"),
    ("Observation", "patient.birthdate=lt1935"),
    ("Observation", "subject:Patient.identifier=urn:local|L3"),
    ("Observation", "_text=word3"),
    ("Observation", "_text=weight and word3&status=amended"),
    ("Observation", "_content=display"),
    ("Observation", "_content=nowhere"),
    ("Location", "near=51.5|-0.12|5|km"),
    ("Location", "near=51.5|-0.12|1|km"),
    ("ValueSet", "url=http://example.org/a"),
    ("ValueSet", "url:below=http://example.org/a"),
    ("ValueSet", "url:above=http://example.org/a/b/c"),
];

/// Orders under which each is read too.
const SORTS: &[(&str, &str)] = &[
    ("Patient", "birthdate"),
    ("Patient", "-family,birthdate"),
    ("Patient", "-_id"),
    ("Observation", "date"),
    ("Observation", "-date"),
    ("Observation", "-_lastUpdated"),
    ("Observation", "status,-date"),
    ("Observation", "value-quantity"),
    ("Observation", "_id"),
];

fn parsed(type_name: &str, criteria: &str, sort: Option<&str>) -> Query {
    let mut params: Vec<(&str, &str)> =
        criteria.split('&').filter(|part| !part.is_empty()).map(|part| part.split_once('=').unwrap()).collect();
    params.extend(sort.map(|sort| ("_sort", sort)));
    query(type_name, &params)
}

async fn read_all(test: &TestStore, query: &Query, first: Page) -> Vec<String> {
    let mut page = first;
    let mut found = Vec::new();
    loop {
        let result = test.page(&system(), query, page.clone()).await;
        found.extend(ids(&result));
        let Some(next) = result.next else { return found };
        let after = Cursor::decode(&next.encode()).unwrap();
        page = Page { as_of: Some(result.as_of), after: Some(after), count: page.count };
    }
}

async fn fill(test: &TestStore, resources: &[(String, Value)]) {
    for chunk in resources.chunks(500) {
        test.write(chunk.iter().map(|(id, value)| put(id, value)).collect()).await.unwrap();
    }
}

fn all() -> Vec<(String, Value)> {
    [people(), observations(), others()].concat()
}

#[test]
fn a_search_finds_what_a_plain_reading_of_everything_finds() {
    on_each("matching_all", |test| async move {
        let resources = all();
        fill(&test, &resources).await;
        let mut world = World::new(&resources);
        for (type_name, criteria) in QUERIES {
            let query = parsed(type_name, criteria, None);
            let expected = world.expected(&query);
            let found = read_all(&test, &query, Page { count: 400, ..Page::default() }).await;
            let unique: BTreeSet<String> = found.iter().cloned().collect();
            assert_eq!(unique.len(), found.len(), "{type_name}?{criteria}: one twice");
            assert_eq!(unique, expected, "{type_name}?{criteria}");
            let counted = Query { total: search::Total::Accurate, ..query.clone() };
            let total = test.page(&system(), &counted, Page { count: 3, ..Page::default() }).await.total;
            assert_eq!(total, Some(expected.len() as u64), "{type_name}?{criteria}: total");
        }
        assert!(QUERIES.iter().filter(|(t, c)| !world.expected(&parsed(t, c, None)).is_empty()).count() > 60);
        for (type_name, sort) in SORTS {
            // Each third, since all plans are among them; and the whole type.
            for (_, criteria) in QUERIES.iter().filter(|(known, _)| known == type_name).step_by(3) {
                let query = parsed(type_name, criteria, Some(sort));
                let expected = world.expected(&query);
                let pieces = read_all(&test, &query, Page { count: 700, ..Page::default() }).await;
                let whole = read_all(&test, &query, Page { count: 5_000, ..Page::default() }).await;
                assert_eq!(pieces, whole, "{type_name}?{criteria}&_sort={sort}");
                assert_eq!(whole.into_iter().collect::<BTreeSet<_>>(), expected, "{type_name}?{criteria}&_sort={sort}");
            }
        }
    });
}

/// Changes a thousand of each kind: what is found, what it refers to, what refers to it.
async fn disturb(test: &TestStore) {
    let mut ops = Vec::new();
    for n in 0..1_000 {
        let mut created = observations()[n % 50].1.clone();
        created["subject"] = json!({"reference": format!("Patient/p{}", (n * 7) % PATIENTS)});
        ops.push(put(&format!("new{n}"), &created));
    }
    let observed = observations();
    for n in (0..1_000).map(|n| n * 2) {
        let mut changed = observed[n].1.clone();
        changed["status"] = json!("cancelled");
        changed["code"] = json!({"coding": [{"system": "http://loinc.org", "code": "29463-7"}]});
        changed["subject"] = json!({"reference": format!("Patient/p{}", (n + 1) % PATIENTS)});
        changed["effectiveDateTime"] = json!("2013-02-03");
        changed.as_object_mut().unwrap().remove("effectivePeriod");
        ops.push(put(&format!("b{n}"), &changed));
    }
    for (n, (id, value)) in people().iter().enumerate().filter(|(n, _)| n % 3 == 0) {
        let mut changed = value.clone();
        if value["resourceType"] == "Patient" {
            changed["gender"] = json!(if n % 2 == 0 { "female" } else { "male" });
            changed["name"][0]["family"] = json!("Smith");
            changed["managingOrganization"] = json!({"reference": "Organization/o2"});
        } else {
            changed["name"] = json!("Trust 2");
        }
        ops.push(put(id, &changed));
    }
    let mut list = others()[0].1.clone();
    list["entry"] = json!([{"item": {"reference": "Patient/p100"}}]);
    ops.push(put("l1", &list));
    for chunk in ops.chunks(500).map(<[_]>::len).collect::<Vec<_>>() {
        let rest = ops.split_off(chunk);
        test.write(std::mem::replace(&mut ops, rest)).await.unwrap();
    }
    for n in (0..1_000).map(|n| n * 2 + 1) {
        test.delete("Observation", &format!("b{n}")).await;
    }
}

#[test]
fn pages_stay_of_the_state_of_the_first_whatever_is_written() {
    on_each("matching_pages", |test| async move {
        let resources = all();
        fill(&test, &resources).await;
        let mut world = World::new(&resources);
        let mut begun = Vec::new();
        // Two of three, in ever other orders: each kind of condition is among them.
        for (n, (type_name, criteria)) in QUERIES.iter().enumerate().filter(|(n, _)| n % 3 != 1) {
            let sorts = SORTS.iter().filter(|(known, _)| known == type_name).map(|(_, sort)| *sort);
            let sort = sorts.map(Some).chain([None, None]).cycle().nth(n).flatten();
            let query = parsed(type_name, criteria, sort);
            let expected = read_all(&test, &query, Page { count: 5_000, ..Page::default() }).await;
            assert_eq!(expected.iter().cloned().collect::<BTreeSet<_>>(), world.expected(&query), "{criteria}");
            let first = test.page(&system(), &query, Page { count: 3, ..Page::default() }).await;
            begun.push((query, *criteria, sort, expected, first));
        }
        disturb(&test).await;
        for (query, criteria, sort, expected, first) in begun {
            let mut found = ids(&first);
            if let Some(after) = first.next {
                let page = Page { as_of: Some(first.as_of), after: Some(after), count: 400 };
                found.extend(read_all(&test, &query, page).await);
            }
            let sets: [BTreeSet<&String>; 2] = [found.iter().collect(), expected.iter().collect()];
            assert_eq!(sets[0], sets[1], "{}?{criteria}&_sort={sort:?}", query.type_name);
            assert_eq!(found.len(), expected.len(), "{}?{criteria}&_sort={sort:?}: one twice", query.type_name);
            if sort.is_some() {
                assert_eq!(found, expected, "{}?{criteria}&_sort={sort:?}: order", query.type_name);
            }
        }
        test.assert_whole().await;
    });
}
