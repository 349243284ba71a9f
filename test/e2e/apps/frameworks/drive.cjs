// Asks every app the same, one request after the other, and prints what came back.
const { once } = require('node:events');

exports.drive = async function drive(server, stop) {
  if (!server.listening) {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  }
  const base = `http://127.0.0.1:${server.address().port}`;
  const answers = {};
  const all = ['/shops/7/orders/42?token=hunter2', '/thrown', '/logged', '/handled', '/missing'];
  for (const path of process.env.PATHS?.split(',') ?? all) {
    const response = await fetch(base + path, { headers: { 'X-Correlation-ID': `id${path.split('?')[0]}` } });
    await response.text();
    answers[path.split('?')[0]] = [response.status, response.headers.get('x-correlation-id')];
  }
  process.stdout.write(`${JSON.stringify({ answers })}\n`);
  await (stop ?? (() => server.close()))();
};
