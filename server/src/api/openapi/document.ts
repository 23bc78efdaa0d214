// The OpenAPI 3.1 document of the server, made from its routes and from the schemas that its handlers validate by.
import { toJsonSchema } from '@valibot/to-json-schema';
import type * as v from 'valibot';
import type { Route } from '../../http/router.js';
import type { Operation } from './operation.js';
import { OPERATIONS } from './operations.js';

type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** Answered whatever the state of the server (`status-routes.ts`). */
const BUILT_IN = ['GET /health', 'GET /ready', 'GET /metrics'] as const;

const ERROR: Json = {
  type: 'object',
  required: ['error'],
  properties: {
    error: {
      type: 'object',
      required: ['code', 'message'],
      properties: { code: { type: 'string' }, message: { type: 'string' } },
    },
  },
};

/** Every route is in it, and what is always answered. */
export function openApiDocument(routes: readonly Pick<Route, 'method' | 'path'>[], version: string): Json {
  const keys = [...BUILT_IN, ...routes.map(({ method, path }) => `${method} ${path}`)];
  const paths: Record<string, Record<string, Json>> = {};
  for (const key of new Set(keys)) {
    const [method = '', path = ''] = key.split(' ', 2);
    const operation = OPERATIONS[key] ?? { tag: 'Other', summary: key };
    const address = path.replaceAll(/:([^/]+)/g, '{$1}');
    (paths[address] ??= {})[method.toLowerCase()] = operationObject(path, operation);
  }
  return {
    openapi: '3.1.1',
    info: {
      title: 'Sotto',
      version,
      description: 'Speech to text over HTTP. Live streams are WebSockets: see the AsyncAPI document of the protocol.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    paths,
  };
}

function operationObject(path: string, { tag, summary, query = [], answer = {}, ...body }: Operation): Json {
  const { schema, contentTypes = ['application/json'], status = 200 } = answer;
  const good = schema === undefined ? {} : jsonSchema(schema, 'output');
  return {
    tags: [tag],
    summary,
    parameters: [
      ...[...path.matchAll(/:([^/]+)/g)].map(([, name = '']) => ({
        name,
        in: 'path',
        required: true,
        schema: { type: 'string' },
      })),
      ...query.map(({ name, description }) => ({ name, in: 'query', description, schema: { type: 'string' } })),
    ],
    ...requestBody(body),
    responses: {
      [status]: {
        description: 'Done.',
        content: Object.fromEntries(contentTypes.map((type) => [type, { schema: good }])),
      },
      default: { description: 'What is wrong.', content: { 'application/json': { schema: ERROR } } },
    },
  };
}

function requestBody({
  form,
  fileField = 'file',
  json,
  takesBytes = false,
}: Pick<Operation, 'form' | 'fileField' | 'json' | 'takesBytes'>): {
  readonly [key: string]: Json;
} {
  const content = {
    ...(form && { 'multipart/form-data': { schema: withFile(jsonSchema(form, 'input'), fileField) } }),
    ...(json && { 'application/json': { schema: jsonSchema(json, 'input') } }),
    ...(takesBytes && { 'application/octet-stream': { schema: { type: 'string', format: 'binary' } } }),
  };
  return Object.keys(content).length === 0 ? {} : { requestBody: { required: true, content } };
}

function jsonSchema(schema: v.GenericSchema, typeMode: 'input' | 'output'): { readonly [key: string]: Json } {
  // What a schema checks beyond its shape is in the errors.
  const made = toJsonSchema(schema, { target: 'draft-2020-12', typeMode, errorMode: 'ignore' });
  const { $schema: _, ...rest } = JSON.parse(JSON.stringify(made)) as Record<string, Json>;
  return rest;
}

function withFile(schema: { readonly [key: string]: Json }, fileField: string): Json {
  const { properties = {}, required = [] } = schema;
  return {
    ...schema,
    properties: { [fileField]: { type: 'string', format: 'binary' }, ...(properties as Record<string, Json>) },
    required: [fileField, ...(required as readonly string[])],
  };
}
