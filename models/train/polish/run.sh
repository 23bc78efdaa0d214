#!/bin/sh
# From nothing to the model: run.sh TEXTS OUT [SECONDS]
#   TEXTS  folder of paragraphs.txt.xz, sentences.txt.xz, disfluency_pairs.tsv.xz and names.txt
#   OUT    folder for model.safetensors, report.txt, gguf/; OUT/made holds what is made on the way
set -eu
[ $# -ge 2 ] || { sed -n '2,4p' "$0"; exit 2; }
mkdir -p "$2/made"
texts=$(realpath "$1") out=$(realpath "$2")
cd "$(dirname "$0")/../.."
export PYTHONUNBUFFERED=1 TOKENIZERS_PARALLELISM=false
[ -f "$out/made/test.jsonl" ] || python3 -m train.polish.prepare --texts "$texts" --work "$out/made"
OMP_NUM_THREADS=2 python3 -m train.polish.train --work "$out/made" --out "$out" --seconds "${3:-420}"
python3 -m train.polish.export --model "$out" --tokenizer "$out/made/tokenizer.json" --out "$out/gguf"
