// The OpenAPI document of a whole server: every address is in it, described, and there.
import t, { type Test } from 'tap';
import { OPERATIONS } from '../../../server/src/api/openapi/operations.js';
import { testFolder } from '../../support/test-folder.js';
import { startWholeServer } from '../../support/whole-server.js';

interface Described {
  readonly tags: readonly string[];
  readonly summary: string;
  readonly parameters: readonly { readonly name: string; readonly in: string }[];
  readonly requestBody?: {
    readonly content: Readonly<Record<string, { readonly schema: { readonly properties?: object } }>>;
  };
  readonly responses: Readonly<Record<string, unknown>>;
}

interface Api {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Described>>>>;
}

async function serve(t: Test): Promise<string> {
  return (await startWholeServer(t, { dataDir: testFolder(t) })).url;
}

t.test('the document', async (t) => {
  const http = await serve(t);
  const response = await fetch(`${http}/openapi.json`);
  t.match(response.headers.get('content-type'), /^application\/json/);
  const api = (await response.json()) as Api;
  t.match(api.openapi, /^3\.1\./);
  const described = Object.entries(api.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      key: `${method.toUpperCase()} ${path.replaceAll(/\{([^}]+)\}/g, ':$1')}`,
      operation,
    })),
  );

  t.test('has every route of the server, and no other', async (t) => {
    t.strictSame(described.map(({ key }) => key).toSorted(), Object.keys(OPERATIONS).toSorted());
    for (const { key, operation } of described) t.notMatch(operation.tags, ['Other'], key);
  });

  t.test('every address is there', async (t) => {
    for (const { key } of described) {
      const [method = '', path = ''] = key.split(' ');
      const answer = await fetch(http + path.replaceAll(/:[^/]+/g, 'x'), { method });
      const body = await answer.text();
      t.notMatch(body, /There is no such page|method_not_allowed/, key);
      t.ok(answer.status !== 500, `${key}: ${answer.status}`);
    }
  });

  t.test('schemas are those that validate', async (t) => {
    const form = api.paths['/v1/audio/transcriptions']?.['post']?.requestBody?.content['multipart/form-data']?.schema;
    t.match(form, {
      type: 'object',
      required: ['file', 'model'],
      properties: {
        file: { format: 'binary' },
        response_format: { enum: ['json', 'text', 'srt', 'verbose_json', 'vtt'], default: 'json' },
      },
    });
    const optimize = api.paths['/transcribe_and_optimize']?.['post']?.requestBody?.content;
    t.same(Object.keys(optimize ?? {}).toSorted(), [
      'application/json',
      'application/octet-stream',
      'multipart/form-data',
    ]);
    t.match(api.paths['/v1/jobs/{id}']?.['get']?.parameters, [{ name: 'id', in: 'path' }]);
  });

  t.test('the page brings everything with it', async (t) => {
    const page = await fetch(`${http}/docs`);
    const html = await page.text();
    t.match(page.headers.get('content-security-policy'), /script-src 'sha256-[\w+/=]{44}'/);
    t.notMatch(html, /(src|href)="?https?:/);
    t.match(html, /\/openapi\.json/);
  });
});
