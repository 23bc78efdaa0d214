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
export PYTHONUNBUFFERED=1

python3 -m train.evaluate --read-tests "$tests" --tests "$out/corpus/test.npz"
OMP_NUM_THREADS=1 nice -n 5 python3 -m train.prepare --work "$out/corpus" --recordings "$recordings" --sentences "$sentences" \
  --tests "$out/corpus/test.npz" --seconds 900 --workers "$(($(nproc) * 2 / 3))" &
speaking=$!
trap 'kill $speaking 2>/dev/null || true' EXIT

train() { OMP_NUM_THREADS=4 python3 -m train.train --work "$out/corpus" --out "$out" --tests "$out/corpus/test.npz" "$@"; }
status=0
train || status=$?
# Status 3: no CUDA graphs on this machine. The plain way is slower and gets the whole time again.
if [ $status -eq 3 ]; then status=0; train --graphs no || status=$?; fi
[ $status -eq 0 ] || exit $status
python3 -m train.evaluate --model "$out" --tests "$out/corpus/test.npz" --synthetic "$out/corpus/synthetic-test.npz" --out "$out/corpus/results.json"
