// `sotto drain` and `sotto undrain`: whether a running server takes streams, or ends.
import type { Command } from 'commander';
import { askServer, withServer } from './server-request.js';

export function registerDrainCommand(program: Command): void {
  withServer(
    program
      .command('drain')
      .description(
        'End a running server: its sessions move to another node, or finish. Needs a key with the scope admin.',
      )
      .option('--stay', 'it does not end: it lets no further stream begin, and those that there are go on'),
  ).action(drain);
}

export function registerUndrainCommand(program: Command): void {
  withServer(
    program
      .command('undrain')
      .description('Let streams begin again, after drain --stay. Needs a key with the scope admin.'),
  ).action(undrain);
}

async function drain({ server, stay }: { readonly server: string; readonly stay?: true }): Promise<void> {
  const path = stay === true ? '/v1/drain?stay=true' : '/v1/drain';
  const connections = await ask(server, path, 'POST');
  process.stdout.write(
    stay === true
      ? `The server lets no further stream begin: ${connections} connections are open.\n`
      : `The server drains: ${connections} connections are open.\n`,
  );
}

async function undrain({ server }: { readonly server: string }): Promise<void> {
  const connections = await ask(server, '/v1/drain', 'DELETE');
  process.stdout.write(`Streams may begin again: ${connections} connections are open.\n`);
}

async function ask(server: string, path: string, method: 'POST' | 'DELETE'): Promise<number> {
  const response = await askServer(server, path, { method });
  const { connections } = (await response.json()) as { connections: number };
  return connections;
}
