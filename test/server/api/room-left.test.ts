// How many more streams a server says that it carries.
import t from 'tap';
import { roomLeft } from '../../../server/src/api/panel/room-left.js';

const LOAD = { sessions: 10, connections: 12, connectionsMax: 100, engines: 2, busy: 0.5 };

t.test('by what the streams of now take of the engines, and never more than there are sockets', async (t) => {
  // A quarter of the engines' time for ten streams: three quarters are for thirty.
  t.strictSame(roomLeft(LOAD), { streams: 20, by: 'engines' });
  t.strictSame(roomLeft({ ...LOAD, busy: 1.9 }), { streams: 0, by: 'engines' }, 'none is left');
  t.strictSame(roomLeft({ ...LOAD, connectionsMax: 15 }), { streams: 3, by: 'sockets' });
  t.strictSame(roomLeft({ ...LOAD, connectionsMax: 5 }), { streams: 0, by: 'sockets' });
  t.strictSame(roomLeft({ ...LOAD, busy: undefined }), { streams: 88, by: 'sockets' }, 'not measured yet');
  t.strictSame(roomLeft({ ...LOAD, sessions: 0 }), { streams: 88, by: 'sockets' }, 'nobody speaks');
});
