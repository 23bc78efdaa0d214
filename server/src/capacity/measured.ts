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
    wordsP95Ms: 1_055,
    finalsP95Ms: 296,
    how: {
      en: 'Real English speech, weights of the right size, second tries off. The GPU took 330 W. With second tries as they were then, finals took 1,190 ms. Other speech, everything as by default: 400 streams with every partial in time and p95 of finals 616 ms (320 to 384 of them silence), 600 with partials 1.3 times as rarely and 651 ms, 700 with 1.6 times and 756 ms (docs/gpu.md).',
      zh: '真实英语语音，同等规模的权重，关闭二次解码，GPU 功耗 330 瓦。按当时的默认二次解码，最终结果为 1190 毫秒。换一批语音、全部用默认设置：400 路时中间结果全部按时，最终结果 p95 为 616 毫秒（其中 320 至 384 毫秒是静音）；600 路时中间结果间隔变为 1.3 倍，p95 为 651 毫秒；700 路时为 1.6 倍和 756 毫秒（docs/gpu.md）。',
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
      en: 'Real English speech, 30-s contexts, second tries off. The GPU took 491 W.',
      zh: '真实英语语音，30 秒上下文，关闭二次解码，GPU 功耗 491 瓦。',
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
