// A transcript as a Word document: the least of Office Open XML (ECMA-376) that Word, LibreOffice and Pages open.
import { strToU8, zipSync } from 'fflate';
import { cueTime } from '../captions/web-vtt.js';

export const DOCX_CONTENT_TYPE = 'application/vnd.openxmlformats-officedocument.wordprocessingml.document';

export interface DocxParagraph {
  readonly text: string;
  /** When it was said, milliseconds; absent: that is not told. */
  readonly startMs?: number;
}

/** The file. What was said is never markup; characters that XML cannot carry are left out. */
export function docxOf(title: string, paragraphs: readonly DocxParagraph[]): Uint8Array {
  const body = [paragraph(run(title, '<w:b/><w:sz w:val="32"/>')), ...paragraphs.map(spokenParagraph)].join('');
  return zipSync(
    {
      '[Content_Types].xml': strToU8(CONTENT_TYPES),
      '_rels/.rels': strToU8(RELATIONS),
      'word/document.xml': strToU8(
        `${XML}<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>${body}` +
          '<w:sectPr/></w:body></w:document>',
      ),
    },
    { level: 6 },
  );
}

const XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>';
const PACKAGE = 'http://schemas.openxmlformats.org/package/2006';
const CONTENT_TYPES =
  `${XML}<Types xmlns="${PACKAGE}/content-types">` +
  '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>' +
  `<Override PartName="/word/document.xml" ContentType="${DOCX_CONTENT_TYPE}.main+xml"/></Types>`;
const RELATIONS =
  `${XML}<Relationships xmlns="${PACKAGE}/relationships"><Relationship Id="rId1" ` +
  'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="word/document.xml"/></Relationships>';

function spokenParagraph({ text, startMs }: DocxParagraph): string {
  const time = startMs === undefined ? '' : run(`${cueTime(startMs, '.').slice(0, 8)}  `, '<w:color w:val="808080"/>');
  return paragraph(time + run(text.trim(), ''));
}

function paragraph(runs: string): string {
  return `<w:p><w:pPr><w:spacing w:after="160"/></w:pPr>${runs}</w:p>`;
}

function run(text: string, properties: string): string {
  const lines = text.split(/\r\n|\r|\n/).map((line) => `<w:t xml:space="preserve">${escapeXml(line)}</w:t>`);
  return `<w:r>${properties === '' ? '' : `<w:rPr>${properties}</w:rPr>`}${lines.join('<w:br/>')}</w:r>`;
}

/** XML 1.0, section 2.2: which characters a document may have. */
// oxlint-disable-next-line no-control-regex
const FORBIDDEN = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Surrogate}/gu;

function escapeXml(text: string): string {
  const clean = text.replaceAll(FORBIDDEN, '');
  return clean.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
