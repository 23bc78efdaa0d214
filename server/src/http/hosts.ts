// Names and addresses of hosts, as headers and settings write them.

/** Whether a name or address (with or without the brackets of IPv6) leads to this machine and nowhere else. */
export function isLoopback(host: string): boolean {
  return /^(localhost|127(\.\d{1,3}){3}|\[?::1\]?)$/i.test(host);
}

/** The name in a `Host` header: lower case, without its port; empty where it is none. */
export function hostnameOf(host: string): string {
  const url = `http://${host}`;
  return URL.canParse(url) ? new URL(url).hostname : '';
}
