// The sotto command: every subcommand registers itself, when it is called.
import { Command } from 'commander';
import { VERSION } from '../version.js';
import { asCommandError } from './command-error.js';

/** What registers each command. Only the one that is called is loaded: most of a short run is loading. */
const COMMANDS: Readonly<Record<string, () => Promise<(program: Command) => void>>> = {
  serve: async () => (await import('./serve.js')).registerServeCommand,
  transcribe: async () => (await import('./transcribe.js')).registerTranscribeCommand,
  transcripts: async () => (await import('./transcripts.js')).registerTranscriptsCommand,
  jobs: async () => (await import('./jobs.js')).registerJobsCommand,
  keys: async () => (await import('./keys.js')).registerKeysCommand,
  models: async () => (await import('./models.js')).registerModelsCommand,
  config: async () => (await import('./config.js')).registerConfigCommand,
  cert: async () => (await import('./cert.js')).registerCertCommand,
  mcp: async () => (await import('./mcp.js')).registerMcpCommand,
  drain: async () => (await import('./drain.js')).registerDrainCommand,
  undrain: async () => (await import('./drain.js')).registerUndrainCommand,
  doctor: async () => (await import('./doctor.js')).registerDoctorCommand,
  capacity: async () => (await import('./capacity.js')).registerCapacityCommand,
};

const USAGE_EXIT_CODE = 2;

const program = new Command('sotto')
  .description('Realtime speech-to-text on your own machine.')
  .version(VERSION, '-V, --version')
  .showHelpAfterError('(see --help)')
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : USAGE_EXIT_CODE));

const named = process.argv[2] ?? '';
// Who reads the output may have enough of it (`| head`): nobody is there any more to write to, or to tell of it. A
// server goes on.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  if (named !== 'serve') process.exit(0);
});
const called = Object.hasOwn(COMMANDS, named) ? [named] : Object.keys(COMMANDS);
for (const name of called) (await COMMANDS[name]?.())?.(program);

try {
  await program.parseAsync();
} catch (error) {
  const { message, exitCode } = asCommandError(error);
  process.stderr.write(`sotto: ${message}\n`);
  process.exit(exitCode);
}
