// Examples: those that the schema gives, or the simplest that it allows.
const REFERENCE = /^#\/components\/schemas\/(.+)$/;
const PLAIN = { string: "…", integer: 0, number: 0, boolean: false, null: null };
const DEEPEST = 6;

/** Make an example of a media type: its own, its schema's, or one made up. */
export function exampleOf(media, schemas) {
  if (media.example !== undefined) return media.example;
  const [named] = Object.values(media.examples ?? {});
  if (named?.value !== undefined) return named.value;
  return sample(media.schema ?? {}, schemas, 0);
}

function sample(schema, schemas, depth) {
  if (typeof schema !== "object" || depth > DEEPEST) return null;
  const name = REFERENCE.exec(schema.$ref ?? "")?.[1];
  if (name) return sample(schemas[name] ?? {}, schemas, depth + 1);
  const given = [schema.examples?.[0], schema.example, schema.const, schema.enum?.[0]].find((own) => own !== undefined);
  if (given !== undefined) return given;
  const choice = schema.anyOf?.[0] ?? schema.oneOf?.[0] ?? schema.allOf?.[0];
  if (choice) return sample(choice, schemas, depth + 1);
  if (schema.type === "array") return listed(schema, schemas, depth);
  if (schema.type === "object" || schema.properties) return object(schema, schemas, depth);
  return PLAIN[schema.type] ?? null;
}

function listed(schema, schemas, depth) {
  if (schema.prefixItems) return schema.prefixItems.map((own) => sample(own, schemas, depth + 1));
  return [sample(schema.items ?? {}, schemas, depth + 1)];
}

// What may be left out is left out, but of objects of which nothing is required.
function object(schema, schemas, depth) {
  const fields = Object.entries(schema.properties ?? {});
  const needed = fields.filter(([name]) => schema.required?.includes(name));
  const shown = needed.length ? needed : fields;
  return Object.fromEntries(shown.map(([name, own]) => [name, sample(own, schemas, depth + 1)]));
}
