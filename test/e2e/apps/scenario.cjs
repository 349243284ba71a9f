// What every entry does with its own imports: one request in, one SQL query, one request out, and log lines.
// `bindings` are as the entry's kind of module got them: destructured, named imports, or default.
exports.run = async function run({ createServer, get, Pool, getLogger }) {
  const log = getLogger('shop.orders');
  const pool = new Pool({ host: '127.0.0.1', user: 'postgres', database: 'postgres', max: 2 });

  function pay(port) {
    return new Promise((resolve, reject) => {
      get({ host: '127.0.0.1', port, path: '/payments?token=hunter2' }, (res) => {
        res.resume().on('end', () => {
          log.info('paid', { status: res.statusCode });
          resolve();
        });
      }).on('error', reject);
    });
  }

  async function orders(res, port) {
    log.info('order received', { orderId: 1042 });
    await pool.query("SELECT $1::int AS n, 'secret' AS s", [1]);
    log.info('order stored');
    await pay(port);
    res.setHeader('content-type', 'application/json');
    res.end('{"ok":true}');
  }

  const server = createServer((req, res) => {
    if (req.url.startsWith('/payments')) return res.end('paid');
    if (req.url.startsWith('/healthz')) return res.end('ok');
    orders(res, server.address().port).catch((error) => {
      log.exception(error);
      res.statusCode = 500;
      res.end();
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  const answer = await ask(get, port, '/orders', { 'X-Correlation-ID': 'order-7' });
  const second = await ask(get, port, '/orders', {});
  await ask(get, port, '/healthz', {});
  process.stdout.write(`${JSON.stringify({ echoed: [answer, second] })}\n`);
  await pool.end();
  server.close();
  server.closeAllConnections();
};

function ask(get, port, path, headers) {
  return new Promise((resolve, reject) => {
    get({ host: '127.0.0.1', port, path, headers }, (res) => {
      res.resume().on('end', () => resolve(res.headers['x-correlation-id'] ?? null));
    }).on('error', reject);
  });
}
