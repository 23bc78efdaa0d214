// A thread of the detector.
import { serveSilero } from './serve-silero.js';
import { loadSilero } from './silero-runner.js';

await serveSilero(loadSilero);
