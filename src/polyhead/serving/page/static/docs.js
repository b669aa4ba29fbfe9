// /openapi.json as a page: every path with what goes in, what comes back, an example and a curl line.
import { ask, Refusal } from "./api.js";
import { curlLine } from "./curl.js";
import { button, find, make } from "./dom.js";
import { lineFor } from "./messages.js";
import { exampleOf } from "./samples.js";
import { anchorOf, field, fieldsOf, limitsOf, prose, typeOf } from "./schema.js";
import { folded } from "./single.js";

const METHODS = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];
const COLOURS = { get: "c2", post: "c0", put: "c1", delete: "c3", patch: "c5" };

async function load() {
  try {
    const { data } = await ask("openapi.json");
    find("alert").replaceChildren();
    showAll(data);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const again = button("Try again", load);
    find("facts").textContent = "";
    find("alert").replaceChildren(make("div", { class: "alert" }, make("p", {}, lineFor(error)), again));
  }
}

function showAll(spec) {
  document.title = `API · ${spec.info.title}`;
  find("name").textContent = `${spec.info.title} API`;
  find("facts").textContent = `version ${spec.info.version}`;
  const operations = operationsOf(spec);
  const schemas = Object.entries(spec.components?.schemas ?? {});
  find("contents").replaceChildren(...contents(operations, schemas));
  find("content").replaceChildren(
    ...(spec.info.description ? [make("section", {}, ...prose(spec.info.description))] : []),
    ...operations.map((own) => operationView(own, spec)),
    ...(schemas.length ? [schemasView(schemas)] : []),
  );
  goToAnchor();
}

function operationsOf(spec) {
  return Object.entries(spec.paths ?? {}).flatMap(([path, item]) =>
    METHODS.filter((method) => item[method]).map((method) => {
      const operation = item[method];
      const parameters = [...(item.parameters ?? []), ...(operation.parameters ?? [])];
      return { ...operation, path, method, parameters, anchor: `${method}${path.replaceAll(/[^\w.-]+/g, "-")}` };
    }),
  );
}

function badge(method) {
  return make("span", { class: `method ${COLOURS[method] ?? "c7"}` }, method.toUpperCase());
}

function contents(operations, schemas) {
  const link = (anchor, ...children) => make("li", {}, make("a", { href: `#${anchor}` }, ...children));
  const paths = operations.map((own) => link(own.anchor, badge(own.method), " ", own.path));
  const named = schemas.map(([name]) => link(anchorOf(name), name));
  const parts = [make("h2", {}, "Paths"), make("ul", {}, ...paths)];
  if (named.length) parts.push(make("h2", {}, "Schemas"), make("ul", {}, ...named));
  return parts;
}

function heading(tag, anchor, name, ...children) {
  const link = make("a", { class: "anchor", href: `#${anchor}`, "aria-label": `Link to ${name}` }, "#");
  return make(tag, {}, ...children, link);
}

function operationView(own, spec) {
  const name = `${own.method.toUpperCase()} ${own.path}`;
  return make(
    "section",
    { class: "operation", id: own.anchor, "aria-label": name },
    heading("h2", own.anchor, name, badge(own.method), " ", make("code", {}, own.path)),
    ...(own.summary ? [make("p", {}, make("strong", {}, own.summary))] : []),
    ...prose(own.description ?? ""),
    ...parametersView(own.parameters),
    ...requestView(own, spec),
    make("h3", {}, "Responses"),
    responsesView(own, spec),
  );
}

function parametersView(parameters) {
  if (!parameters.length) return [];
  const items = parameters.map((own) => {
    const schema = { ...own.schema, description: own.description ?? own.schema?.description };
    const item = field(own.name, schema, own.required);
    item.querySelector(".name").after(make("span", { class: "soft small" }, `in ${own.in} `));
    return item;
  });
  return [make("h3", {}, "Parameters"), make("ul", { class: "fields" }, ...items)];
}

function requestView(own, spec) {
  const secured = (own.security ?? spec.security ?? []).some((choice) => Object.keys(choice).length);
  const asked = { method: own.method.toUpperCase(), withKey: secured };
  const line = (body) => curlLine(own.path.replace(/^\//, ""), { ...asked, body });
  const parts = secured ? [make("p", { class: "soft" }, "Asks for the server’s key, where it has one.")] : [];
  const [type, media] = Object.entries(own.requestBody?.content ?? {})[0] ?? [];
  if (!media) return [...parts, folded("curl", line())];
  const example = exampleOf(media, spec.components?.schemas ?? {});
  return [
    ...parts,
    make("h3", {}, "Request"),
    make("p", {}, make("code", {}, type), ": ", ...typeOf(media.schema)),
    ...inlineFields(media.schema, spec),
    folded("Example", JSON.stringify(example, null, 2)),
    folded("curl", line(JSON.stringify(example))),
  ];
}

// The fields of the request's own schema stand here, too, so that nobody has to follow a link to know what to send.
function inlineFields(schema, spec) {
  const name = schema?.$ref?.split("/").at(-1);
  const own = name ? spec.components.schemas[name] : schema;
  return own?.properties ? [fieldsOf(own)] : [];
}

function responsesView(own, spec) {
  const rows = Object.entries(own.responses ?? {}).map(([status, response]) => responseView(status, response, spec));
  const head = make("tr", {}, make("th", { scope: "col" }, "Status"), make("th", { scope: "col" }, "Meaning"));
  return make("table", { class: "statuses" }, make("thead", {}, head), make("tbody", {}, ...rows));
}

function responseView(status, response, spec) {
  const medias = Object.entries(response.content ?? {});
  const types = medias.map(([type, media]) => {
    const schema = isSaid(media) ? [": ", ...typeOf(media.schema)] : [];
    return make("p", { class: "small soft" }, type, ...schema);
  });
  const headers = Object.entries(response.headers ?? {}).map(([name, header]) => {
    const said = ` ${header.description ?? ""} ${limitsOf(header.schema ?? {})}`;
    return make("p", { class: "small" }, make("code", {}, name), said);
  });
  const parts = [...prose(response.description ?? ""), ...types, ...headers, ...responseExample(status, medias, spec)];
  return make("tr", {}, make("th", { scope: "row", class: "number" }, status), make("td", {}, ...parts));
}

function isSaid(media) {
  return Object.keys(media.schema ?? {}).length > 0;
}

// Refusals all look alike: their examples are shown only where the schema has one of its own.
function responseExample(status, medias, spec) {
  const media = medias.find(([type]) => type.includes("json"))?.[1];
  if (!media || !(media.example ?? media.examples ?? (status.startsWith("2") && isSaid(media)))) return [];
  return [folded("Example", JSON.stringify(exampleOf(media, spec.components?.schemas ?? {}), null, 2))];
}

function schemasView(schemas) {
  const parts = schemas.map(([name, schema]) => {
    const title = heading("h3", anchorOf(name), name, make("code", {}, name));
    const body = [...prose(schema.description ?? ""), fieldsOf(schema)];
    return make("section", { class: "schema", id: anchorOf(name), "aria-label": name }, title, ...body);
  });
  return make("section", { class: "operation", "aria-label": "Schemas" }, make("h2", {}, "Schemas"), ...parts);
}

// What the address names was not there when the browser looked for it.
function goToAnchor() {
  const place = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (location.hash && place) place.scrollIntoView();
}

load();
