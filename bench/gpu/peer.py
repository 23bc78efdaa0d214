"""The peer on the same weights: transformers in half precision, SDPA, greedy, batched.

    npx sotto models synth large-v3-turbo DIR
    python3 bench/gpu/peer.py DIR --device cuda:0 --batches 1,8,32 --tokens 120

Prints a line of JSON for each batch: windows of 30 s, `tokens` each. `perSecond`: as `generate` runs them. The rest is a loop that looks at every
token before it feeds the next one, as a server must that may stop at any of them: encoder, prompt, and the median step, milliseconds.
"""

import argparse
import json
import time
import warnings

import torch
from transformers import WhisperForConditionalGeneration
from transformers.modeling_outputs import BaseModelOutput

START_OF_TRANSCRIPT, ENGLISH = 50_258, 50_259

parser = argparse.ArgumentParser()
parser.add_argument("model")
parser.add_argument("--device", default="cuda:0")
parser.add_argument("--batches", default="1,8,32")
parser.add_argument("--tokens", type=int, default=120)
options = parser.parse_args()
warnings.filterwarnings("ignore")

device = torch.device(options.device)
is_cuda = device.type == "cuda"
dtype = torch.float16 if is_cuda else torch.float32
model = WhisperForConditionalGeneration.from_pretrained(options.model, dtype=dtype, attn_implementation="sdpa")
model = model.to(device).eval()
# large-v3 has one language more than the others, before the tokens that steer.
shift = 1 if model.config.vocab_size == 51_866 else 0
PROMPT = [START_OF_TRANSCRIPT, ENGLISH, 50_359 + shift, 50_363 + shift]


def now():
    if is_cuda:
        torch.cuda.synchronize(device)
    return time.perf_counter()


def step_by_step(features, count):
    began = now()
    encoded = BaseModelOutput(model.model.encoder(features).last_hidden_state)
    heard = now()
    tokens = torch.tensor([PROMPT] * len(features), device=device)
    past, times = None, []
    for _ in range(count + 1):
        before = time.perf_counter()
        answer = model(encoder_outputs=encoded, decoder_input_ids=tokens, past_key_values=past, use_cache=True)
        past, tokens = answer.past_key_values, answer.logits[:, -1].argmax(-1, keepdim=True)
        tokens.tolist()
        times.append(1_000 * (time.perf_counter() - before))
    prompt, *steps = times
    return {"encodeMs": 1_000 * (heard - began), "promptMs": prompt, "stepMs": sorted(steps)[len(steps) // 2]}


def generated(features, count):
    settings = model.generation_config
    settings.is_multilingual, settings.no_timestamps_token_id = False, PROMPT[-1]
    settings.forced_decoder_ids, settings.eos_token_id = None, None
    began = now()
    model.generate(features, max_new_tokens=count, do_sample=False, num_beams=1, return_timestamps=False)
    return now() - began


with torch.inference_mode():
    for batch in map(int, options.batches.split(",")):
        features = torch.randn(batch, model.config.num_mel_bins, 3_000, device=device, dtype=dtype)
        step_by_step(features, 3)
        generated(features, 3)
        parts = {name: round(ms, 2) for name, ms in step_by_step(features, options.tokens).items()}
        seconds = generated(features, options.tokens)
        print(json.dumps({"batch": batch, **parts, "perSecond": round(batch / seconds, 2)}), flush=True)
