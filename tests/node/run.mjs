// Runs models on inputs: node run.mjs node|web cases.json answers.json
//
// A case is {model, feeds: {name: tensor}}, an answer {name: tensor}; a tensor is
// {type, dims, data}, integers of 64 bits as strings.
import { readFileSync, writeFileSync } from "node:fs";

const [runtime, cases, answers] = process.argv.slice(2);
const ort = await import(runtime === "web" ? "onnxruntime-web" : "onnxruntime-node");
if (runtime === "web") ort.env.wasm.numThreads = 1;
const provider = runtime === "web" ? "wasm" : "cpu";

const ARRAYS = {
  float32: Float32Array, float64: Float64Array, int32: Int32Array, uint8: Uint8Array,
  int64: BigInt64Array, uint64: BigUint64Array,
};

function toTensor({ type, dims, data }) {
  if (type === "string") return new ort.Tensor("string", data, dims);
  const values = type.endsWith("64") && type !== "float64" ? data.map(BigInt) : data;
  return new ort.Tensor(type, ARRAYS[type].from(values), dims);
}

function fromTensor({ type, dims, data }) {
  const values = Array.from(data, (v) => (typeof v === "bigint" ? v.toString() : v));
  return { type, dims, data: values };
}

const results = [];
for (const { model, feeds } of JSON.parse(readFileSync(cases, "utf8"))) {
  const session = await ort.InferenceSession.create(readFileSync(model), {
    executionProviders: [provider], logSeverityLevel: 4,
  });
  const given = Object.entries(feeds).map(([name, value]) => [name, toTensor(value)]);
  const found = Object.entries(await session.run(Object.fromEntries(given)));
  results.push(Object.fromEntries(found.map(([name, value]) => [name, fromTensor(value)])));
}
writeFileSync(answers, JSON.stringify(results));
