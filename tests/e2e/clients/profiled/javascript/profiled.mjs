// Writes profiles of wall time and of the heap into a folder; see ../../README.md.
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import pprof from "@datadog/pprof";

const SAMPLED_BYTES = 1024;
const DEEPEST = 64;

// Spends time in a loop and in a recursion.
function burnFor(milliseconds) {
  const end = Date.now() + milliseconds;
  let sink = 0;
  while (Date.now() < end) {
    sink += loop(200_000) + fibonacci(20);
  }
  return sink;
}

function loop(times) {
  let sum = 0;
  for (let number = 0; number < times; number++) {
    sum += Math.sqrt(number) * number;
  }
  return sum;
}

function fibonacci(number) {
  return number < 2 ? number : fibonacci(number - 1) + fibonacci(number - 2);
}

function allocate() {
  return Array.from({ length: 20_000 }, (_, number) => pair(number));
}

function pair(number) {
  return { number, both: [number, number] };
}

if (process.argv.length !== 3) {
  console.error("usage: profiled.mjs FOLDER");
  process.exit(2);
}
const folder = process.argv[2];
pprof.heap.start(SAMPLED_BYTES, DEEPEST);
pprof.time.start({ durationMillis: 500, intervalMicros: 1000 });
burnFor(500);
writeFileSync(join(folder, "wall.pb.gz"), pprof.encodeSync(pprof.time.stop()));
const kept = allocate();
writeFileSync(join(folder, "heap.pb.gz"), pprof.encodeSync(pprof.heap.profile()));
pprof.heap.stop();
if (kept.length === 0) {
  process.exit(1);
}
