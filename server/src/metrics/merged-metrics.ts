// The numbers of several processes as one text for Prometheus.

/** What one process exposes. */
export interface ExposedMetrics {
  /** Tells its samples from the others' by a label `process`; undefined: its samples are of all processes. */
  readonly process: string | undefined;
  readonly text: string;
}

/** A metric by its name. */
interface Family {
  /** HELP and TYPE. */
  readonly head: string[];
  readonly samples: string[];
}

/**
 * What is of all processes is taken from there alone, whoever else tells it. Samples of one name stand together, as the
 * format wants it.
 */
export function mergeMetrics(parts: readonly ExposedMetrics[]): string {
  const merged = new Map<string, Family>();
  const ofAll = new Set<string>();
  for (const { process, text } of parts) {
    if (process !== undefined) continue;
    for (const [name, family] of familiesIn(text)) {
      ofAll.add(name);
      merged.set(name, family);
    }
  }
  for (const { process, text } of parts) {
    if (process === undefined) continue;
    for (const [name, { head, samples }] of familiesIn(text)) {
      if (ofAll.has(name)) continue;
      const family = merged.get(name) ?? { head, samples: [] };
      merged.set(name, family);
      family.samples.push(...samples.map((sample) => labelled(sample, process)));
    }
  }
  const lines = [...merged.values()].flatMap(({ head, samples }) => [...head, ...samples]);
  return `${lines.join('\n')}\n`;
}

function familiesIn(text: string): Map<string, Family> {
  const families = new Map<string, Family>();
  let family: Family = { head: [], samples: [] };
  for (const line of text.split('\n')) {
    if (line.startsWith('# HELP ')) {
      family = { head: [], samples: [] };
      families.set(line.split(' ', 3)[2] ?? '', family);
    }
    if (line !== '') (line.startsWith('#') ? family.head : family.samples).push(line);
  }
  return families;
}

/** `name 1` or `name{a="b"} 1`, with the label in front of others. */
function labelled(sample: string, process: string): string {
  const [, name = '', labels = '', value = ''] = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (.*)$/.exec(sample) ?? [];
  return `${name}{process="${process}"${labels === '' ? '' : `,${labels}`}} ${value}`;
}
