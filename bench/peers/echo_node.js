// Echo in Node: `node echo_node.js PORT`. pipe() also holds back who does not read, and is as fast as writing by hand.
const net = require('net');

const server = net.createServer({ noDelay: true }, (socket) => {
  socket.pipe(socket);
  socket.on('error', () => socket.destroy());
});
server.listen({ port: Number(process.argv[2]), host: '127.0.0.1', backlog: 4096 });
