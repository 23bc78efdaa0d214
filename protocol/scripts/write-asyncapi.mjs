// Writes protocol/asyncapi.json from the schemas; run with tsx (npm run asyncapi -w protocol).
import { writeFile } from 'node:fs/promises';
import { asyncApiDocument } from '../src/asyncapi/document.ts';

await writeFile(new URL('../asyncapi.json', import.meta.url), `${JSON.stringify(asyncApiDocument(), undefined, 2)}\n`);
