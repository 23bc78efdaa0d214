// What a person types to name a model on a hub.
import { HubError } from './hub-error.js';

/** `owner/name`, a revision, and for GGUF repositories the quantisation that is wanted. */
export interface RepositoryName {
  /** `owner/name`, or a plain name for the few that have no owner. */
  readonly id: string;
  /** Branch, tag or commit. */
  readonly revision: string;
  /** As in `:Q4_K_M`; empty: not said. */
  readonly quantisation: string;
}

const PART = /^[A-Za-z0-9](?:[\w.-]{0,94}[\w-])?$/;
const REVISION = /^[\w][\w./-]{0,254}$/;

/**
 * Reads `owner/name`, `owner/name@revision`, `owner/name:quantisation`, or a link to the repository's page.
 * @throws HubError `bad_name`
 */
export function parseRepositoryName(text: string): RepositoryName {
  const plain = text
    .trim()
    .replace(/^https?:\/\/[^/]+\//, '')
    .replace(/^hf:\/\//, '')
    .replace(/\/+$/, '');
  const [, id = '', revision = 'main', quantisation = ''] = /^([^@:]*)(?:@([^:]*))?(?::(.*))?$/.exec(plain) ?? [];
  const parts = id.split('/');
  const isName = parts.length <= 2 && parts.every((part) => PART.test(part) && !part.includes('..'));
  const isRevision = REVISION.test(revision) && !revision.includes('..');
  if (!isName || !isRevision || !/^[\w.-]{0,64}$/.test(quantisation)) {
    throw new HubError(
      'bad_name',
      `"${text}" is not the name of a model: expected owner/name, owner/name@revision or owner/name:quantisation`,
    );
  }
  return { id, revision, quantisation };
}
