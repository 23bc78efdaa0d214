// A Whisper as whisper.cpp's ggml file (ggml-org/whisper.cpp `convert-pt-to-ggml.py`), float32 or in blocks of eight
// bits.
import { floatBytes, int32, openaiName, type SmallNetwork } from './network.js';

export interface GgmlOptions {
  /** Every map but the convolutions and positions as q8_0. */
  readonly q8?: boolean;
  /** Type number that weights of maps pretend to have. */
  readonly type?: number;
  readonly magic?: number;
  /** How many tokens are left out of the vocabulary. */
  readonly tokensLeftOut?: number;
}

/** Text tokens of GPT-2's vocabulary. */
const TEXT_TOKENS = 50_256;
/** Scale of all blocks, as a half: 1/64. */
const [SCALE, SCALE_BITS] = [1 / 64, 0x2400];

export function ggmlFile(network: SmallNetwork, options: GgmlOptions = {}): Buffer {
  const { width, heads, layers, melBins, vocabulary, maxSourcePositions, maxTargetPositions } = network;
  const parts = [
    int32(options.magic ?? 0x67676d6c, vocabulary, maxSourcePositions, width, heads, layers),
    int32(maxTargetPositions, width, heads, layers, melBins, 0),
    int32(2, 3),
    Buffer.alloc(4 * 6),
    vocabularyBytes(TEXT_TOKENS - (options.tokensLeftOut ?? 0)),
  ];
  for (const [name, { shape, values }] of network.tensors) {
    const isConvolutionBias = /^encoder\.conv\d\.bias$/.test(name);
    const sizes = isConvolutionBias ? [...shape, 1] : shape;
    const isMap = shape.length === 2 && !name.includes('embed_positions');
    const isBlocks = options.q8 === true && isMap;
    const original = Buffer.from(openaiName(name));
    parts.push(int32(sizes.length, original.length, isBlocks ? 8 : isMap ? (options.type ?? 0) : 0));
    parts.push(int32(...sizes.toReversed()), original, isBlocks ? blocks(values) : floatBytes(values));
  }
  return Buffer.concat(parts);
}

/** Made once: they are a hundred thousand pieces. */
const vocabularies = new Map<number, Buffer>();

/** The first tokens of the vocabulary, with their number. */
function vocabularyBytes(count: number): Buffer {
  const known = vocabularies.get(count);
  if (known !== undefined) return known;
  const tokens = twoByteTokens().slice(0, count);
  const bytes = Buffer.concat([int32(count), ...tokens.flatMap((token) => [int32(token.length), token])]);
  vocabularies.set(count, bytes);
  return bytes;
}

function blocks(values: Float32Array): Buffer {
  const bytes = Buffer.alloc((values.length / 32) * 34);
  for (let block = 0; block < values.length / 32; block++) {
    bytes.writeUInt16LE(SCALE_BITS, 34 * block);
    for (let i = 0; i < 32; i++) bytes.writeInt8((values[32 * block + i] ?? 0) / SCALE, 34 * block + 2 + i);
  }
  return bytes;
}

/** All bytes in GPT-2's order, then pairs of them, each of which is a merge. */
function twoByteTokens(): Buffer[] {
  const all = Array.from({ length: 256 }, (_, byte) => byte);
  const order = [...all.filter(isPrintable), ...all.filter((byte) => !isPrintable(byte))];
  const pairs = order.flatMap((left) => order.map((right) => Buffer.from([left, right])));
  return [...order.map((byte) => Buffer.from([byte])), ...pairs];
}

function isPrintable(byte: number): boolean {
  return (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || (byte >= 0xae && byte <= 0xff);
}
