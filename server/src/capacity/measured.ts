// What was measured, and how: the figures that every plan starts from. A plan for other hardware starts from a
// measurement of its own (`npm run bench -- capacity`, then `sotto capacity --streams N`).

import type { Assumptions } from './assumptions.js';

/** Live streams that one unit carried within its latency, and how fast it hears recordings. */
export interface MeasuredUnit {
  readonly key: string;
  /** What one unit is: one GPU, or two cores of a CPU. */
  readonly device: string;
  readonly model: string;
  /** Adapted models take short contexts (models/train/adapt); stock ones work over 30 s for every partial. */
  readonly form: 'adapted' | 'stock';
  readonly streams: number;
  /** 95th percentiles at that load: words as they are spoken, finals after the end of speech. ms */
  readonly wordsP95Ms: number;
  readonly finalsP95Ms: number;
  /** Seconds of recordings heard in a second. Undefined: not measured. */
  readonly filesSpeed?: number;
  /** What is usual for this unit where it differs from what is usual for a GPU. */
  readonly usual?: Partial<Assumptions>;
  /** What was measured in which way, in a sentence. */
  readonly how: Readonly<Record<'en' | 'zh', string>>;
}

export const MEASURED_UNITS: readonly MeasuredUnit[] = [
  {
    key: 'h200-turbo-adapted',
    device: 'H200',
    model: 'large-v3-turbo',
    form: 'adapted',
    streams: 400,
    wordsP95Ms: 643,
    finalsP95Ms: 616,
    how: {
      en: 'Real English speech, weights of the right size, second tries on, by --stability align-att --holdback-ms 200. 320 to 384 ms of what finals take is silence; words are those that a partial showed; the GPU took 350 W. 600 streams: partials 1.3 times as rarely, finals 651 ms. On a slower host of the same kind 400 streams had 764 and 725 ms, and three server processes carried 1,000 with partials 3.2 times as rarely and finals after 873 ms (docs/gpu.md).',
      zh: '真实英语语音，同等规模的权重，开启二次解码，--stability align-att --holdback-ms 200。最终结果的用时中有 320 至 384 毫秒是静音；词延迟只计中间结果显示过的词；GPU 功耗 350 瓦。600 路时中间结果间隔变为 1.3 倍，最终结果 651 毫秒。在同类但较慢的主机上，400 路为 764 和 725 毫秒；三个服务进程承载 1000 路，中间结果间隔变为 3.2 倍，最终结果 873 毫秒（docs/gpu.md）。',
    },
  },
  {
    key: 'h200-turbo-stock',
    device: 'H200',
    model: 'large-v3-turbo',
    form: 'stock',
    streams: 100,
    wordsP95Ms: 1_370,
    finalsP95Ms: 664,
    how: {
      en: 'Real English speech, 30-s contexts, second tries off. The GPU took 491 W. With second tries, 150 streams: partials 2.2 times as rarely, words that a partial showed after 1,475 ms, finals after 1,128 ms (docs/gpu.md).',
      zh: '真实英语语音，30 秒上下文，关闭二次解码，GPU 功耗 491 瓦。开启二次解码、150 路时：中间结果间隔变为 2.2 倍，中间结果显示过的词 1475 毫秒，最终结果 1128 毫秒（docs/gpu.md）。',
    },
  },
  {
    key: 'h200-large-v3-adapted',
    device: 'H200',
    model: 'large-v3',
    form: 'adapted',
    streams: 150,
    wordsP95Ms: 878,
    finalsP95Ms: 797,
    how: {
      en: 'Real English speech, weights of the right size, second tries on. Words: the first ones of an utterance. The GPU took 310 W. 300 streams: partials 1.6 times as rarely, finals after 1,031 ms (docs/gpu.md).',
      zh: '真实英语语音，同等规模的权重，开启二次解码。词延迟为每句话的首词，GPU 功耗 310 瓦。300 路时中间结果间隔变为 1.6 倍，最终结果 1031 毫秒（docs/gpu.md）。',
    },
  },
  {
    key: 'h100-turbo-adapted',
    device: 'H100 80GB',
    model: 'large-v3-turbo',
    form: 'adapted',
    streams: 400,
    wordsP95Ms: 990,
    finalsP95Ms: 560,
    how: {
      en: 'Synthetic speech, which rarely needs a second try (bench/results/gpu-h100.md).',
      zh: '合成语音，很少需要二次解码（bench/results/gpu-h100.md）。',
    },
  },
  {
    key: 'h100-large-v3-adapted',
    device: 'H100 80GB',
    model: 'large-v3',
    form: 'adapted',
    streams: 120,
    wordsP95Ms: 973,
    finalsP95Ms: 552,
    // 41.3 windows of 30 s a second, 120 tokens each: the same work for stock and adapted.
    filesSpeed: 1_239,
    how: {
      en: 'Synthetic speech (bench/results/gpu-h100.md). Recordings: batches of 64 windows of 30 s.',
      zh: '合成语音（bench/results/gpu-h100.md）。录音：每批 64 个 30 秒窗口。',
    },
  },
  {
    key: 'cpu-base-adapted',
    device: '2 CPU cores',
    model: 'whisper-base-adapted',
    form: 'adapted',
    streams: 4,
    wordsP95Ms: 1_000,
    finalsP95Ms: 513,
    filesSpeed: 8.6,
    usual: { unitPrice: 400, watts: 30, rentPerHour: 0.08 },
    how: {
      en: 'Real English speech on two virtual cores with the model that comes with Sotto. Words: the bound, not a measurement.',
      zh: '在两个虚拟核心上用自带模型识别真实英语语音。词延迟是上限而非测量值。',
    },
  },
];

/** The unit of that key. */
export function measuredUnit(key: string): MeasuredUnit | undefined {
  return MEASURED_UNITS.find((unit) => unit.key === key);
}

/**
 * The measured unit that a device is most like, by the name that its driver gives; a machine without one is its CPU.
 */
export function unitLike(gpuName: string | undefined): MeasuredUnit | undefined {
  if (gpuName === undefined) return measuredUnit('cpu-base-adapted');
  return MEASURED_UNITS.find(
    ({ device }) => device.startsWith('H') && gpuName.includes(device.split(' ')[0] ?? device),
  );
}
