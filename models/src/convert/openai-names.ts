// OpenAI's names of Whisper's tensors (openai/whisper `model.py`), which whisper.cpp keeps, in Hugging Face's words.

const OUTSIDE: ReadonlyMap<string, string> = new Map([
  ['encoder.positional_embedding', 'encoder.embed_positions.weight'],
  ['decoder.positional_embedding', 'decoder.embed_positions.weight'],
  ['decoder.token_embedding.weight', 'decoder.embed_tokens.weight'],
  ...['weight', 'bias'].flatMap((part): [string, string][] => [
    [`encoder.conv1.${part}`, `encoder.conv1.${part}`],
    [`encoder.conv2.${part}`, `encoder.conv2.${part}`],
    [`encoder.ln_post.${part}`, `encoder.layer_norm.${part}`],
    [`decoder.ln.${part}`, `decoder.layer_norm.${part}`],
  ]),
]);

const IN_BLOCK: ReadonlyMap<string, string> = new Map([
  ...attention('attn', 'self_attn'),
  ...attention('cross_attn', 'encoder_attn'),
  ['mlp.0', 'fc1'],
  ['mlp.2', 'fc2'],
  ['mlp_ln', 'final_layer_norm'],
]);

/** `undefined` for a name that no Whisper has. */
export function huggingFaceName(name: string): string | undefined {
  const [, side, layer, module = '', part] =
    /^(encoder|decoder)\.blocks\.(\d{1,3})\.([a-z_.\d]+)\.(weight|bias)$/.exec(name) ?? [];
  if (side === undefined) return OUTSIDE.get(name);
  const inBlock = IN_BLOCK.get(module);
  return inBlock === undefined ? undefined : `${side}.layers.${layer}.${inBlock}.${part}`;
}

function attention(from: string, to: string): [string, string][] {
  return [
    [`${from}.query`, `${to}.q_proj`],
    [`${from}.key`, `${to}.k_proj`],
    [`${from}.value`, `${to}.v_proj`],
    [`${from}.out`, `${to}.out_proj`],
    [`${from}_ln`, `${to}_layer_norm`],
  ];
}
