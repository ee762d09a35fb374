// The ways in which a Node.js program has nothing to do; ends with standard input.
const http = require('http');
const { Worker } = require('worker_threads');
const { spawn } = require('child_process');

http.createServer((request, response) => response.end('x')).listen(0, '127.0.0.1');
setInterval(() => {}, 100);
new Worker('setInterval(() => {}, 100000)', { eval: true });
// Never woken: Atomics.wait is a futex whose owner nobody knows.
new Worker('Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)', { eval: true });
const child = spawn('cat', { stdio: ['pipe', 'pipe', 'inherit'] });
process.stdin.resume();
process.stdin.on('end', () => { child.kill(); process.exit(0); });
console.log('ready');
