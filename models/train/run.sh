#!/bin/sh
# From nothing to the model on one GPU in under half an hour: run.sh RECORDINGS SENTENCES TESTS OUT
#   RECORDINGS  folder of index.jsonl and opus.bin      SENTENCES  one sentence a line (.xz or plain)
#   TESTS       folder of manifest.jsonl and FLAC files  OUT        folder for the model; OUT/corpus for everything made on the way
set -eu
[ $# -eq 4 ] || { sed -n '2,4p' "$0"; exit 2; }
recordings=$(realpath "$1") sentences=$(realpath "$2") tests=$(realpath "$3")
mkdir -p "$4/corpus"
out=$(realpath "$4")
cd "$(dirname "$0")/.."
export PYTHONUNBUFFERED=1 PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True

python3 -m train.evaluate --read-tests "$tests" --tests "$out/corpus/test.npz"
OMP_NUM_THREADS=1 python3 -m train.prepare --work "$out/corpus" --recordings "$recordings" --sentences "$sentences" \
  --tests "$out/corpus/test.npz" --seconds 950 --workers "$(($(nproc) * 2 / 3))" &
trap 'kill $! 2>/dev/null || true' EXIT
OMP_NUM_THREADS=4 python3 -m train.train --work "$out/corpus" --out "$out" --tests "$out/corpus/test.npz"
python3 -m train.evaluate --model "$out" --tests "$out/corpus/test.npz" --synthetic "$out/corpus/synthetic-test.npz" --out "$out/corpus/results.json"
