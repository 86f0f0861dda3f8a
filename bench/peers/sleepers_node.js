// A million tasks that sleep until one moment, in Node: `node sleepers_node.js COUNT SECONDS`. Prints what each takes in
// memory, and how long it took to start and to end them, without the sleep.
const { setTimeout: sleep } = require('timers/promises');

async function sleeper(deadline) {
  await sleep(deadline - performance.now());
}

async function main(count, seconds) {
  const before = process.memoryUsage.rss();
  const start = performance.now();
  const deadline = start + seconds * 1000;
  const all = [];
  for (let i = 0; i < count; ++i) all.push(sleeper(deadline));
  const started = performance.now();
  const bytes = (process.memoryUsage.rss() - before) / count;
  if (started > deadline) throw new Error('not all of them slept before the first one woke: give more seconds');
  await Promise.all(all);
  const end = performance.now();
  console.log(JSON.stringify({ bytes, seconds: (started - start + end - deadline) / 1000 }));
}

main(Number(process.argv[2]), Number(process.argv[3]));
