// A page that shows the OpenAPI document and sends requests: no library, nothing from elsewhere.

/** Runs in the page; its hash is in the page's policy. */
export const DOCS_SCRIPT = String.raw`
const make = (tag, props = {}, ...children) => {
  const node = Object.assign(document.createElement(tag), props);
  node.append(...children);
  return node;
};
const fieldsOf = (operation) => {
  const fields = (operation.parameters ?? []).map((p) => ({ ...p, required: p.required === true, kind: p.in }));
  const content = operation.requestBody?.content ?? {};
  const form = content['multipart/form-data']?.schema;
  if (form) {
    for (const [name, schema] of Object.entries(form.properties ?? {}))
      fields.push({ name, schema, required: (form.required ?? []).includes(name), kind: 'form', description: schema.description });
  } else if (content['application/json']) {
    const wanted = Object.keys(content['application/json'].schema.properties ?? {}).map((name) => '"' + name + '": …');
    fields.push({ name: 'JSON', kind: 'json', required: false, schema: {}, description: wanted.join(', ') });
  } else if (content['application/octet-stream']) {
    fields.push({ name: 'file', kind: 'bytes', required: true, schema: { format: 'binary' } });
  }
  return fields;
};
const inputFor = ({ name, schema = {}, kind, required }) => {
  if (schema.format === 'binary') return make('input', { type: 'file', name, required });
  if (kind === 'json') return make('textarea', { name, rows: 4, value: '{}' });
  if (schema.enum) return make('select', { name }, make('option', { value: '', textContent: '' }), ...schema.enum.map((value) => make('option', { value, textContent: value, selected: value === schema.default })));
  return make('input', { name, required, placeholder: schema.default === undefined ? '' : String(schema.default) });
};
const send = async (method, path, fields, form) => {
  const value = (field) => form.elements.namedItem(field.name);
  const given = fields.filter((field) => field.schema?.format === 'binary' ? value(field).files.length > 0 : value(field).value !== '');
  // Beside this page: a proxy may serve all of them under a path of its own.
  let address = '.' + path;
  for (const field of fields.filter((f) => f.kind === 'path')) address = address.replace('{' + field.name + '}', encodeURIComponent(value(field).value));
  const query = new URLSearchParams(given.filter((f) => f.kind === 'query').map((f) => [f.name, value(f).value]));
  const init = { method: method.toUpperCase() };
  const ofKind = (kind) => given.filter((field) => field.kind === kind);
  if (ofKind('form').length > 0) {
    init.body = new FormData();
    for (const field of ofKind('form')) init.body.append(field.name, field.schema.format === 'binary' ? value(field).files[0] : value(field).value);
  }
  for (const field of ofKind('json')) { init.body = value(field).value; init.headers = { 'content-type': 'application/json' }; }
  for (const field of ofKind('bytes')) init.body = value(field).files[0];
  return fetch(address + (query.size > 0 ? '?' + query : ''), init);
};
const show = (method, path, operation) => {
  const fields = fieldsOf(operation);
  const output = make('pre', { ariaLive: 'polite', hidden: true });
  const form = make('form', {}, ...fields.map((field) => make('label', {}, make('span', { textContent: field.name + (field.required ? ' *' : '') }), inputFor(field), make('small', { textContent: field.description ?? '' }))), make('button', { textContent: 'Send' }), output);
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    output.hidden = false;
    output.textContent = '…';
    try {
      const response = await send(method, path, fields, form);
      output.textContent = response.status + ' ' + response.statusText + '\n\n';
      const decoder = new TextDecoder();
      for (const reader = response.body.getReader(); ;) {
        const { done, value } = await reader.read();
        if (done) break;
        output.textContent += decoder.decode(value, { stream: true });
      }
    } catch (error) {
      output.textContent = String(error);
    }
  });
  return make('details', {}, make('summary', {}, make('b', { textContent: method.toUpperCase() }), ' ', make('code', { textContent: path }), ' ', make('span', { textContent: operation.summary })), form);
};
const api = await (await fetch('openapi.json')).json();
document.querySelector('#version').textContent = api.info.version;
const tags = new Map();
for (const [path, methods] of Object.entries(api.paths))
  for (const [method, operation] of Object.entries(methods))
    tags.set(operation.tags[0], [...(tags.get(operation.tags[0]) ?? []), show(method, path, operation)]);
for (const [tag, operations] of tags) document.querySelector('main').append(make('h2', { textContent: tag }), ...operations);
`;

export const DOCS_PAGE = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sotto: the HTTP API</title>
<style>
  :root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
  body { max-width: 52rem; margin: 2rem auto; padding: 0 1rem; }
  details { border: 1px solid color-mix(in srgb, currentColor 25%, transparent); border-radius: 0.5rem; margin: 0.5rem 0; padding: 0.5rem 0.75rem; }
  summary { cursor: pointer; }
  summary b { display: inline-block; min-width: 4rem; }
  label { display: grid; grid-template-columns: 12rem 1fr; gap: 0 1rem; margin: 0.5rem 0; }
  label small { grid-column: 2; opacity: 0.75; }
  input, select, textarea, button { font: inherit; }
  pre { overflow: auto; max-height: 24rem; white-space: pre-wrap; overflow-wrap: anywhere; }
  @media (max-width: 36rem) { label { grid-template-columns: 1fr; } label small { grid-column: 1; } }
</style>
<h1>Sotto <span id="version"></span></h1>
<p>Speech to text over HTTP; the same as a document for programs: <a href="openapi.json">/openapi.json</a>. Live streams are WebSockets.</p>
<main></main>
<script type="module">${DOCS_SCRIPT}</script>
</html>
`;
