// The sotto command: every subcommand registers itself.
import { Command } from 'commander';
import { VERSION } from '../version.js';
import { registerConfigCommand } from './config.js';
import { registerServeCommand } from './serve.js';

const USAGE_EXIT_CODE = 2;

const program = new Command('sotto')
  .description('Realtime speech-to-text on your own machine.')
  .version(VERSION, '-V, --version')
  .showHelpAfterError('(see --help)')
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : USAGE_EXIT_CODE));

registerServeCommand(program);
registerConfigCommand(program);

await program.parseAsync();
