// `sotto cert`: a certificate that nobody signed, for clients that speak TLS only.
import { execFile } from 'node:child_process';
import { chmod, mkdir, stat } from 'node:fs/promises';
import { isIP } from 'node:net';
import { hostname } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { InvalidArgumentError, type Command } from 'commander';
import { CommandError } from './command-error.js';

/** Browsers and macOS take no certificate that lives longer. */
const DAYS_MAX = 825;

interface CertFlags {
  readonly out: string;
  readonly name: readonly string[];
  readonly days: number;
  readonly force?: true;
}

export function registerCertCommand(program: Command): void {
  program
    .command('cert')
    .description('Make a certificate for this machine, for clients that speak TLS only. Needs openssl.')
    .option('--out <folder>', 'where cert.pem and key.pem go', '.')
    .option('--name <host>', 'a further host name or address of this machine (repeatable)', namesOf, [])
    .option('--days <number>', `how long it is valid, at most ${DAYS_MAX}`, daysOf, 365)
    .option('--force', 'replace files that are there')
    .action(makeCertificate);
}

async function makeCertificate({ out, name, days, force }: CertFlags): Promise<void> {
  const [cert, key] = [resolve(join(out, 'cert.pem')), resolve(join(out, 'key.pem'))];
  for (const file of [cert, key]) {
    const isThere = await stat(file).then(
      () => true,
      () => false,
    );
    if (isThere && force !== true) throw new CommandError(`${file} is there already. --force replaces it.`, 1);
  }
  await mkdir(resolve(out), { recursive: true });
  const names = [...new Set(['localhost', '127.0.0.1', '::1', hostname(), ...name])].filter(isName);
  const alternatives = names.map((host) => `${isIP(host) === 0 ? 'DNS' : 'IP'}:${host}`).join(',');
  const kind = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-sha256'];
  const whose = ['-subj', '/CN=localhost', '-addext', `subjectAltName=${alternatives}`];
  await openssl(['req', ...kind, ...whose, '-days', String(days), '-keyout', key, '-out', cert]);
  await chmod(key, 0o600);
  process.stdout.write(`${cert}\n${key}\n`);
  process.stderr.write(
    `\nValid for ${days} days, for ${names.join(', ')}.\n\n` +
      `  sotto serve --tls-cert ${cert} --tls-key ${key}\n\n` +
      `Clients trust it with SSL_CERT_FILE=${cert} (Python), NODE_EXTRA_CA_CERTS=${cert} (Node),\n` +
      `or curl --cacert ${cert}.\n`,
  );
}

async function openssl(args: readonly string[]): Promise<void> {
  try {
    await promisify(execFile)('openssl', args);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
      throw new CommandError('There is no openssl here. Install it, or make a certificate elsewhere.', 1);
    }
    const said = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : String(error);
    throw new CommandError(`openssl could not make the certificate: ${said}`, 1);
  }
}

function namesOf(host: string, before: readonly string[]): string[] {
  if (!isName(host)) throw new InvalidArgumentError('Expected a host name or an address.');
  return [...before, host];
}

/** What goes into the command line of openssl as it is. */
function isName(host: string): boolean {
  return isIP(host) !== 0 || /^(?:\*\.)?[A-Za-z\d_](?:[A-Za-z\d_.-]{0,251}[A-Za-z\d_])?$/.test(host);
}

function daysOf(text: string): number {
  const days = Number(text);
  if (Number.isInteger(days) && days >= 1 && days <= DAYS_MAX) return days;
  throw new InvalidArgumentError(`Expected a whole number from 1 to ${DAYS_MAX}.`);
}
