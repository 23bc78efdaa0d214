// The key or token of a server that demands one: kept for this tab, never longer, and shown to nobody.
import { signal } from '@preact/signals';

const NAME = 'sotto.key';

/** Empty: none. */
export const key = signal(readKey());

export function useKey(text: string): void {
  key.value = text.trim();
  try {
    sessionStorage.setItem(NAME, key.value);
  } catch {
    // Storage is forbidden: it holds for this page.
  }
}

/** What `connect` is to be given. A text that no header can carry is no key. */
export function keyOptions(): { readonly token?: string } {
  return /^[\w.~-]+$/.test(key.value) ? { token: key.value } : {};
}

/** Whether the server wants another key than the one there is. */
export function isKeyRefused(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'unauthorized' || error.code === 'forbidden');
}

function readKey(): string {
  try {
    return sessionStorage.getItem(NAME) ?? '';
  } catch {
    return '';
  }
}
