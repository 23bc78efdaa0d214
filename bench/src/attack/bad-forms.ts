// Forms that once ended or stalled a server, as whole HTTP requests.

const BOUNDARY = 'between';
const FILE = 'content-disposition: form-data; name="file"; filename="a.wav"\r\ncontent-type: audio/wav';

export const BAD_FORMS: readonly string[] = [
  request([part(FILE, 'x'.repeat(50)), part(FILE, 'x'.repeat(50))]),
  request([part(FILE.replace('name="file"', 'name="other"'), 'x'.repeat(500))], 200),
  request([
    part('content-disposition: form-data; name="model"\r\ncontent-type: application/octet-stream', 'x'),
    part(FILE, ''),
  ]),
  request([part(FILE, 'x'.repeat(50)), part('content-disposition: form-data; name="language"', '??')]),
  request([part('content-disposition: form-data; name="prompt"', 'x'.repeat(70_000)), part(FILE, '')], 69_000),
  request([part('', '')]),
];

function part(headers: string, value: string): string {
  return `--${BOUNDARY}\r\n${headers}\r\n\r\n${value}\r\n`;
}

/** @param sent bytes of the body that are really sent; all of them where absent */
function request(parts: readonly string[], sent?: number): string {
  const body = `${parts.join('')}--${BOUNDARY}--\r\n`;
  return (
    'POST /transcribe_only HTTP/1.1\r\nhost: localhost\r\n' +
    `content-type: multipart/form-data; boundary=${BOUNDARY}\r\ncontent-length: ${body.length}\r\n\r\n${body.slice(0, sent)}`
  );
}
