// Reads the panel as its page does, and scrapes the metrics as Prometheus would, without drawing anything.

/** The part of the server's answer that the bench compares. */
export interface PanelSample {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly gauges: Readonly<Record<string, number | undefined>>;
  readonly latencies: Readonly<Record<string, { readonly p50: number; readonly p95: number } | undefined>>;
}

/** The page's own interval, milliseconds. */
const INTERVAL_MS = 2_000;

export class PanelReader {
  readonly #url: string;
  readonly #samples: PanelSample[] = [];
  #timer: NodeJS.Timeout | undefined;
  #bytes = 0;
  #answers = 0;

  constructor(httpUrl: string) {
    this.#url = httpUrl;
  }

  /** What it was told of the last hour. */
  get samples(): readonly PanelSample[] {
    return this.#samples;
  }

  /** Bytes of one answer, on average. */
  get answerBytes(): number {
    return this.#bytes / Math.max(1, this.#answers);
  }

  /** Asks now, and every two seconds until {@link stop}. @param panels as many as would be open */
  start(panels = 1): void {
    this.#timer = setInterval(() => void this.ask().catch(() => undefined), INTERVAL_MS / panels);
    void this.ask().catch(() => undefined);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async ask(): Promise<void> {
    const response = await fetch(`${this.#url}/v1/panel?since=${this.#samples.at(-1)?.at ?? 0}`);
    const text = await response.text();
    this.#bytes += text.length;
    this.#answers++;
    this.#samples.push(...(JSON.parse(text) as { history: PanelSample[] }).history);
  }
}

/** Scrapes `/metrics` so often a second until it is called off; answers how many scrapes came back. */
export function scrape(httpUrl: string, perSecond: number): () => number {
  let done = 0;
  const once = async (): Promise<void> => {
    const response = await fetch(`${httpUrl}/metrics`);
    await response.arrayBuffer();
    if (response.ok) done++;
  };
  const timer = setInterval(() => void once().catch(() => undefined), 1_000 / perSecond);
  return () => {
    clearInterval(timer);
    return done;
  };
}
