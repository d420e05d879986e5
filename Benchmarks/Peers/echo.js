// What somebody would write in an hour with node and its `ws` library: heartbeats are echoed, and a channel is a set.
//
//   node echo.js            prints "ready 127.0.0.1:PORT" and serves loopback until it is killed
//
// The words are those of ../Floor: an empty message is not answered, "!sub" subscribes, "!pub TEXT" goes to all subscribers.
'use strict';

const { WebSocketServer } = require(process.env.WS_MODULE || 'ws');

const subscribers = new Set();
const server = new WebSocketServer({ host: '127.0.0.1', port: 0, backlog: 4096, perMessageDeflate: false });

server.on('connection', (socket) => {
  socket.on('error', () => {});
  socket.on('close', () => subscribers.delete(socket));
  socket.on('message', (message, isBinary) => {
    if (message.length === 0) return;
    if (!isBinary && message[0] === 0x21) {
      const text = message.toString();
      if (text === '!sub') {
        subscribers.add(socket);
        socket.send('ok');
        return;
      }
      if (text.startsWith('!pub ')) {
        const published = text.slice(5);
        for (const subscriber of subscribers) subscriber.send(published);
        return;
      }
    }
    socket.send(message, { binary: isBinary });
  });
});

server.on('listening', () => console.log(`ready 127.0.0.1:${server.address().port}`));
