// What a wrong address may have been meant as.
import * as fc from 'fast-check';
import t from 'tap';
import { nearestAddress, pathVariants } from '../../../server/src/http/path-variants.js';
import { holds } from '../../support/property.js';

t.test('slashes, a missing or doubled /v1, the prefixes of Groq and Azure', async (t) => {
  const wanted = '/v1/audio/transcriptions';
  for (const path of [
    '/v1/audio/transcriptions/',
    '//v1//audio/transcriptions',
    '/audio/transcriptions',
    '/v1/v1/audio/transcriptions',
    '/openai/v1/audio/transcriptions',
    '/openai/audio/transcriptions',
    '/openai/deployments/my-whisper/audio/transcriptions',
    '/openai/deployments/my-whisper/v1/audio/transcriptions/',
  ]) {
    t.ok(pathVariants(path).includes(wanted), path);
  }
  t.same(pathVariants('/v1/transcribe_only'), ['/transcribe_only']);
  t.same(pathVariants('/'), []);
  t.same(pathVariants('//'), ['/']);
});

t.test('variants are paths, few, and not the path itself', async (t) => {
  const part = fc.constantFrom('/', 'v1', 'openai', 'deployments', 'audio', '%2F', ':id', '..', 'é');
  holds(
    t,
    fc.property(fc.array(part), (parts) => {
      const path = `/${parts.join('')}`;
      const variants = pathVariants(path);
      return variants.length <= 3 && !variants.includes(path) && variants.every((other) => /^\/(?!\/)/.test(other));
    }),
  );
});

t.test('the nearest address', async (t) => {
  const addresses = [
    '/v1/audio/transcriptions',
    '/v1/audio/translations',
    '/v1/auth/token',
    '/v1/jobs',
    '/v1/models',
    '/v1/transcripts',
    '/transcribe_only',
    '/',
  ].map((path) => ({ path }));
  const nearest = (path: string): string | undefined => nearestAddress(path, addresses)?.path;
  t.equal(nearest('/v1/audio/transcription'), '/v1/audio/transcriptions');
  t.equal(nearest('/V1/Audio/Transcriptions'), '/v1/audio/transcriptions');
  t.equal(nearest('/openai/v1/audio/translate'), '/v1/audio/translations');
  t.equal(nearest('/api/models'), '/v1/models');
  t.equal(nearest('/transcribe'), '/transcribe_only');
  t.equal(nearest('/api/transcribe'), '/transcribe_only');
  t.equal(nearest('/v1/transcript'), '/v1/transcripts');
  t.equal(nearest('/v1/audio/speech'), undefined, 'two words of an address are no likeness');
  t.equal(nearest('/foo'), undefined, 'nor is /v1');
  t.equal(nearest('/wp-login.php'), undefined);
  t.equal(nearest(`/${'x'.repeat(1e6)}`), undefined);
});
