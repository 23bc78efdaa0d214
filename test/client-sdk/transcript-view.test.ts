// What the view shows after each event.
import { joinTexts, TranscriptView, type ServerMessage } from '@sotto/client';
import t from 'tap';
import { final, partial } from '../support/speech-messages.js';

t.test('SP4, SP6: text is finals, then stable, then tentative', async (t) => {
  const view = new TranscriptView();
  const shown = () => [view.text, view.stable, view.tentative];
  t.strictSame(shown(), ['', '', '']);
  t.equal(view.apply({ type: 'speechStarted', segmentId: 0, startMs: 0 }), false);
  t.equal(view.apply(partial(0, '', 'Ask knot')), true);
  t.strictSame(shown(), ['Ask knot', '', 'Ask knot']);
  view.apply(partial(0, 'Ask not ', 'what'));
  t.strictSame(shown(), ['Ask not what', 'Ask not ', 'what']);
  view.apply(final(0, 'Ask not what.'));
  t.strictSame(shown(), ['Ask not what.', '', '']);
  view.apply(partial(1, 'Your ', 'country'));
  t.strictSame(shown(), ['Ask not what. Your country', 'Your ', 'country']);
});

t.test('SP2: an utterance may begin before the final of the one before has come', async (t) => {
  const view = new TranscriptView();
  view.apply(partial(0, 'One ', 'too'));
  view.apply(partial(1, 'Three', ''));
  t.equal(view.text, 'One too Three');
  t.strictSame([view.stable, view.tentative], ['One ', 'too Three'], 'behind tentative text nothing is stable');
  view.apply(final(0, 'One two.'));
  t.strictSame([view.text, view.stable], ['One two. Three', 'Three']);
});

t.test('SP7, SP3: noise and failed utterances leave nothing behind', async (t) => {
  const view = new TranscriptView();
  view.apply(partial(0, '', 'Thank you'));
  view.apply({ ...final(0, ''), noise: 'noSpeech' } as ServerMessage);
  t.equal(view.text, '');
  view.apply(partial(1, 'Lost', ''));
  t.equal(
    view.apply({ type: 'error', code: 'recognition_failed', message: '', retryable: true, fatal: false, segmentId: 1 }),
    true,
  );
  t.equal(view.apply({ type: 'error', code: 'offset_gap', message: '', retryable: false, fatal: false }), false);
  t.equal(view.text, '');
  t.equal(view.finals.length, 0);
});

t.test('the view is bounded', async (t) => {
  const view = new TranscriptView({ finalsMax: 3 });
  for (let index = 0; index < 10; index++) view.apply(final(index, `${index}`));
  t.equal(view.text, '7 8 9');
});

t.test('utterances are joined as their script wants it', async (t) => {
  t.equal(joinTexts(['Hello.', 'World.']), 'Hello. World.');
  t.equal(joinTexts([' Hello. ', ' World.']), ' Hello. World.');
  t.equal(joinTexts(['今天天气很好。', '我们去公园。']), '今天天气很好。我们去公园。');
  t.equal(joinTexts(['你好', 'Sotto']), '你好 Sotto');
  t.equal(joinTexts(['𠮷野', '𠮷田']), '𠮷野𠮷田', 'also beyond the basic plane');
  t.equal(joinTexts(['안녕하세요.', '반갑습니다.']), '안녕하세요. 반갑습니다.');
  t.equal(joinTexts(['', ' ', 'a', '']), 'a');
  t.equal(joinTexts([]), '');
});
