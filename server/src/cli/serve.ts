// `sotto serve`: starts the server and keeps it until a signal.
import type { Command } from 'commander';
import { endOnSignals, stopOnSignals } from '../lifecycle.js';
import { createLog } from '../log.js';
import type { RunningServer } from '../main.js';
import { CommandError } from './command-error.js';
import { englishOnlyNote } from './models-report.js';
import { addSettingFlags, settingsOf, type SettingFlags } from './setting-flags.js';

export function registerServeCommand(program: Command): void {
  const command = program.command('serve').description('Start the server.');
  addSettingFlags(command).action(serve);
}

async function serve(flags: SettingFlags): Promise<void> {
  const { settings } = settingsOf(flags);
  const log = createLog(settings);
  // Loaded only now: the other commands need not wait for it.
  const { startServer, StartError } = await import('../main.js');
  const start = settings.processes === 1 ? startServer : (await import('../processes/supervise.js')).startProcesses;
  // Until here the system ends it, without waiting for what is being loaded.
  const release = endOnSignals(log);
  let server: RunningServer;
  try {
    server = await start(settings, log);
  } catch (error) {
    if (error instanceof StartError) throw new CommandError(error.message, 1, { cause: error });
    throw error;
  }
  stopOnSignals(server, settings.drainTimeoutMs, log);
  release();
  const { url, model } = server;
  process.stdout.write(`Sotto is listening on ${url} (model ${model.name}, ${model.device})\n`);
  process.stdout.write(englishOnlyNote(model.name, model));
  if (model.isEmbedded) {
    process.stdout.write(
      `${model.name} is Whisper base (99 languages) taught to take short windows. A larger one makes fewer mistakes: ` +
        'npx sotto models pull openai/whisper-large-v3-turbo\n',
    );
  }
}
