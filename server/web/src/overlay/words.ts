// What an overlay says of itself when it has no captions to show, and its sample sentences.
import type { UiLanguage } from '../i18n/language.js';
import type { Trouble } from './caption-sources.js';

interface OverlayWords {
  readonly troubles: Readonly<Record<Trouble, string>>;
  readonly samples: readonly string[];
}

export const OVERLAY_WORDS: Readonly<Record<UiLanguage, OverlayWords>> = {
  en: {
    troubles: {
      blocked: 'The microphone is blocked. Allow it for this page, then click here.',
      no_microphone: 'The microphone cannot be read.',
      insecure: 'Browsers give the microphone only to pages on https:// or localhost.',
      unknown_share: 'There is no such shared session, or it is over.',
      ended: 'The session is over.',
      refused: 'The server does not serve this overlay.',
      locked: 'The server requires a key: add ?token=… to the address of this overlay.',
    },
    samples: [
      'Welcome to the show, it is good to see so many of you here tonight.',
      'These words appear while they are spoken, and settle at every pause.',
      'Choose a size that can be read from the last row.',
    ],
  },
  zh: {
    troubles: {
      blocked: '麦克风被禁止使用。请允许本页面使用麦克风，然后点击此处。',
      no_microphone: '无法读取麦克风。',
      insecure: '浏览器只允许 https:// 或 localhost 页面使用麦克风。',
      unknown_share: '没有这个共享会话，或它已结束。',
      ended: '会话已结束。',
      refused: '服务器无法为此字幕页提供服务。',
      locked: '服务器需要密钥：请在此字幕页的地址后加上 ?token=…。',
    },
    samples: [
      '欢迎来到今晚的节目，很高兴见到这么多朋友。',
      '文字随着说话即时出现，每次停顿后定稿。',
      '请选择最后一排也能看清的字号。',
    ],
  },
};
