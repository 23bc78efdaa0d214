// `npm run bench`: the benches as subcommands.
import { ModelError } from '@sotto/models';
import { EngineError } from '@sotto/server';
import { Command, CommanderError } from 'commander';
import { BenchError } from './bench-error.js';
import { registerAgreementCommand } from './commands/agreement.js';
import { registerAttackCommand } from './commands/attack.js';
import { registerCapacityCommand } from './commands/capacity.js';
import { registerCompareCommand } from './commands/compare.js';
import { registerEngineCommand } from './commands/engine.js';
import { registerFilesCommand } from './commands/files.js';
import { registerFuzzCommand } from './commands/fuzz.js';
import { registerGatewayCommand } from './commands/gateway.js';
import { registerHearingCommand } from './commands/hearing.js';
import { registerHotwordsCommand } from './commands/hotwords.js';
import { registerHostCommand } from './commands/host.js';
import { registerLivePeersCommand } from './commands/live-peers.js';
import { registerNetworkCommand } from './commands/network.js';
import { registerNodesCommand } from './commands/nodes.js';
import { registerPanelCommand } from './commands/panel.js';
import { registerPeersCommand } from './commands/peers.js';
import { registerPolicyCommand } from './commands/policy.js';
import { registerPolishCommand } from './commands/polish.js';
import { registerQualityCommand } from './commands/quality.js';
import { registerShowCommand } from './commands/show.js';
import { registerSoakCommand } from './commands/soak.js';
import { registerStreamCommand } from './commands/stream.js';
import { registerThreadCommand } from './commands/thread.js';
import { registerThroughputCommand } from './commands/throughput.js';
import { registerVadCommand } from './commands/vad.js';

const program = new Command('bench')
  .description(
    'Measures Sotto: live streams, the engine alone, the gateway alone. bench/README.md defines every figure.',
  )
  .exitOverride();
for (const register of [
  registerStreamCommand,
  registerCapacityCommand,
  registerEngineCommand,
  registerAgreementCommand,
  registerThreadCommand,
  registerThroughputCommand,
  registerNetworkCommand,
  registerFilesCommand,
  registerGatewayCommand,
  registerPanelCommand,
  registerVadCommand,
  registerHostCommand,
  registerPeersCommand,
  registerLivePeersCommand,
  registerPolicyCommand,
  registerQualityCommand,
  registerHearingCommand,
  registerHotwordsCommand,
  registerPolishCommand,
  registerAttackCommand,
  registerFuzzCommand,
  registerSoakCommand,
  registerNodesCommand,
  registerCompareCommand,
  registerShowCommand,
]) {
  register(program);
}

// A bench that is interrupted ends the server that it started: its exit handlers run.
for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const) {
  process.once(signal, () => process.exit(code));
}

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? 0 : 2;
  } else if (error instanceof BenchError) {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = error.code === 'usage' ? 2 : 1;
  } else if (error instanceof ModelError || error instanceof EngineError) {
    // A model or a device that is not there: no fault of the bench.
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  } else {
    throw error;
  }
}
