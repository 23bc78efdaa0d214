// What a change of settings means (rule CF1).

/** The settings with what a change defines of them; what else it holds is left out. */
export function mergeSettings<S extends object>(
  settings: S,
  change: { readonly [K in keyof S]?: S[K] | undefined },
): S {
  const merged = { ...settings };
  for (const key of Object.keys(settings) as (keyof S)[]) merged[key] = change[key] ?? settings[key];
  return merged;
}
