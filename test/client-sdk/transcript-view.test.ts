// What the view shows after each event.
import { joinTexts, TranscriptView, type PolishedMessage, type ServerMessage } from '@sotto/client';
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

const polished = (text: string, more: Partial<PolishedMessage> = { segmentId: 0 }): PolishedMessage => ({
  type: 'polished',
  scope: more.segmentId === undefined ? 'session' : 'segment',
  text,
  mode: 'standard',
  model: 'small',
  latencyMs: 80,
  ...more,
});

t.test('PO3: polished text takes the place of its final, which stays at hand', async (t) => {
  const view = new TranscriptView();
  view.apply(final(0, 'um ask not'));
  view.apply(final(1, 'what'));
  t.equal(view.polishedOf(0), undefined);
  t.equal(view.apply(polished('Ask not.')), true);
  t.equal(view.text, 'Ask not. what');
  t.equal(view.rawText, 'um ask not what');
  t.match(view.polishedOf(0), { text: 'Ask not.', message: { model: 'small' } });
  t.equal(view.finals[0]?.text, 'um ask not');
  t.equal(view.sessionText, '');
});

t.test(
  'PO6: deltas are put together, also where they take something back, and their polished replaces them',
  async (t) => {
    const view = new TranscriptView();
    const delta = (from: number, text: string): boolean =>
      view.apply({ type: 'polishedDelta', scope: 'segment', segmentId: 0, from, text });
    view.apply(final(0, 'um ask not'));
    delta(0, 'Ask ');
    delta(4, 'knot');
    t.match(view.polishedOf(0), { text: 'Ask knot' });
    delta(4, 'not');
    t.match(view.polishedOf(0), { text: 'Ask not' });
    t.equal(view.text, 'um ask not', 'half a text replaces nothing');
    view.apply(polished('Ask not.'));
    delta(0, 'late');
    t.equal(view.text, 'Ask not.');
  },
);

t.test('PO4: the text of the whole session stands by itself', async (t) => {
  const view = new TranscriptView();
  view.apply(final(0, 'one two'));
  view.apply({ type: 'polishedDelta', scope: 'session', from: 0, text: 'One' });
  t.equal(view.sessionText, 'One');
  view.apply(polished('One, two.', { firstSegmentId: 0, lastSegmentId: 0 }));
  view.apply(polished('Three.', { firstSegmentId: 1, lastSegmentId: 1 }));
  t.equal(view.sessionText, 'One, two.\n\nThree.');
  t.equal(view.text, 'one two');
});

t.test('PO9: a viewer who comes late gets what was polished', async (t) => {
  const view = new TranscriptView();
  const watching = { type: 'watching', version: 1, shareId: 'w' } as const;
  view.apply({ ...watching, finals: [final(0, 'one')], partials: [], polished: [polished('One.')] });
  t.equal(view.text, 'One.');
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
  t.equal(joinTexts(['密不可分。', '90后购房']), '密不可分。90后购房');
  t.equal(joinTexts(['𠮷野', '𠮷田']), '𠮷野𠮷田', 'also beyond the basic plane');
  t.equal(joinTexts(['안녕하세요.', '반갑습니다.']), '안녕하세요. 반갑습니다.');
  t.equal(joinTexts(['', ' ', 'a', '']), 'a');
  t.equal(joinTexts([]), '');
});
