// The scripted child of a run of the build: see child-module.ts.
await import(
  `./typescript-child.mjs?of=${encodeURIComponent(new URL('./scripted-child-main.ts', import.meta.url).href)}`
);
