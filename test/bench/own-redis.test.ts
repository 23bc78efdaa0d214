// When a bench starts a Redis of its own.
import t from 'tap';
import { processesIn, redisFor } from '../../bench/src/server/own-redis.js';
import { WITHOUT_REDIS } from '../support/redis-server.js';

t.test('processes that flags ask for: the last word counts', async (t) => {
  t.equal(processesIn([]), 1);
  t.equal(processesIn(['--engine', 'null', '--processes', '3']), 3);
  t.equal(processesIn(['--processes=2']), 2);
  t.equal(processesIn(['--processes', '2', '--processes', '1']), 1);
});

t.test('one process needs none, and who names one gets no other', async (t) => {
  t.equal(await redisFor(['--processes', '1']), undefined);
  t.equal(await redisFor(['--processes', '2', '--redis-url', 'redis://elsewhere']), undefined);
});

t.test('several get one that answers', { skip: WITHOUT_REDIS }, async (t) => {
  const redis = await redisFor(['--processes', '2']);
  t.teardown(() => redis?.kill());
  t.match(await redis?.ask('PING'), /PONG/);
  t.same(redis?.flags, ['--store', 'redis', '--redis-url', redis?.url]);
});
