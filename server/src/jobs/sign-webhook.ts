// Signs what is told to webhooks, as Standard Webhooks has it (https://www.standardwebhooks.com): libraries of many
// languages verify it.
import { createHmac } from 'node:crypto';

/** Prefix of a secret that is written in Base64. */
const BASE64_PREFIX = 'whsec_';

/**
 * The headers of one delivery. The signature is `v1,` and the Base64 of the HMAC-SHA256 of `<id>.<timestamp>.<body>`. A
 * secret `whsec_…` is Base64, any other one is taken as it is.
 */
export function webhookHeaders(
  secret: string,
  { id, timestampS, body }: { readonly id: string; readonly timestampS: number; readonly body: string },
): Record<string, string> {
  const key = secret.startsWith(BASE64_PREFIX) ? Buffer.from(secret.slice(BASE64_PREFIX.length), 'base64') : secret;
  const signature = createHmac('sha256', key).update(`${id}.${timestampS}.${body}`).digest('base64');
  return {
    'content-type': 'application/json',
    'webhook-id': id,
    'webhook-timestamp': String(timestampS),
    'webhook-signature': `v1,${signature}`,
  };
}
