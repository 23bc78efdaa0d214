// The words of the calculator: of the command and of the page.
import type { AssumptionName, Assumptions } from './assumptions.js';
import type { CapacityPlan } from './plan.js';

export type CapacityLanguage = 'en' | 'zh';

export interface CapacityWords {
  readonly title: string;
  readonly intro: string;
  readonly unit: string;
  readonly forms: Readonly<Record<'adapted' | 'stock', string>>;
  readonly own: string;
  readonly streamsPerUnit: string;
  readonly filesSpeed: string;
  readonly measured: string;
  readonly latency: (wordsMs: number, finalsMs: number) => string;
  readonly notMeasured: string;
  readonly assumptions: string;
  readonly assumption: Readonly<Record<AssumptionName, string>>;
  readonly results: string;
  readonly result: Readonly<Record<keyof CapacityPlan, string>>;
  readonly usersWanted: string;
  readonly unitsNeeded: string;
  readonly reset: string;
  /** The answer in one sentence. */
  readonly answer: (users: string, streams: string, uses: string, minutes: string) => string;
  readonly adapt: string;
  readonly measureYours: string;
}

export const CAPACITY_WORDS: Readonly<Record<CapacityLanguage, CapacityWords>> = {
  en: {
    title: 'Capacity and cost',
    intro:
      'How many people a machine carries, and what it costs. It starts from measured figures; every assumption can be changed.',
    unit: 'Measured on',
    forms: { adapted: 'adapted to short contexts', stock: 'as published (30-s contexts)' },
    own: 'my own measurement',
    streamsPerUnit: 'Live streams on one unit',
    filesSpeed: 'Recordings: seconds transcribed in a second',
    measured: 'What was measured',
    latency: (words, finals) => `95 of 100 words within ${words} ms, finals ${finals} ms after the end of speech.`,
    notMeasured: 'not measured',
    assumptions: 'Assumptions',
    assumption: {
      units: 'Units (GPUs, or pairs of CPU cores)',
      unitsPerNode: 'Units in one machine',
      headroom: 'Share of the measured streams to plan with',
      usesPerDay: 'Uses a day by one user',
      minutesPerUse: 'Minutes of one use',
      busyHourShare: 'Share of the day in its busiest hour',
      refusedShare: 'Share of streams that may be refused in that hour',
      recordingMinutes: 'Minutes of one recording',
      unitPrice: 'Price of a unit with its share of the server, $',
      years: 'Years of use',
      watts: 'Power of a unit with its share of the server, W',
      powerUsageEffectiveness: 'Power of the building for each watt (PUE)',
      kilowattHourPrice: 'Price of a kilowatt hour, $',
      rentPerHour: 'Rent of a unit for an hour, $',
      apiPricePerMinute: 'Price of a minute at an API, $ (OpenAI: 0.006 for whisper-1 and gpt-4o-transcribe)',
    },
    results: 'What it carries and costs',
    result: {
      nodes: 'Machines',
      streams: 'Live streams at the measured limit',
      plannedStreams: 'Live streams to plan with',
      busyHourStreams: 'Streams open on average in the busiest hour',
      usersPerDay: 'Users a day',
      minutesPerDay: 'Minutes of speech a day',
      recordingsPerHour: 'Recordings an hour, if nothing else runs',
      recordingsPerDay: 'Recordings a day',
      ownPerMonth: 'Your own machines, $ a month',
      powerPerMonth: 'of which power, $ a month',
      rentPerMonth: 'Rented machines, $ a month',
      apiPerMonth: 'The same minutes at an API, $ a month',
      ownBreakEvenMinutesPerDay: 'Your own cost less from, minutes a day',
      rentBreakEvenMinutesPerDay: 'Rented ones cost less from, minutes a day',
    },
    usersWanted: 'Users a day that you expect',
    unitsNeeded: 'Units needed for them',
    reset: 'Usual values',
    answer: (users, streams, uses, minutes) =>
      `About ${users} users a day: ${streams} may speak at the same time, and each uses it ${uses} times a day for ${minutes} minutes.`,
    adapt: 'A published model carries fewer streams. To adapt yours: models/train/adapt/README.md.',
    measureYours: 'Other hardware: measure it with "npm run bench -- capacity", and enter the streams that it carried.',
  },
  zh: {
    title: '容量与成本',
    intro: '一台机器能服务多少人、花费多少。从实测数据出发，每个假设都可以修改。',
    unit: '实测环境',
    forms: { adapted: '已适配短上下文', stock: '原始发布（30 秒上下文）' },
    own: '我自己的测量',
    streamsPerUnit: '每个单元的实时流数',
    filesSpeed: '录音：每秒处理的音频秒数',
    measured: '测量方式',
    latency: (words, finals) => `95% 的词在 ${words} 毫秒内出现，最终结果在说话结束后 ${finals} 毫秒内给出。`,
    notMeasured: '未测量',
    assumptions: '假设',
    assumption: {
      units: '单元数（GPU，或每两个 CPU 核心）',
      unitsPerNode: '每台机器的单元数',
      headroom: '规划使用的实测流数比例',
      usesPerDay: '每位用户每天使用次数',
      minutesPerUse: '每次使用的分钟数',
      busyHourShare: '最忙一小时占全天的比例',
      refusedShare: '该小时内允许被拒绝的流的比例',
      recordingMinutes: '每段录音的分钟数',
      unitPrice: '每个单元的价格（含服务器分摊），美元',
      years: '使用年限',
      watts: '每个单元的功率（含服务器分摊），瓦',
      powerUsageEffectiveness: '机房能效（PUE）',
      kilowattHourPrice: '每千瓦时电价，美元',
      rentPerHour: '每个单元每小时租金，美元',
      apiPricePerMinute: 'API 每分钟价格，美元（OpenAI 的 whisper-1 和 gpt-4o-transcribe 为 0.006）',
    },
    results: '能承载什么，花费多少',
    result: {
      nodes: '机器数',
      streams: '实测上限的实时流数',
      plannedStreams: '规划使用的实时流数',
      busyHourStreams: '最忙一小时的平均同时流数',
      usersPerDay: '每天用户数',
      minutesPerDay: '每天语音分钟数',
      recordingsPerHour: '每小时录音数（不跑其他任务）',
      recordingsPerDay: '每天录音数',
      ownPerMonth: '自有机器，美元/月',
      powerPerMonth: '其中电费，美元/月',
      rentPerMonth: '租用机器，美元/月',
      apiPerMonth: '同样分钟数的 API 费用，美元/月',
      ownBreakEvenMinutesPerDay: '自有机器更便宜的起点，分钟/天',
      rentBreakEvenMinutesPerDay: '租用机器更便宜的起点，分钟/天',
    },
    usersWanted: '预计每天用户数',
    unitsNeeded: '所需单元数',
    reset: '恢复默认值',
    answer: (users, streams, uses, minutes) =>
      `每天约 ${users} 位用户：可同时有 ${streams} 人说话，每人每天使用 ${uses} 次，每次 ${minutes} 分钟。`,
    adapt: '原始发布的模型承载的流更少。适配方法见 models/train/adapt/README.md。',
    measureYours: '其他硬件：请用 "npm run bench -- capacity" 测量，然后填入测得的流数。',
  },
};

/** A figure as people read it: whole from ten on, else with what matters of its fraction. */
export function figureText(value: number | undefined, language: CapacityLanguage): string {
  if (value === undefined) return CAPACITY_WORDS[language].notMeasured;
  const options = value >= 10 || value === 0 ? { maximumFractionDigits: 0 } : { maximumSignificantDigits: 3 };
  return new Intl.NumberFormat(language === 'zh' ? 'zh-CN' : 'en-US', options).format(value);
}

/** The users that it carries, in one sentence. */
export function answerText(plan: CapacityPlan, assumptions: Assumptions, language: CapacityLanguage): string {
  const said = (value: number): string => figureText(value, language);
  const { usesPerDay, minutesPerUse } = assumptions;
  return CAPACITY_WORDS[language].answer(
    said(plan.usersPerDay),
    said(plan.plannedStreams),
    said(usesPerDay),
    said(minutesPerUse),
  );
}
