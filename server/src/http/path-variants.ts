// Addresses as clients of other services write them, and the nearest one to an address that there is not.

/** Longer paths are hardly typing errors. */
const COMPARED_CHARS_MAX = 200;

/**
 * What a path may have been meant as, the likeliest first: without doubled slashes and the one at the end, with `/v1`
 * or without it (the base URL had none, or had it twice), without the prefixes of Groq (`/openai/v1/…`) and Azure
 * (`/openai/deployments/NAME/…`).
 */
export function pathVariants(path: string): string[] {
  const plain = `/${path.split('/').filter(Boolean).join('/')}`;
  const rest = plain.replace(/^\/openai(?:\/deployments\/[^/]+)?(?=\/)/, '').replace(/^(?:\/v1)+(?=\/|$)/, '');
  const variants = rest === '' || rest === '/' ? [plain] : [plain, `/v1${rest}`, rest];
  return [...new Set(variants)].filter((variant) => variant !== path);
}

/** The address that differs least from a path, or undefined where none is like it. */
export function nearestAddress<A extends { readonly path: string }>(
  path: string,
  addresses: readonly A[],
): A | undefined {
  const asked = new Set(pathVariants(`${path.slice(0, COMPARED_CHARS_MAX)}/`).map(told));
  let [nearest, least]: [A | undefined, number] = [undefined, Infinity];
  for (const address of addresses) {
    const known = told(address.path);
    for (const variant of asked) {
      const distance = difference(variant, known);
      if (distance < least) [nearest, least] = [address, distance];
    }
  }
  return least <= DIFFERENCE_MAX ? nearest : undefined;
}

/** What a path says: that it is of an API, and of which version, is no likeness. */
function told(path: string): string {
  return path.toLowerCase().replace(/^(?:\/(?:api|v1))+(?=\/)/, '');
}

/** Of its letters, how many are others, 0-1. Half of them others is nothing alike. */
const DIFFERENCE_MAX = 0.5;
/** A path that was not written to its end. */
const BEGUN = 0.1;

function difference(asked: string, known: string): number {
  if (asked.length > 1 && known.startsWith(`${asked}_`)) return BEGUN;
  return edits(asked, known) / Math.max(asked.length, known.length);
}

/** Levenshtein distance. */
function edits(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, i) => i);
  for (let i = 0; i < from.length; i++) {
    const next = [i + 1];
    for (let j = 0; j < to.length; j++) {
      const change = (row[j] ?? 0) + (from[i] === to[j] ? 0 : 1);
      next.push(Math.min(change, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row[to.length] ?? 0;
}
