// Next.js says where it listens in words for people; tests wait for a line of their own.
const net = require('node:net');

require('./server.js');
const port = Number(process.env.PORT);
const ask = () =>
  net
    .connect(port, '127.0.0.1')
    .once('error', () => setTimeout(ask, 50))
    .once('connect', function connected() {
      this.destroy();
      console.log(JSON.stringify({ port }));
    });
ask();
