export { distribution, median, percentile, type Distribution } from './measure/statistics.js';
