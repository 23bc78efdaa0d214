// `sotto drain`: asks a running server to end, as SIGTERM does.
import type { Command } from 'commander';
import { askServer, withServer } from './server-request.js';

export function registerDrainCommand(program: Command): void {
  withServer(
    program
      .command('drain')
      .description(
        'End a running server: its sessions move to another node, or finish. Needs a key with the scope admin.',
      ),
  ).action(drain);
}

async function drain({ server }: { readonly server: string }): Promise<void> {
  const response = await askServer(server, '/v1/drain', { method: 'POST' });
  const { connections } = (await response.json()) as { connections: number };
  process.stdout.write(`The server drains: ${connections} connections are open.\n`);
}
