// Says what each R4 example should be found by: for every search parameter of its type, the values that the npm package `fhirpath`, an engine
// that shares nothing with Weir, finds in it, as search conditions. https://hl7.org/fhir/R4/search.html
//
// node values.mjs FOLDER: FOLDER holds `package/*.json` and `node_modules/fhirpath`. One JSON line a resource on standard output:
// {"file": ..., "type": ..., "id": ..., "conditions": [[name, value], ...]}. A parameter whose values cannot be said as a condition
// (a Timing without a date) gives none.

import fs from "node:fs";
import path from "node:path";
import { createRequire } from "node:module";

const folder = path.resolve(process.argv[2]);
const load = createRequire(path.join(folder, "package.json"));
const fhirpath = load("fhirpath");
const model = load("fhirpath/fhir-context/r4");

/** Most values of one parameter that are asked for. */
const VALUES_MAX = 4;
/** Set by the server, whatever the example says. */
const SET_BY_SERVER = new Set(["_id", "_lastUpdated"]);

/** What a reference points to is known by its text alone: nothing is fetched. */
const userInvocationTable = {
  resolve: {
    fn: (nodes) => nodes.map(referred).filter(Boolean),
    arity: { 0: [] },
    internalStructures: true,
  },
  hasExtension: {
    fn: (nodes, url) => nodes.some((node) => node?.extension?.some((one) => one.url === url)),
    arity: { 1: ["String"] },
  },
};

function referred(node) {
  const value = node?.data ?? node;
  const text = typeof value === "string" ? value : value?.reference;
  const type = /(?:^|\/)([A-Z][A-Za-z]+)\/[A-Za-z0-9.-]+(?:\/_history\/.*)?$/.exec(text ?? "")?.[1] ?? value?.type;
  return type && { resourceType: type };
}

const compiled = new Map();

/** The values of an expression with their FHIR types. */
function evaluate(expression, resource, base) {
  const key = `${base ?? ""} ${expression}`;
  if (!compiled.has(key)) {
    const compile = (text) => fhirpath.compile(base ? { base, expression: text } : text, model, { userInvocationTable, resolveInternalTypes: true });
    compiled.set(key, [compile(expression), compile(`(${expression}).type()`)]);
  }
  const [values, types] = compiled.get(key).map((run) => run(resource, { resource }));
  if (values.length !== types.length) throw new Error(`${expression}: ${values.length} values, ${types.length} types`);
  // `source as uri` means the element `sourceUri`; for the engine a canonical is a uri too.
  const only = /\.ofType\(([a-z]\w*)\)$/.exec(expression)?.[1];
  return values.map((value, at) => ({ value, type: types[at].name })).filter(({ type }) => only === undefined || type === only);
}

const escaped = (text) => String(text).replace(/[\\,$|]/g, "\\$&");
const present = (list) => list.filter((value) => value !== undefined && value !== null && value !== "");
const token = (system, code) => (code === undefined ? [] : [`${system === undefined ? "" : escaped(system)}|${escaped(code)}`]);

/** Conditions of one value: `[modifier, text]` each. */
const CONDITIONS = {
  token({ value, type }) {
    // R4's own definition of `gene-identifier` ends at the extension, not at its value.
    if (type === "Extension") return [];
    if (type === "CodeableConcept") {
      const codes = (value.coding ?? []).flatMap((coding) => token(coding.system, coding.code));
      return [...codes.map((text) => ["", text]), ...present([value.text]).map((text) => [":text", escaped(text)])];
    }
    if (type === "Coding") return token(value.system, value.code).map((text) => ["", text]);
    if (type === "Identifier") return token(value.system, value.value).map((text) => ["", text]);
    if (type === "ContactPoint") return present([value.value]).map((text) => ["", escaped(text)]);
    return typeof value === "object" ? undefined : [["", escaped(value)]];
  },
  string({ value, type }) {
    const parts = {
      HumanName: () => [value.text, value.family, ...(value.given ?? []), ...(value.prefix ?? []), ...(value.suffix ?? [])],
      Address: () => [value.text, ...(value.line ?? []), value.city, value.district, value.state, value.postalCode, value.country],
    };
    if (typeof value === "object" && !parts[type]) return undefined;
    return present(parts[type]?.() ?? [value]).map((text) => ["", escaped(text)]);
  },
  date({ value, type }) {
    // Of `CarePlan.activity.detail.scheduled[x]` and `Immunization.occurrence[x]`: words.
    if (type === "string") return [];
    const bounds = (period) => [...present([period?.start]).map((d) => ["", `ge${d}`]), ...present([period?.end]).map((d) => ["", `le${d}`])];
    if (type === "Period") return bounds(value);
    if (type === "Timing") return [...(value.event ?? []).map((d) => ["", `ge${d}`]), ...bounds(value.repeat?.boundsPeriod)];
    return typeof value === "object" ? undefined : [["", String(value)]];
  },
  reference({ value, type }, parameter) {
    // `Bundle.entry[0].resource`: the resource itself.
    if (value.resourceType) return parameter.target.includes(type) ? present([value.id]).map((id) => ["", `${type}/${id}`]) : [];
    // `Consent.source[x]` may be an attachment, which points nowhere.
    if (type === "Attachment") return [];
    // What is contained is part of the resource: no search names it.
    if (type !== "Reference") return typeof value === "object" ? undefined : value.startsWith("#") ? [] : [["", escaped(value)]];
    if (value.reference?.startsWith("#")) return [];
    const texts = present([value.reference?.replace(/\/_history\/.*/, "")]).map((text) => ["", escaped(text)]);
    const identifiers = value.identifier ? token(value.identifier.system, value.identifier.value) : [];
    return [...texts, ...identifiers.map((text) => [":identifier", text])];
  },
  quantity({ value, type }) {
    if (type === "Range") return [...amount("ge", value.low), ...amount("le", value.high)];
    if (type === "Money") return amount("", { ...value, code: value.currency, system: value.currency && "urn:iso:std:iso:4217" });
    if (typeof value !== "object") return undefined;
    const prefix = { "<": "lt", "<=": "le", ">": "gt", ">=": "ge" }[value.comparator] ?? "";
    return amount(prefix, value);
  },
  number({ value }) {
    return typeof value === "object" ? undefined : [["", String(value)]];
  },
  uri({ value }) {
    return typeof value === "object" ? undefined : [["", escaped(value)]];
  },
  special({ value }) {
    return value.latitude === undefined ? undefined : [["", `${value.latitude}|${value.longitude}|1|km`]];
  },
};

function amount(prefix, quantity) {
  if (quantity?.value === undefined) return [];
  const { value, system, code, unit } = quantity;
  if (code !== undefined) return [["", `${prefix}${value}|${escaped(system ?? "")}|${escaped(code)}`]];
  return [["", unit === undefined ? `${prefix}${value}` : `${prefix}${value}||${escaped(unit)}`]];
}

/** Conditions of one element of a composite, found by a plain path where it has no type of its own: each way to take one plain value a component. */
function composite(parameter, element, byUrl) {
  let rows = [""];
  for (const component of parameter.component) {
    const kind = byUrl.get(component.definition).type;
    const base = element.type === "BackboneElement" ? element.path : element.type;
    const found = partsFor(component.expression, base).flatMap((part) => evaluate(part, element.value, base)).flatMap((one) => CONDITIONS[kind](one, byUrl.get(component.definition)) ?? []);
    const texts = found.filter(([modifier]) => modifier === "").map(([, text]) => text);
    rows = rows.flatMap((row) => texts.map((text) => (row === "" ? text : `${row}$${text}`)));
  }
  return rows.map((text) => ["", text]);
}

const files = fs.readdirSync(path.join(folder, "package")).filter((name) => name.endsWith(".json") && name !== "package.json").sort();
const read = (name) => JSON.parse(fs.readFileSync(path.join(folder, "package", name), "utf8"));

const parameters = files.filter((name) => name.startsWith("SearchParameter-")).map(read)
  .filter((one) => one.url === `http://hl7.org/fhir/SearchParameter/${one.id}` && one.expression);
const byUrl = new Map(parameters.map((one) => [one.url, one]));
const isOf = (parameter, type) => parameter.base.some((base) => base === type || base === "Resource"
  || (base === "DomainResource" && !["Bundle", "Binary", "Parameters"].includes(type)));

/** The paths of a list that are for one type, since `Patient.name | Person.name` names many; each alone, for the engine's `|` drops equals. */
function partsFor(expression, type) {
  const split = expression.split("|").map((part) => part.trim());
  const isWhole = (part) => part.split("(").length === part.split(")").length;
  const parts = split.every(isWhole) ? split : [expression];
  const mine = parts.filter((part) => new RegExp(`^\\(*(${type}|Resource|DomainResource)\\.`).test(part));
  // `as` is for one value; R4's parameters mean each value of that type.
  const plain = (part) => part.replace(/\(([\w.]+) as (\w+)\)/g, "$1.ofType($2)").replace(/\.as\((\w+)\)/g, ".ofType($1)");
  return (mine.length === 0 ? parts : mine).map(plain);
}

for (const name of files) {
  const resource = read(name);
  const conditions = [];
  for (const parameter of parameters) {
    if (SET_BY_SERVER.has(parameter.code) || !isOf(parameter, resource.resourceType)) continue;
    const elements = partsFor(parameter.expression, resource.resourceType)
      .flatMap((part) => evaluate(part, resource).map((element) => ({ ...element, path: part })));
    const said = elements.flatMap((element) => {
      const found = parameter.type === "composite" ? composite(parameter, element, byUrl) : CONDITIONS[parameter.type](element, parameter);
      if (found === undefined) throw new Error(`${name}: ${parameter.code}: no condition for a ${element.type}`);
      return found;
    });
    conditions.push(...said.slice(0, VALUES_MAX).map(([modifier, text]) => [`${parameter.code}${modifier}`, text]));
  }
  console.log(JSON.stringify({ file: name, type: resource.resourceType, id: resource.id, conditions }));
}
