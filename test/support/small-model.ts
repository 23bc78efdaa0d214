// A folder that looks like a Whisper of Hugging Face's layout: a few bytes of weights, for tests that never run it.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { smallTokenizer } from './small-tokenizer.js';

export interface SmallModelOptions {
  /** Makes the weights larger. */
  readonly extraBytes?: number;
  /** Two files and an index in place of one. */
  readonly sharded?: boolean;
}

/** Writes the folder (its parents too) and returns its path. */
export async function writeSmallModel(directory: string, options: SmallModelOptions = {}): Promise<string> {
  await mkdir(directory, { recursive: true });
  const config = {
    model_type: 'whisper',
    d_model: 8,
    encoder_layers: 1,
    decoder_layers: 1,
    encoder_attention_heads: 2,
    decoder_attention_heads: 2,
    encoder_ffn_dim: 16,
    decoder_ffn_dim: 16,
    num_mel_bins: 80,
    vocab_size: 300,
    max_source_positions: 1500,
    max_target_positions: 448,
  };
  await writeFile(join(directory, 'config.json'), JSON.stringify(config));
  await writeFile(join(directory, 'tokenizer.json'), JSON.stringify(smallTokenizer([])));
  const encoder = { 'model.encoder.conv1.weight': 64 };
  const decoder = { 'model.decoder.embed_tokens.weight': 64 + (options.extraBytes ?? 0) };
  if (options.sharded) {
    const files = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors'] as const;
    await writeFile(join(directory, files[0]), safetensors(encoder));
    await writeFile(join(directory, files[1]), safetensors(decoder));
    const map = { 'model.encoder.conv1.weight': files[0], 'model.decoder.embed_tokens.weight': files[1] };
    await writeFile(join(directory, 'model.safetensors.index.json'), JSON.stringify({ weight_map: map }));
  } else {
    await writeFile(join(directory, 'model.safetensors'), safetensors({ ...encoder, ...decoder }));
  }
  return directory;
}

/** Zeros as a safetensors file: tensors by name and bytes. */
function safetensors(tensors: Readonly<Record<string, number>>): Buffer {
  const header: Record<string, unknown> = {};
  let at = 0;
  for (const [name, bytes] of Object.entries(tensors)) {
    header[name] = { dtype: 'F16', shape: [bytes / 2], data_offsets: [at, at + bytes] };
    at += bytes;
  }
  const json = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([length, json, Buffer.alloc(at)]);
}
