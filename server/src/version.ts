// The version of this server, from its package.
import { readFileSync } from 'node:fs';

// Both src/ and dist/ lie directly in the package.
const packageFile = new URL('../package.json', import.meta.url);

export const VERSION: string = (JSON.parse(readFileSync(packageFile, 'utf8')) as { version: string }).version;
