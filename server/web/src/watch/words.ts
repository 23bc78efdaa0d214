// The words of the page on which others read along.
import type { UiLanguage } from '../i18n/language.js';
import type { WatchState } from './watched-session.js';

interface WatchWords {
  readonly title: string;
  readonly states: Readonly<Record<WatchState, string>>;
  /** In short, for every state in which nothing more comes. */
  readonly over: string;
  readonly waiting: string;
  readonly larger: string;
  readonly smaller: string;
}

export const WATCH_WORDS: Readonly<Record<UiLanguage, WatchWords>> = {
  en: {
    title: 'Read along',
    states: {
      connecting: 'Connecting…',
      live: 'Live',
      away: 'Connection lost, trying again…',
      ended: 'The session is over.',
      unknown: 'There is no such session, or it is over. Ask the speaker for a new link.',
      refused: 'The server does not let you watch this session.',
    },
    over: 'Not live',
    waiting: 'Words appear here as they are spoken.',
    larger: 'Larger text',
    smaller: 'Smaller text',
  },
  zh: {
    title: '同步阅读',
    states: {
      connecting: '正在连接…',
      live: '直播中',
      away: '连接已断开，正在重试…',
      ended: '会话已结束。',
      unknown: '没有这个会话，或它已结束。请向说话者索取新的链接。',
      refused: '服务器不允许您观看此会话。',
    },
    over: '未在直播',
    waiting: '说话时，文字会显示在这里。',
    larger: '放大文字',
    smaller: '缩小文字',
  },
};
