// Hello over HTTP with Node's http module: `node http_node.js PORT`.
const http = require('http');

const server = http.createServer((request, response) => {
  response.writeHead(200, { 'Content-Type': 'text/plain', 'Content-Length': 13 });
  response.end('Hello, World!');
});
server.keepAliveTimeout = 60000;
server.listen({ port: Number(process.argv[2]), host: '127.0.0.1', backlog: 4096 });
