"""Makes test/fixtures/tiny-llama: a llama of random weights as GGUF, small enough to commit, with a chat template and the tokens of Sotto's own format.

    python -m models.reference.make_tiny_llama

What it writes means nothing, but it depends on the prompt and ends by itself, after a few letters or some dozens, as a trained model's text does.
"""

from pathlib import Path

import gguf
import numpy as np

OUT = Path(__file__).resolve().parents[2] / "test/fixtures/tiny-llama"
SPECIAL = ["<|im_start|>", "<|im_end|>", "<|context|>", "<|raw|>", "<|clean|>", "<|end|>"]
MERGES = ["Ġ t", "Ġt h", "Ġth e", "i n", "in g", "ä ½", "ä½ ł"]
WIDTH, INNER, LAYERS, HEADS, CONTEXT = 64, 96, 2, 2, 4096
CHAT = "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"


def alphabet() -> list[str]:
    """GPT-2's printable stand-ins for the 256 bytes."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    return [*map(chr, printable), *(chr(256 + place) for place in range(len(others)))]


def main() -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    tokens = [*alphabet(), *("".join(merge.split(" ")) for merge in MERGES), *SPECIAL]
    random = np.random.default_rng(5)

    writer = gguf.GGUFWriter(str(OUT / "model.gguf"), "llama")
    writer.add_name("tiny-llama")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_vocab_size(len(tokens))
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(tokens)
    kinds = [gguf.TokenType.CONTROL if token in SPECIAL else gguf.TokenType.NORMAL for token in tokens]
    writer.add_token_types(kinds)
    writer.add_token_merges(MERGES)
    end = tokens.index("<|im_end|>")
    writer.add_bos_token_id(end)
    writer.add_eos_token_id(end)
    writer.add_eot_token_id(end)
    writer.add_pad_token_id(end)
    writer.add_add_bos_token(False)
    writer.add_chat_template(CHAT)

    # One element of every state stays as it is, so that the ends can be likely whatever came before: no text goes on for ever.
    embedding = random.normal(0, 1, (len(tokens), WIDTH))
    embedding[:, 0] = 4
    # Only letters, spaces, full stops and the two ends are ever likely.
    output = random.normal(0, 1, (len(tokens), WIDTH)) * 0.01
    likely = [index for index, token in enumerate(tokens) if token.isascii() and token.isalpha() or token in ("Ġ", ".", "Ġthe", "ing")]
    output[likely] = random.normal(0, 1, (len(likely), WIDTH))
    output[:, 0] = 0
    for name in ("<|im_end|>", "<|end|>"):
        output[tokens.index(name)] = random.normal(0, 0.5, WIDTH)
        output[tokens.index(name), 0] = 11
    shapes = {"attn_q": (WIDTH, WIDTH), "attn_k": (WIDTH, WIDTH), "attn_v": (WIDTH, WIDTH), "attn_output": (WIDTH, WIDTH)}
    shapes |= {"ffn_gate": (INNER, WIDTH), "ffn_up": (INNER, WIDTH), "ffn_down": (WIDTH, INNER)}
    tensors = {"token_embd.weight": embedding, "output.weight": output, "output_norm.weight": np.ones(WIDTH)}
    for layer in range(LAYERS):
        for name, shape in shapes.items():
            tensors[f"blk.{layer}.{name}.weight"] = random.normal(0, 1.6 / np.sqrt(shape[1]), shape)
            if shape[0] == WIDTH and name in ("attn_output", "ffn_down"):
                tensors[f"blk.{layer}.{name}.weight"][0] = 0
        for name in ("attn_norm", "ffn_norm"):
            tensors[f"blk.{layer}.{name}.weight"] = np.ones(WIDTH)
    for name, values in tensors.items():
        writer.add_tensor(name, values.astype(np.float32 if values.ndim == 1 else np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    main()
