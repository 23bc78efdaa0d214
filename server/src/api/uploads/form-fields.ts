// The fields of a form, or of a query, by name.

/** Empty values and the text `null` count as absent: clients send both for what is not set. */
export class FormFields {
  readonly #values = new Map<string, string[]>();

  add(name: string, value: string): void {
    if (value === '' || value === 'null') return;
    const values = this.#values.get(name) ?? [];
    this.#values.set(name, [...values, value]);
  }

  static of(entries: Iterable<readonly [string, string]>): FormFields {
    const fields = new FormFields();
    for (const [name, value] of entries) fields.add(name, value);
    return fields;
  }

  /** The last value of a field. */
  one(name: string): string | undefined {
    return this.#values.get(name)?.at(-1);
  }

  /** A list however it was written: `name[]`, `name` repeated, `name[0]`, a JSON list, or separated by commas. */
  list(name: string): string[] | undefined {
    const values = [...this.#values].flatMap(([key, all]) =>
      key === name || key === `${name}[]` || (key.startsWith(`${name}[`) && /^\[\d+\]$/.test(key.slice(name.length)))
        ? all
        : [],
    );
    if (values.length === 0) return undefined;
    const [only = ''] = values;
    return (values.length === 1 ? parts(only) : values).map((value) => value.trim()).filter((value) => value !== '');
  }

  /** The members of `name[member]`; undefined when there are none. */
  members(name: string): Record<string, string> | undefined {
    const members = [...this.#values].flatMap(([key, values]) =>
      key.startsWith(`${name}[`) && key.endsWith(']')
        ? [[key.slice(name.length + 1, -1), values.at(-1) ?? ''] as const]
        : [],
    );
    return members.length === 0 ? undefined : Object.fromEntries(members);
  }
}

function parts(value: string): string[] {
  if (value.startsWith('[')) {
    try {
      const list: unknown = JSON.parse(value);
      if (Array.isArray(list)) return list.map(String);
    } catch {
      // Text that begins with a bracket.
    }
  }
  return value.split(',');
}
