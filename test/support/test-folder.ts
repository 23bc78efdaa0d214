// A folder of a test's own.
import type { Test } from 'tap';

type Content = Parameters<Test['testdir']>[0];

/**
 * As tap's `testdir`, but removed after what the test opened in it is closed: tap removes a folder that was made before
 * the first `teardown` before all of them, under a server that still writes to it.
 */
export function testFolder(t: Test, content?: Content): string {
  t.teardown(() => undefined);
  return t.testdir(content);
}
