// `bench show`: a result file as text to read or to paste into a document.
import type { Command } from 'commander';
import { markdown, readResult, terminalText } from '../report/result-file.js';

export function registerShowCommand(program: Command): void {
  program
    .command('show')
    .description('a result file for people')
    .argument('<result.json>')
    .option('--markdown', 'prints Markdown')
    .action(async (path: string, options: { readonly markdown?: true }) => {
      const result = await readResult(path);
      process.stdout.write(`${options.markdown === true ? markdown(result) : terminalText(result)}\n`);
    });
}
