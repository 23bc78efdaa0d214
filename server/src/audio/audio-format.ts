// What kind of audio file some bytes begin: by their content, never by a name or a declared type.

/** Formats that can be decoded. */
export type AudioFormatName = 'wav' | 'flac' | 'mp3' | 'aac' | 'mp4' | 'opus' | 'vorbis' | 'webm' | 'amr';

export type Detected =
  | { readonly status: 'known'; readonly format: AudioFormatName }
  /** Audio or video, but of a kind that cannot be decoded here; `demuxer`: what ffmpeg calls it. */
  | { readonly status: 'unsupported'; readonly name: string; readonly demuxer?: string | undefined }
  | { readonly status: 'unknown' };

/** Bytes that are enough to tell. */
export const DETECT_BYTES = 4_096;

/** Container and codec by the first bytes of a file, ID3 tags taken off. */
export function detectAudioFormat(head: Uint8Array): Detected {
  const text = Buffer.from(head.buffer, head.byteOffset, Math.min(head.length, 2 * TS_PACKET)).toString('latin1');
  const begins = ([signature]: readonly [Signature, ...unknown[]]): boolean =>
    signature.every(([at, wanted]) => text.startsWith(wanted, at));
  const format = SIGNATURES.find(begins)?.[1];
  if (format !== undefined) return { status: 'known', format };
  const foreign = UNSUPPORTED.find(begins);
  if (foreign !== undefined) return { status: 'unsupported', name: foreign[1], demuxer: foreign[2] };
  return hasMp3Frames(head) ? { status: 'known', format: 'mp3' } : { status: 'unknown' };
}

/**
 * Bytes of the ID3v2 tag that the head begins with, its header included (id3.org, ID3v2.4 section 3.1); 0 without one.
 */
export function id3Bytes(head: Uint8Array): number {
  if (head.length < 10 || head[0] !== 0x49 || head[1] !== 0x44 || head[2] !== 0x33) return 0;
  // Seven bits a byte.
  const size = head.subarray(6, 10).reduce((sum, byte) => sum * 128 + (byte & 127), 0);
  const hasFooter = ((head[5] ?? 0) & 0x10) !== 0;
  return 10 + size + (hasFooter ? 10 : 0);
}

/** What stands where, one character a byte. */
type Signature = readonly (readonly [at: number, text: string])[];

/** Where the first packet of an Ogg stream begins, which names the codec (RFC 3533). */
const OGG_PACKET = 28;

const SIGNATURES: readonly (readonly [Signature, AudioFormatName])[] = [
  [
    [
      [0, 'RIFF'],
      [8, 'WAVE'],
    ],
    'wav',
  ],
  [
    [
      [0, 'RF64'],
      [8, 'WAVE'],
    ],
    'wav',
  ],
  [[[0, 'fLaC']], 'flac'],
  [
    [
      [0, 'OggS'],
      [OGG_PACKET, '\x7fFLAC'],
    ],
    'flac',
  ],
  [
    [
      [0, 'OggS'],
      [OGG_PACKET, 'OpusHead'],
    ],
    'opus',
  ],
  [
    [
      [0, 'OggS'],
      [OGG_PACKET, '\x01vorbis'],
    ],
    'vorbis',
  ],
  // ISO base media files begin with a box that says what they are; old QuickTime ones with any of these.
  ...['ftyp', 'moov', 'mdat', 'wide', 'free', 'skip', 'pnot'].map((box) => [[[4, box]], 'mp4'] as const),
  // EBML: WebM and Matroska.
  [[[0, '\x1a\x45\xdf\xa3']], 'webm'],
  [[[0, '#!AMR']], 'amr'],
  // ADTS (ISO/IEC 13818-7): twelve bits of sync, layer 0.
  ...['\xf0', '\xf1', '\xf8', '\xf9'].map((second) => [[[0, `\xff${second}`]], 'aac'] as const),
];

/** Bytes of a packet of an MPEG transport stream: each begins with a G (ISO/IEC 13818-1). */
const TS_PACKET = 188;

/** Name, and ffmpeg's demuxer: none that opens other files. */
const UNSUPPORTED: readonly (readonly [Signature, string, string?])[] = [
  [[[0, 'OggS']], 'Ogg with a codec other than Opus, Vorbis and FLAC', 'ogg'],
  [
    [
      [0, 'FORM'],
      [8, 'AIF'],
    ],
    'AIFF',
    'aiff',
  ],
  [[[0, 'caff']], 'CAF', 'caf'],
  [[[0, '.snd']], 'AU', 'au'],
  [[[0, 'ADIF']], 'AAC in ADIF', 'aac'],
  [[[0, '\x30\x26\xb2\x75\x8e\x66\xcf\x11']], 'WMA', 'asf'],
  [
    [
      [0, 'RIFF'],
      [8, 'AVI '],
    ],
    'AVI',
    'avi',
  ],
  [[[0, 'FLV']], 'FLV', 'flv'],
  [[[0, '\x00\x00\x01\xba']], 'MPEG program stream', 'mpeg'],
  [[[0, 'riff\x2e\x91\xcf\x11']], 'W64', 'w64'],
  [[[0, '\x0b\x77']], 'AC-3', 'ac3'],
  [
    [
      [0, 'G'],
      [TS_PACKET, 'G'],
    ],
    'MPEG-TS',
    'mpegts',
  ],
  // MPEG audio (ISO/IEC 11172-3): layer II.
  ...['\xfc', '\xfd', '\xf4', '\xf5'].map((second) => [[[0, `\xff${second}`]], 'MP2', 'mp3'] as const),
  [[[0, 'MThd']], 'MIDI'],
  [[[0, 'wvpk']], 'WavPack', 'wv'],
  [[[0, 'MAC ']], "Monkey's Audio", 'ape'],
];

/** Kilobits per second of MPEG-1 and of MPEG-2 and 2.5, layer III (ISO/IEC 11172-3 and 13818-3). */
const BITRATES = {
  mpeg1: [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
  mpeg2: [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
} as const;
const SAMPLE_RATES = [44_100, 48_000, 32_000] as const;

/** Whether two frames in a row are somewhere in the head: some files begin with rubbish. */
function hasMp3Frames(head: Uint8Array): boolean {
  for (let at = 0; at + 4 <= head.length; at++) {
    const length = mp3FrameBytes(head, at);
    if (length === 0) continue;
    const isLast = at + length + 4 > head.length;
    if (isLast ? at === 0 : mp3FrameBytes(head, at + length) > 0) return true;
  }
  return false;
}

/** Length of the layer III frame that begins here; 0 where none does. */
function mp3FrameBytes(head: Uint8Array, at: number): number {
  const [first = 0, second = 0, third = 0] = [head[at], head[at + 1], head[at + 2]];
  if (first !== 0xff || (second & 0xe6) !== 0xe2) return 0;
  const version = (second >> 3) & 3;
  const rate = SAMPLE_RATES[(third >> 2) & 3];
  const bitrates = version === 3 ? BITRATES.mpeg1 : BITRATES.mpeg2;
  const kilobits = bitrates[third >> 4];
  if (version === 1 || rate === undefined || kilobits === undefined || kilobits === 0) return 0;
  const divisor = version === 3 ? 1 : version === 2 ? 2 : 4;
  const padding = (third >> 1) & 1;
  return Math.floor(((version === 3 ? 144_000 : 72_000) * kilobits) / (rate / divisor)) + padding;
}
