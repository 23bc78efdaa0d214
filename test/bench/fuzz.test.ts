// The fuzzer: it sends what its seed says, and a real server holds on each transport.
import t from 'tap';
import { Chance } from '../../bench/src/fuzz/chance.js';
import { KINDS } from '../../bench/src/fuzz/converse.js';
import { fuzzedForm } from '../../bench/src/fuzz/forms.js';
import { fuzzServer } from '../../bench/src/fuzz/fuzz-server.js';
import { WireConversation } from '../../bench/src/fuzz/wire-messages.js';
import { loadUws } from '../../server/src/transport/uws-library.js';
import { wholeRunOnly } from '../support/whole-run.js';

function sent(seed: number): unknown[] {
  const conversation = new WireConversation(new Chance(seed), 'json');
  const frames = Array.from({ length: 200 }, () => conversation.next()).flat();
  return [...frames, fuzzedForm(new Chance(seed))].map((it) => JSON.stringify(it));
}

t.test('the same seed sends the same', async (t) => {
  t.strictSame(sent(7), sent(7));
  t.not(sent(7).join(), sent(8).join());
});

for (const transport of ['ws', 'uws'] as const) {
  const skip = transport === 'uws' && loadUws() === undefined ? 'no binary for this Node' : wholeRunOnly.skip;
  t.test(`a server on ${transport}`, { skip }, async (t) => {
    const report = await fuzzServer({ transport, messages: 150_000, forms: 10_000, timeMsMax: 60_000, seed: 42 });
    t.strictSame(report.faults, []);
    t.ok(report.messages > KINDS.length && report.forms > 1);
    t.ok(report.messagesRead > 0);
    t.ok([...report.statuses.keys()].includes(400) && report.closeCodes.size > 1, 'much was wrong with it');
  });
}
