// `bench show`: result files as text to read, or as one page to paste into a document.
import type { Command } from 'commander';
import { markdown, readResult, terminalText } from '../report/result-file.js';

export function registerShowCommand(program: Command): void {
  program
    .command('show')
    .description('result files for people, one behind the other')
    .argument('<result.json...>')
    .option('--markdown', 'prints a page of Markdown')
    .action(async (paths: readonly string[], options: { readonly markdown?: true }) => {
      for (const path of paths) {
        const result = await readResult(path);
        process.stdout.write(`${options.markdown === true ? markdown(result) : terminalText(result)}\n`);
      }
    });
}
