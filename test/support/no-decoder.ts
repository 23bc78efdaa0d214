// An environment in which no decoder starts: its process ends before it runs.
const code = `if (process.argv[1]?.includes('decoder-main')) process.exit(1);`;

export const NO_DECODER: NodeJS.ProcessEnv = {
  NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(code)}`,
};
