// Silero's detector of speech as a graph for recordings.
export { sileroSequenceModel } from './sequence-graph.js';
