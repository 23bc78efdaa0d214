// Polishes the rows of test.jsonl with a GGUF file through node-llama-cpp and writes them with "output", for evaluate.py --outputs.
// With --tokens instead: writes the token ids of every raw and clean text, to compare with the Python tokenizer.
// node judge.mjs MODEL.gguf TEST.jsonl OUT.jsonl [--tokens]     (NODE_LLAMA_CPP: folder of the package, if it is not found from here; THREADS: 1)
import { createReadStream, createWriteStream } from "node:fs";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const [modelPath, testPath, outPath, option] = process.argv.slice(2);
const from = createRequire(process.env.NODE_LLAMA_CPP ? `${process.env.NODE_LLAMA_CPP}/package.json` : import.meta.url);
const { getLlama, LlamaLogLevel } = await import(pathToFileURL(from.resolve("node-llama-cpp")).href);

const llama = await getLlama({ gpu: false, build: "never", maxThreads: Number(process.env.THREADS ?? 1), logLevel: LlamaLogLevel.warn });
const model = await llama.loadModel({ modelPath });
const special = Object.fromEntries(["end", "context", "raw", "clean"].map((name) => [name, model.tokenize(`<|${name}|>`, true)[0]]));
const context = option ? undefined : await model.createContext({ contextSize: 1024, sequences: 1, threads: Number(process.env.THREADS ?? 1) });
const sequence = context?.getSequence();
const out = createWriteStream(outPath);
let tokens = 0;
let milliseconds = 0;

/** A text in capitals only is written small first, as surface.py says. */
function settled(raw) {
  const capitals = raw.match(/\p{Lu}/gu)?.length ?? 0;
  return capitals > 3 && !/\p{Ll}/u.test(raw) && raw.trim().includes(" ") ? raw.toLowerCase() : raw;
}

async function polish(row) {
  const before = row.context ? [special.context, ...model.tokenize(row.context, false)] : [];
  const raw = model.tokenize(settled(row.raw), false);
  const prompt = [...before, special.raw, ...raw, special.clean];
  const limit = Math.max(1, Math.min(Math.floor((raw.length * 3) / 2) + 24, 1024 - prompt.length));
  await sequence.clearHistory();
  const written = [];
  const began = performance.now();
  for await (const token of sequence.evaluate(prompt, { temperature: 0 })) {
    if (token === special.end) break;
    written.push(token);
    if (written.length >= limit) break;
  }
  milliseconds += performance.now() - began;
  tokens += written.length;
  return model.detokenize(written, true);
}

for await (const line of createInterface({ input: createReadStream(testPath) })) {
  const row = JSON.parse(line);
  const result = option
    ? { raw: model.tokenize(row.raw, false), clean: model.tokenize(row.clean, false) }
    : { ...row, output: await polish(row) };
  if (!out.write(`${JSON.stringify(result)}\n`)) await new Promise((go) => out.once("drain", go));
}
out.end();
if (tokens) console.log(`${tokens} tokens in ${Math.round(milliseconds)} ms: ${Math.round((tokens / milliseconds) * 1000)} tokens/s, prompts included`);
await llama.dispose();
