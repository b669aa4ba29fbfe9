// JSON schemas in words: types, limits, fields, and links to the schemas that have a name.
import { make } from "./dom.js";
import { counted } from "./text.js";

const LIMITS = {
  minimum: (value) => `at least ${value}`,
  exclusiveMinimum: (value) => `more than ${value}`,
  maximum: (value) => `at most ${value}`,
  exclusiveMaximum: (value) => `less than ${value}`,
  minLength: (value) => `at least ${counted(value, "character")}`,
  maxLength: (value) => `at most ${counted(value, "character")}`,
  minItems: (value) => `at least ${counted(value, "item")}`,
  maxItems: (value) => `at most ${counted(value, "item")}`,
  multipleOf: (value) => `a multiple of ${value}`,
  pattern: (value) => `matching ${value}`,
  format: (value) => `format ${value}`,
};
const REFERENCE = /^#\/components\/schemas\/(.+)$/;

/** The address of a named schema on the page. */
export function anchorOf(name) {
  return `schema-${name.replaceAll(/[^\w.-]/g, "-")}`;
}

/** The type of a schema, as text and links. */
export function typeOf(schema) {
  if (schema === true || schema === undefined) return ["anything"];
  if (schema === false) return ["nothing"];
  const name = REFERENCE.exec(schema.$ref ?? "")?.[1];
  if (name) return [make("a", { href: `#${anchorOf(name)}` }, name)];
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices) return joined(choices.map(typeOf), " or ");
  if (schema.allOf) return joined(schema.allOf.map(typeOf), " and ");
  if ("const" in schema) return [make("code", {}, JSON.stringify(schema.const))];
  if (schema.enum) return joined(schema.enum.map((value) => [make("code", {}, JSON.stringify(value))]), " or ");
  if (schema.type === "array") return arrayOf(schema);
  if (schema.type === "object" && isMap(schema)) return ["object of ", ...typeOf(schema.additionalProperties)];
  return [[].concat(schema.type ?? "anything").join(" or ")];
}

function arrayOf(schema) {
  if (schema.prefixItems) return ["array of ", ...joined(schema.prefixItems.map(typeOf), ", ")];
  const inner = typeOf(schema.items);
  const choice = schema.items?.anyOf ?? schema.items?.oneOf;
  return choice ? ["array of (", ...inner, ")"] : ["array of ", ...inner];
}

function isMap(schema) {
  return !schema.properties && typeof schema.additionalProperties === "object";
}

/** Join lists of nodes by a word. */
function joined(lists, word) {
  return lists.flatMap((own, at) => (at ? [word, ...own] : own));
}

/** The limits and the default of a schema, in words. */
export function limitsOf(schema) {
  const inner = [schema, ...(schema.anyOf ?? schema.oneOf ?? [])];
  const limits = Object.entries(LIMITS).flatMap(([key, words]) =>
    inner.filter((own) => key in own).map((own) => words(own[key])),
  );
  if (schema.default !== undefined && schema.default !== null) limits.push(`default ${JSON.stringify(schema.default)}`);
  return limits.join("; ");
}

/** The fields of an object, with what each is; fields of unnamed objects within it beneath. */
export function fieldsOf(schema) {
  const fields = Object.entries(schema.properties ?? {});
  if (!fields.length) {
    return make("p", {}, ...typeOf(schema), " ", make("span", { class: "soft small" }, limitsOf(schema)));
  }
  const items = fields.map(([name, own]) => field(name, own, schema.required?.includes(name)));
  if (schema.additionalProperties === false) {
    items.push(make("li", { class: "soft small" }, "Other fields are refused."));
  }
  return make("ul", { class: "fields" }, ...items);
}

/** One field: its name, type, limits, and what it means. */
export function field(name, schema, required) {
  const facts = [required ? "required" : "", limitsOf(schema)].filter(Boolean).join("; ");
  const said = make("span", { class: "soft small" }, facts);
  const item = make("li", {}, make("code", { class: "name" }, name), ...typeOf(schema), " ", said);
  item.append(...prose(schema.description ?? ""));
  const inner = schema.properties ? schema : schema.items?.properties ? schema.items : null;
  if (inner) item.append(fieldsOf(inner));
  return item;
}

/** Text as paragraphs; what stands in backticks as code. Nothing else of Markdown is read. */
export function prose(text) {
  return text.split(/\n\s*\n/).filter((own) => own.trim()).map((own) => {
    const parts = own.trim().split(/(`+[^`]+`+)/).map((part) => {
      const code = /^`+([^`]+)`+$/.exec(part);
      return code ? make("code", {}, code[1]) : part.replaceAll(/\s+/g, " ");
    });
    return make("p", {}, ...parts);
  });
}
