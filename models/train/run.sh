#!/bin/sh
# From nothing to the model on one GPU in under half an hour: run.sh RECORDINGS SENTENCES TESTS OUT [flags of train.py]
#   RECORDINGS  folder of index.jsonl and opus.bin      SENTENCES  one sentence a line (.xz or plain)
#   TESTS       folder of manifest.jsonl and FLAC files  OUT        folder for the model; OUT/corpus for everything made on the way
set -eu
[ $# -ge 4 ] || { sed -n '2,4p' "$0"; exit 2; }
recordings=$(realpath "$1") sentences=$(realpath "$2") tests=$(realpath "$3")
mkdir -p "$4/corpus"
out=$(realpath "$4")
shift 4
# What an earlier, perhaps broken run left would be taken for this one's.
rm -rf "$out/corpus/ready" "$out/corpus/shards"
cd "$(dirname "$0")/.."
export PYTHONUNBUFFERED=1 PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True

python3 -m train.evaluate --read-tests "$tests" --tests "$out/corpus/test.npz"
OMP_NUM_THREADS=1 nice -n 5 python3 -m train.prepare --work "$out/corpus" --recordings "$recordings" --sentences "$sentences" \
  --tests "$out/corpus/test.npz" --seconds 950 --workers "$(($(nproc) * 2 / 3))" &
speaking=$!
trap 'kill $speaking 2>/dev/null || true' EXIT
while [ ! -e "$out/corpus/ready" ]; do
  kill -0 $speaking 2>/dev/null || { echo "preparing the corpus failed: see above" >&2; exit 1; }
  sleep 1
done
OMP_NUM_THREADS=4 python3 -m train.train --work "$out/corpus" --out "$out" --tests "$out/corpus/test.npz" "$@"
python3 -m train.evaluate --model "$out" --tests "$out/corpus/test.npz" --synthetic "$out/corpus/synthetic-test.npz" --out "$out/corpus/results.json"
