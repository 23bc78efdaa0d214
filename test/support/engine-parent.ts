// A process that starts an engine's process and tells its id: for the test that kills it.
import { ProcessEngine } from '../../server/src/asr/engine-host/process-engine.js';
import { scriptedSpec } from './scripted-engine.js';

const engine = await ProcessEngine.start(scriptedSpec({ script: [] }));
process.send?.(engine.pid);
