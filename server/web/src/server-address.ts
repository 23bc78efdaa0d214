// Where the server is that this page came from: at the root of its host, or under a path of a proxy.

/** The built scripts lie in a folder of the root, as this file does in development. */
const SCRIPT = import.meta.url;

/** The whole address of a path of the server. `path`: without a slash in front. */
export function serverAddress(path = ''): string {
  return new URL(`../${path}`, SCRIPT).href;
}
