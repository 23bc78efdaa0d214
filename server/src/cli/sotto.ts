// The sotto command: every subcommand registers itself.
import { Command } from 'commander';
import { VERSION } from '../version.js';
import { registerCapacityCommand } from './capacity.js';
import { CommandError } from './command-error.js';
import { registerConfigCommand } from './config.js';
import { registerDoctorCommand } from './doctor.js';
import { registerJobsCommand } from './jobs.js';
import { registerKeysCommand } from './keys.js';
import { registerModelsCommand } from './models.js';
import { registerServeCommand } from './serve.js';
import { registerTranscribeCommand } from './transcribe.js';
import { registerTranscriptsCommand } from './transcripts.js';

const USAGE_EXIT_CODE = 2;

const program = new Command('sotto')
  .description('Realtime speech-to-text on your own machine.')
  .version(VERSION, '-V, --version')
  .showHelpAfterError('(see --help)')
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : USAGE_EXIT_CODE));

registerServeCommand(program);
registerTranscribeCommand(program);
registerTranscriptsCommand(program);
registerJobsCommand(program);
registerKeysCommand(program);
registerModelsCommand(program);
registerConfigCommand(program);
registerDoctorCommand(program);
registerCapacityCommand(program);

try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof CommandError)) throw error;
  process.stderr.write(`sotto: ${error.message}\n`);
  process.exit(error.exitCode);
}
