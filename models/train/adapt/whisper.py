"""Whisper as functions of a table of weights, for any audio length: log-mel, encoder, decoder, greedy decoding. PyTorch only.

Weights are read from and written to a Hugging Face folder (config.json, generation_config.json, tokenizer.json, model.safetensors, in
one file or in shards; float16, bfloat16 or float32).
"""
import json
import math
import os
import shutil
import struct

import numpy as np
import torch
import torch.nn.functional as F

RATE = 16_000
FRAMES_PER_SECOND = 50
TYPES = {'F16': torch.float16, 'BF16': torch.bfloat16, 'F32': torch.float32, 'I8': torch.int8}


class Whisper:
    """What a folder says of a model, besides its weights."""

    def __init__(self, folder, device):
        read = lambda name: json.load(open(os.path.join(folder, name)))
        config, self.generation, tokenizer = read('config.json'), read('generation_config.json'), read('tokenizer.json')
        if config.get('model_type') != 'whisper':
            raise SystemExit(f'{folder} is not a Whisper: config.json says {config.get("model_type")!r}.')
        self.folder, self.device = folder, device
        self.width, self.mels = config['d_model'], config['num_mel_bins']
        self.positions = config['max_target_positions']
        self.encoder_layers, self.decoder_layers = config['encoder_layers'], config['decoder_layers']
        self.encoder_heads, self.decoder_heads = config['encoder_attention_heads'], config['decoder_attention_heads']
        ids = {token['content']: token['id'] for token in tokenizer['added_tokens']}
        self.end, self.start = self.generation['eos_token_id'], self.generation['decoder_start_token_id']
        self.before = ids.get('<|startofprev|>')
        no_times = self.generation.get('no_timestamps_token_id', ids.get('<|notimestamps|>'))
        self.languages = {name[2:-2]: i for name, i in ids.items() if name.startswith('<|') and 4 < len(name) < 9 and self.start < i < ids['<|transcribe|>']}
        self.is_multilingual = len(self.languages) > 1 and config['vocab_size'] > 51_864
        self.task = [ids['<|transcribe|>'], no_times] if self.is_multilingual else [no_times]
        self.suppressed = torch.tensor(self.generation.get('suppress_tokens') or [], dtype=torch.long, device=device)
        self.suppressed_first = torch.tensor(self.generation.get('begin_suppress_tokens') or [self.end], dtype=torch.long, device=device)
        self.filters = torch.tensor(mel_filters(self.mels), dtype=torch.float32, device=device)
        self.hann = torch.hann_window(400, device=device)
        self.tokenizer = None
        self.vocabulary = {i: piece for piece, i in tokenizer['model']['vocab'].items()}

    def prompt(self, language):
        return [self.start, self.languages[language], *self.task] if self.is_multilingual else [self.start, *self.task]

    def text(self, tokens):
        """Byte-level BPE back to text; special tokens vanish."""
        pieces = ''.join(self.vocabulary.get(t, '') for t in tokens if t < self.end)
        return bytes(BYTES[c] for c in pieces if c in BYTES).decode('utf8', 'replace')

    def tokens(self, text):
        """Text as tokens; needs the package tokenizers."""
        if self.tokenizer is None:
            from tokenizers import Tokenizer
            self.tokenizer = Tokenizer.from_file(os.path.join(self.folder, 'tokenizer.json'))
        return self.tokenizer.encode(text, add_special_tokens=False).ids

    def load(self):
        """All weights, float32, by their names without `model.`. Matrices that Sotto packed, integers [inputs, outputs] with a scale for each
        output, are what they were before, but for the rounding."""
        weights = {}
        for name in shards(self.folder):
            with open(os.path.join(self.folder, name), 'rb') as file:
                size = struct.unpack('<Q', file.read(8))[0]
                header = json.loads(file.read(size))
                data = np.memmap(file.name, np.uint8, 'r', 8 + size)
            for key, entry in header.items():
                if key == '__metadata__' or key.startswith('proj_out'):
                    continue
                a, z = entry['data_offsets']
                tensor = torch.frombuffer(bytearray(data[a:z]), dtype=TYPES[entry['dtype']]).reshape(entry['shape'])
                weights[key.removeprefix('model.')] = tensor.float().to(self.device)
        for packed in [key for key in weights if key.endswith('_int8')]:
            name = packed.removesuffix('_int8')
            weights[name] = (weights.pop(packed) * weights.pop(name + '_scale')).T.contiguous()
        return weights

    def save(self, weights, out, manifest, heads=None):
        """Writes a folder with these weights in half precision, everything else as it was, and what Sotto wants to know of it. `heads`: those of
        which word times come, where they are not the stock ones."""
        os.makedirs(out, exist_ok=True)
        for name in os.listdir(self.folder):
            if name.endswith(('.json', '.txt', '.md')) and 'safetensors' not in name and name != 'sotto.json':
                shutil.copy(os.path.join(self.folder, name), out)
        # Stock Whisper may not begin with the end of the text, so silence became a word; the student has learnt to say nothing.
        first = [t for t in self.generation.get('begin_suppress_tokens') or [] if t != self.end]
        with open(os.path.join(out, 'generation_config.json'), 'w') as file:
            json.dump({**self.generation, 'begin_suppress_tokens': first, **({'alignment_heads': heads} if heads else {})}, file, indent=2)
        header, offset = {}, 0
        for key, tensor in weights.items():
            end = offset + tensor.numel() * 2
            header['model.' + key] = {'dtype': 'F16', 'shape': list(tensor.shape), 'data_offsets': [offset, end]}
            offset = end
        text = json.dumps(header).encode()
        text += b' ' * (-len(text) % 8)
        partial = os.path.join(out, 'model.safetensors.partial')
        with open(partial, 'wb') as file:
            file.write(struct.pack('<Q', len(text)) + text)
            for tensor in weights.values():
                file.write(tensor.half().cpu().numpy().tobytes())
        os.replace(partial, os.path.join(out, 'model.safetensors'))
        json.dump(manifest, open(os.path.join(out, 'sotto.json'), 'w'), indent=2)

    def log_mel(self, audio):
        """[rows, samples] float in -1..1 -> [rows, mels, frames of 10 ms], as OpenAI's: clamped to each row's maximum - 8."""
        power = torch.stft(audio, 400, 160, window=self.hann, center=True, pad_mode='reflect', return_complex=True)[..., :-1].abs() ** 2
        mel = (power.transpose(1, 2) @ self.filters).transpose(1, 2).clamp(min=1e-10).log10()
        return (torch.maximum(mel, mel.amax((1, 2), keepdim=True) - 8) + 4) / 4

    def encode(self, w, mel):
        x = F.gelu(convolve(w, 'encoder.conv1', mel, 1))
        x = F.gelu(convolve(w, 'encoder.conv2', x, 2)).transpose(1, 2)
        x = x + w['encoder.embed_positions.weight'][:x.shape[1]]
        for i in range(self.encoder_layers):
            name = f'encoder.layers.{i}.'
            h = self.norm(w, name + 'self_attn_layer_norm', x)
            q, k, v = (split(linear(w, name + f'self_attn.{c}_proj', h), self.encoder_heads) for c in 'qkv')
            x = x + linear(w, name + 'self_attn.out_proj', merge(F.scaled_dot_product_attention(q, k, v)))
            x = x + feed_forward(w, name, self.norm(w, name + 'final_layer_norm', x))
        return self.norm(w, 'encoder.layer_norm', x)

    def cross(self, w, states):
        """Keys and values of every decoder layer over the encoder's states."""
        name = 'decoder.layers.{}.encoder_attn.{}_proj'
        return [[split(linear(w, name.format(i, c), states), self.decoder_heads) for c in 'kv'] for i in range(self.decoder_layers)]

    def decode(self, w, tokens, cross, watched=None):
        """[rows, n] -> hidden states after every layer, the last one normalised. `watched`: a table by (layer, head), into which goes where each
        of its heads looks, [rows, n, frames]."""
        x = w['decoder.embed_tokens.weight'][tokens] + w['decoder.embed_positions.weight'][:tokens.shape[1]]
        states = []
        for i in range(self.decoder_layers):
            name = f'decoder.layers.{i}.'
            h = self.norm(w, name + 'self_attn_layer_norm', x)
            q, k, v = (split(linear(w, name + f'self_attn.{c}_proj', h), self.decoder_heads) for c in 'qkv')
            x = x + linear(w, name + 'self_attn.out_proj', merge(F.scaled_dot_product_attention(q, k, v, is_causal=True)))
            q = split(linear(w, name + 'encoder_attn.q_proj', self.norm(w, name + 'encoder_attn_layer_norm', x)), self.decoder_heads)
            for layer, head in watched or ():
                if layer == i:
                    watched[layer, head] = (q[:, head] @ cross[i][0][:, head].transpose(1, 2) / q.shape[-1] ** .5).softmax(-1)
            x = x + linear(w, name + 'encoder_attn.out_proj', merge(F.scaled_dot_product_attention(q, *cross[i])))
            x = x + feed_forward(w, name, self.norm(w, name + 'final_layer_norm', x))
            states.append(x)
        states[-1] = self.norm(w, 'decoder.layer_norm', x)
        return states

    def decode_one(self, w, tokens, at, seen, cross, past):
        """The last layer's state [rows, 1, width] for tokens [rows, 1] at the place `at` (a tensor). `past`: keys and values of all places, into
        which those of `at` are written; `seen`: which places count."""
        x = w['decoder.embed_tokens.weight'][tokens] + w['decoder.embed_positions.weight'][at]
        for i in range(self.decoder_layers):
            name = f'decoder.layers.{i}.'
            h = self.norm(w, name + 'self_attn_layer_norm', x)
            q, k, v = (split(linear(w, name + f'self_attn.{c}_proj', h), self.decoder_heads) for c in 'qkv')
            for kept, new in zip(past[i], (k, v)):
                kept.index_copy_(2, at, new)
            x = x + linear(w, name + 'self_attn.out_proj', merge(F.scaled_dot_product_attention(q, *past[i], attn_mask=seen)))
            q = split(linear(w, name + 'encoder_attn.q_proj', self.norm(w, name + 'encoder_attn_layer_norm', x)), self.decoder_heads)
            x = x + linear(w, name + 'encoder_attn.out_proj', merge(F.scaled_dot_product_attention(q, *cross[i])))
            x = x + feed_forward(w, name, self.norm(w, name + 'final_layer_norm', x))
        return self.norm(w, 'decoder.layer_norm', x)

    def norm(self, w, name, x):
        return F.layer_norm(x, (self.width,), w[name + '.weight'], w[name + '.bias'])


def linear(w, name, x):
    return F.linear(x, w[name + '.weight'], w.get(name + '.bias'))


def feed_forward(w, name, x):
    return linear(w, name + 'fc2', F.gelu(linear(w, name + 'fc1', x)))


def convolve(w, name, x, stride):
    """As a product over unfolded windows: its bfloat16 backward pass is quicker than the convolution's."""
    windows = F.pad(x, (1, 1)).unfold(2, 3, stride).permute(0, 2, 1, 3).flatten(2)
    return F.linear(windows, w[name + '.weight'].flatten(1), w[name + '.bias']).transpose(1, 2)


def split(x, heads):
    return x.view(x.shape[0], x.shape[1], heads, -1).transpose(1, 2)


def merge(x):
    return x.transpose(1, 2).flatten(2)


def shards(folder):
    index = os.path.join(folder, 'model.safetensors.index.json')
    return sorted(set(json.load(open(index))['weight_map'].values())) if os.path.exists(index) else ['model.safetensors']


def mel_filters(count):
    """Slaney's mel scale and area normalisation, [201, count], as librosa and OpenAI's Whisper have it."""
    def to_mel(f):
        return np.where(f >= 1000, 15 + np.log(np.maximum(f, 1e-9) / 1000) / (math.log(6.4) / 27), f * 3 / 200)
    def to_hz(m):
        return np.where(m >= 15, 1000 * np.exp((m - 15) * math.log(6.4) / 27), m * 200 / 3)
    edges = to_hz(np.linspace(to_mel(np.array(0.)), to_mel(np.array(RATE / 2)), count + 2))
    bins = np.linspace(0, RATE / 2, 201)
    up = (bins[:, None] - edges[None, :-2]) / np.diff(edges)[None, :-1]
    down = (edges[None, 2:] - bins[:, None]) / np.diff(edges)[None, 1:]
    return np.maximum(0, np.minimum(up, down)) * (2 / (edges[2:] - edges[:-2]))[None]


def byte_table():
    """The characters by which byte-level BPE writes bytes (GPT-2)."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    table, extra = {chr(b): b for b in plain}, 0
    for b in range(256):
        if b not in plain:
            table[chr(256 + extra)] = b
            extra += 1
    return table


BYTES = byte_table()
