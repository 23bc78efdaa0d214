// `bench compare`: two result files side by side.
import type { Command } from 'commander';
import { comparisonRows, compareResults } from '../report/compare-results.js';
import { readResult } from '../report/result-file.js';
import { alignColumns, markdownRows } from '../report/table.js';

export function registerCompareCommand(program: Command): void {
  program
    .command('compare')
    .description('two result files as a table of ratios')
    .argument('<before.json>')
    .argument('<after.json>')
    .option('--markdown', 'prints a Markdown table')
    .action(async (before: string, after: string, options: { readonly markdown?: true }) => {
      const rows = comparisonRows(compareResults(await readResult(before), await readResult(after)));
      process.stdout.write(`${options.markdown === true ? markdownRows(rows) : alignColumns(rows)}\n`);
    });
}
