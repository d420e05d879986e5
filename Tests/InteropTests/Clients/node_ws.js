// Runs the scenario with node's `ws`: node node_ws.js MODE ws://HOST:PORT http://HOST:PORT
'use strict';

const WebSocket = require('ws');
require('./scenario.js');

const [mode, url, admin] = process.argv.slice(2);

const host = {
  client: 'node-ws',
  open: () => new WebSocket(`${url}/v1/connect`, ['muster.v1']),
  drop: (socket) => socket.terminate(),
  print: (line) => console.log(line),
  async admin(method, path) {
    const response = await fetch(admin + path, { method });
    const text = await response.text();
    return { status: response.status, json: text ? JSON.parse(text) : null };
  },
  wasPinged(socket) {
    return new Promise((resolve) => {
      let pings = 0;
      socket.on('ping', () => {
        pings += 1;
        if (pings === 3) resolve();
      });
    });
  },
};

globalThis.muster[mode](host).then(
  (verdict) => {
    console.log(JSON.stringify(verdict));
    process.exit(0);
  },
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
