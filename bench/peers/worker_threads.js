// Calls into worker threads of Node: `node worker_threads.js` prints a line of JSON for each measure. Node has no pool;
// the one here gives each worker as many calls as may be in flight, and puts a new worker in the place of one that ends.
'use strict';
const { Worker, isMainThread, parentPort } = require('worker_threads');
const { spawnSync } = require('child_process');

function serve() {
  parentPort.on('message', ({ number, data, wish }) => {
    if (wish === 'crash') process.abort();
    if (wish === 'exit') process.exit(1);
    if (data instanceof Uint8Array) return parentPort.postMessage({ number, value: data[0] + data[data.length - 1] });
    let sum = 0;
    for (const word of data) sum += word;
    parentPort.postMessage({ number, value: [...data.slice(0, 7), sum] });
  });
}

class Pool {
  constructor(workers, mostInFlight) {
    this.mostInFlight = mostInFlight;
    this.waiting = [];
    this.calls = new Map();
    this.next = 0;
    this.workers = Array.from({ length: workers }, () => this.start({}));
  }
  start(place) {
    place.inFlight = new Set();
    place.worker = new Worker(__filename);
    place.worker.on('message', ({ number, value }) => {
      place.inFlight.delete(number);
      const call = this.calls.get(number);
      this.calls.delete(number);
      call.resolve(value);
      this.fill();
    });
    place.worker.on('exit', () => {
      if (this.isOver) return;
      for (const number of place.inFlight) {
        this.calls.get(number).reject(new Error('its worker has ended'));
        this.calls.delete(number);
      }
      this.start(place);
      this.fill();
    });
    return place;
  }
  run(data, wish) {
    return new Promise((resolve, reject) => {
      const number = this.next++;
      this.calls.set(number, { resolve, reject });
      this.waiting.push({ number, data, wish });
      this.fill();
    });
  }
  fill() {
    for (const place of this.workers) {
      while (this.waiting.length > 0 && place.inFlight.size < this.mostInFlight) {
        const call = this.waiting.shift();
        place.inFlight.add(call.number);
        place.worker.postMessage(call);
      }
    }
  }
  end() {
    this.isOver = true;
    return Promise.all(this.workers.map((place) => place.worker.terminate()));
  }
}

const words = [7, 7, 7, 7, 7, 7, 7, 7];

function tell(bench, value, unit = 'us') {
  console.log(JSON.stringify({ peer: 'worker_threads', bench, unit, value: Number(value.toFixed(2)) }));
}

async function microsecondsEach(count, call) {
  for (let i = 0; i <= count / 20; ++i) await call();
  const start = performance.now();
  for (let i = 0; i < count; ++i) await call();
  return ((performance.now() - start) / count) * 1000;
}

async function main() {
  let pool = new Pool(1, 1);
  tell('round_trip', await microsecondsEach(5000, () => pool.run(words)));
  const mebibyte = new Uint8Array(1 << 20);
  tell('payload', await microsecondsEach(500, () => pool.run(mebibyte)));
  tell('crash_to_ready', await microsecondsEach(20, async () => {
    await pool.run(words, 'exit').catch(() => {});
    await pool.run(words);
  }));
  await pool.end();

  pool = new Pool(2, 8);
  const callers = (calls) => Promise.all(Array.from({ length: 16 }, async () => {
    for (let i = 0; i < calls; ++i) await pool.run(words);
  }));
  await callers(100);
  const start = performance.now();
  await callers(5000);
  tell('tasks', ((performance.now() - start) / 80000) * 1000);
  await pool.end();

  // What crashes takes the whole program with it.
  const told = spawnSync(process.execPath, [__filename, 'crash'], { encoding: 'utf8' }).stdout;
  tell('lost_by_a_crash_of_100', 100 - told.length, 'tasks');
}

async function crashOne() {
  const pool = new Pool(2, 8);
  await Promise.all(Array.from({ length: 100 }, async (_, number) => {
    await pool.run(words, number === 50 ? 'crash' : undefined);
    require('fs').writeSync(1, '.');
  }));
}

if (!isMainThread) serve();
else if (process.argv[2] === 'crash') crashOne();
else main();
