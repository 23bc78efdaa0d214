// The words of the operator's panel.
import type { Redaction } from '@sotto/protocol';
import type { UiLanguage } from '../i18n/language.js';
import type { Connection } from './panel-data.js';

interface PanelWords {
  readonly title: string;
  readonly connections: Readonly<Record<Connection, string>>;
  readonly key: string;
  readonly useKey: string;
  readonly facts: Readonly<
    Record<'streams' | 'room' | 'model' | 'devices' | 'store' | 'machine' | 'uptime' | 'errors', string>
  >;
  readonly none: string;
  readonly charts: Readonly<
    Record<
      | 'streams'
      | 'firstPartial'
      | 'word'
      | 'final'
      | 'polished'
      | 'lag'
      | 'requests'
      | 'windows'
      | 'batch'
      | 'queue'
      | 'busy'
      | 'cache'
      | 'stretch'
      | 'files'
      | 'memory'
      | 'errors',
      string
    >
  >;
  readonly lines: Readonly<
    Record<
      'open' | 'waiting' | 'running' | 'runs' | 'jobs' | 'jobsWaiting' | 'p50' | 'p95' | 'requests' | 'opened' | 'all',
      string
    >
  >;
  readonly units: Readonly<Record<'seconds' | 'perSecond' | 'times', string>>;
  readonly room: (streams: number, by: 'engines' | 'sockets') => string;
  readonly controls: {
    readonly title: string;
    readonly drain: string;
    readonly drainNote: string;
    readonly undrain: string;
    readonly drained: string;
    readonly paused: string;
    readonly model: string;
    readonly swap: string;
    readonly swapNote: string;
    readonly loading: (model: string) => string;
    readonly leaving: (models: number) => string;
    readonly failed: string;
  };
  readonly nodes: Readonly<Record<'title' | 'node' | 'status' | 'model' | 'streams' | 'seen', string>>;
  readonly sessions: string;
  readonly sessionsShown: (shown: number, all: number) => string;
  readonly columns: Readonly<Record<'session' | 'language' | 'since' | 'lag' | 'finals' | 'words' | 'key', string>>;
  readonly end: string;
  readonly noSessions: string;
  readonly keys: string;
  readonly makeKey: string;
  readonly keyName: string;
  readonly madeKey: string;
  readonly revoke: string;
  readonly revoked: string;
  readonly scopes: string;
  readonly hidden: string;
  readonly redactions: Readonly<Record<Redaction, string>>;
  readonly swearWords: string;
  readonly hiddenNames: string;
}

export const PANEL_WORDS: Readonly<Record<UiLanguage, PanelWords>> = {
  en: {
    title: 'Panel',
    connections: {
      connecting: 'Connecting…',
      live: 'Live',
      gone: 'The server does not answer. Trying again…',
      locked: 'The server wants a key with the scope admin.',
      closed:
        'The server shows its panel to nobody without an admin key: make one with "sotto keys create --scopes admin".',
    },
    key: 'Key',
    useKey: 'Use it',
    facts: {
      streams: 'Open sockets',
      room: 'Capacity left',
      model: 'Model',
      devices: 'Devices',
      store: 'Store',
      machine: 'Machine',
      uptime: 'Up for',
      errors: 'Errors so far',
    },
    none: 'none',
    charts: {
      streams: 'Live streams',
      firstPartial: 'First words after speech begins',
      word: 'A word after it was spoken',
      final: 'Finals after speech ends',
      polished: 'Polished text',
      lag: 'Lag',
      requests: 'Requests and new streams',
      windows: 'Windows decoded',
      batch: 'Windows in one run',
      queue: 'Windows that wait, runs under way',
      busy: 'Engines in use',
      cache: 'Results kept',
      stretch: 'Partials stretched by load',
      files: 'Recordings and jobs',
      memory: 'Memory of the server',
      errors: 'Errors',
    },
    lines: {
      open: 'open',
      waiting: 'waiting',
      running: 'recordings',
      runs: 'runs',
      jobs: 'jobs',
      jobsWaiting: 'jobs that wait',
      p50: 'median',
      p95: '95 of 100',
      requests: 'requests',
      opened: 'streams',
      all: 'all',
    },
    room: (streams, by) => (by === 'engines' ? `about ${streams} streams, by the engines` : `${streams} sockets`),
    controls: {
      title: 'Operate',
      drain: 'Take no new streams',
      drainNote: 'Streams that there are go on, and a load balancer sends new ones elsewhere.',
      undrain: 'Take new streams again',
      drained: 'No further stream begins; those that there are go on.',
      paused: 'takes no new streams',
      model: 'Model',
      swap: 'Use this model',
      swapNote: 'It is loaded beside the one that serves; nobody is cut off.',
      loading: (model) => `Loading ${model}…`,
      leaving: (models) => `The former model ends what it has begun (${models}).`,
      failed: 'The last change came to nothing:',
    },
    nodes: {
      title: 'Nodes',
      node: 'Node',
      status: 'Status',
      model: 'Model',
      streams: 'Streams',
      seen: 'Seen before',
    },
    units: { seconds: 's', perSecond: '/s', times: '×' },
    sessions: 'Live sessions',
    sessionsShown: (shown, all) => `${shown} of ${all}`,
    columns: {
      session: 'Session',
      language: 'Language',
      since: 'For',
      lag: 'Lag',
      finals: 'Finals',
      words: 'Last words',
      key: 'Key',
    },
    end: 'End',
    noSessions: 'Nobody is speaking.',
    keys: 'Keys',
    makeKey: 'Make a key',
    keyName: 'Name',
    madeKey: 'This key is shown once. Copy it now:',
    revoke: 'Revoke',
    revoked: 'revoked',
    scopes: 'Scopes',
    hidden: 'Hidden in its transcripts',
    redactions: {
      card: 'cards',
      phone: 'phone numbers',
      email: 'e-mail',
      account: 'accounts',
      number: 'all numbers',
      names: 'names',
    },
    swearWords: 'swear words',
    hiddenNames: 'Names, with commas between',
  },
  zh: {
    title: '监控面板',
    connections: {
      connecting: '正在连接…',
      live: '实时',
      gone: '服务器没有响应，正在重试…',
      locked: '需要带 admin 权限的密钥。',
      closed: '没有 admin 密钥时，服务器不显示面板：请用 "sotto keys create --scopes admin" 创建。',
    },
    key: '密钥',
    useKey: '使用',
    facts: {
      streams: '打开的连接',
      room: '剩余容量',
      model: '模型',
      devices: '设备',
      store: '存储',
      machine: '主机',
      uptime: '运行时间',
      errors: '累计错误',
    },
    none: '无',
    charts: {
      streams: '实时流',
      firstPartial: '开口后首次出字',
      word: '说出后到显示',
      final: '说完后最终结果',
      polished: '润色文本',
      lag: '积压',
      requests: '请求与新流',
      windows: '解码窗口',
      batch: '每批窗口数',
      queue: '等待的窗口与运行中的批次',
      busy: '引擎使用率',
      cache: '缓存的结果',
      stretch: '负载下部分结果的间隔倍数',
      files: '录音与任务',
      memory: '服务器内存',
      errors: '错误',
    },
    lines: {
      open: '打开',
      waiting: '等待',
      running: '录音',
      runs: '批次',
      jobs: '任务',
      jobsWaiting: '等待的任务',
      p50: '中位数',
      p95: '95 分位',
      requests: '请求',
      opened: '新流',
      all: '全部',
    },
    room: (streams, by) => (by === 'engines' ? `约 ${streams} 路（按引擎）` : `${streams} 个连接`),
    controls: {
      title: '运维',
      drain: '不再接受新流',
      drainNote: '已有的流继续，负载均衡器会把新流送往别处。',
      undrain: '重新接受新流',
      drained: '不再接受新流，已有的流继续。',
      paused: '不接受新流',
      model: '模型',
      swap: '使用此模型',
      swapNote: '新模型在当前模型旁加载，不会中断任何人。',
      loading: (model) => `正在加载 ${model}…`,
      leaving: (models) => `原模型正在完成已开始的语句（${models}）。`,
      failed: '上次更换未成功：',
    },
    nodes: { title: '节点', node: '节点', status: '状态', model: '模型', streams: '流', seen: '上次报告距今' },
    units: { seconds: '秒', perSecond: '/秒', times: '倍' },
    sessions: '实时会话',
    sessionsShown: (shown, all) => `${shown} / ${all}`,
    columns: {
      session: '会话',
      language: '语言',
      since: '已持续',
      lag: '积压',
      finals: '最终结果',
      words: '最近的话',
      key: '密钥',
    },
    end: '结束',
    noSessions: '当前无人说话。',
    keys: '密钥',
    makeKey: '创建密钥',
    keyName: '名称',
    madeKey: '此密钥只显示一次，请立即复制：',
    revoke: '吊销',
    revoked: '已吊销',
    scopes: '权限',
    hidden: '转写中隐藏',
    redactions: {
      card: '银行卡号',
      phone: '电话号码',
      email: '电子邮箱',
      account: '账号',
      number: '所有数字',
      names: '人名',
    },
    swearWords: '脏话',
    hiddenNames: '人名，以逗号分隔',
  },
};
