// Every request waits at random, asks one shared pool by callback or by promise, and logs on its way and afterwards.
// The first one also starts what outlives it: by `detached` for nobody, and for itself.
exports.serve = function serve({ createServer, Pool, addContext, detached, getLogger }) {
  const log = getLogger('mixing');
  const pause = () => new Promise((resolve) => setTimeout(resolve, Math.random() * 10));
  const text = 'SELECT $1::text AS id, pg_sleep(random() * 0.002)';
  let pool;
  let inFlight = 0;
  let mostInFlight = 0;
  const ticking = [];

  function byCallback(id) {
    return new Promise((resolve, reject) => {
      pool.query(text, [id], (error, result) => {
        log.info('query callback', { of: id });
        if (error) reject(error);
        else resolve(result);
      });
    });
  }

  async function byClient(id) {
    const client = await pool.connect();
    log.info('client', { of: id });
    try {
      return await client.query(text, [id]);
    } finally {
      client.release();
    }
  }

  const ways = [byCallback, byClient, (id) => pool.query(text, [id])];

  function outlive(id) {
    const start = (words) => ticking.push(setInterval(() => log.info(words, { of: id }), 5));
    detached(() => start('tick for nobody'));
    start('tick of the request');
    detached(() => Promise.resolve().then(() => log.info('promise for nobody', { of: id })));
  }

  async function handle(req, res) {
    const id = req.headers['x-correlation-id'];
    const at = Number(id.slice(id.lastIndexOf('-') + 1));
    mostInFlight = Math.max(mostInFlight, ++inFlight);
    pool ??= new Pool({ host: '127.0.0.1', user: 'postgres', database: 'postgres', max: 4 });
    if (at === 0) outlive(id);
    log.info('request', { of: id });
    addContext({ member: `member-${at}` });
    await pause();
    log.info('after a pause', { of: id });
    const { rows } = await ways[at % ways.length](id);
    log.info('after the query', { of: id, row: rows[0].id });
    queueMicrotask(() => log.info('microtask', { of: id }));
    res.on('finish', () => {
      inFlight -= 1;
      log.info('finish', { of: id });
      setTimeout(() => log.info('timer after the response', { of: id }), 10);
    });
    res.end('ok');
  }

  const server = createServer((req, res) => {
    handle(req, res).catch((error) => {
      log.exception(error);
      res.statusCode = 500;
      res.end('failed');
    });
  });
  server.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ port: server.address().port })));
  process.once('SIGTERM', () => {
    console.log(JSON.stringify({ mostInFlight }));
    ticking.forEach(clearInterval);
    server.close();
    server.closeAllConnections();
    pool.end();
  });
};
