// Every request logs a detail before and after its query; by its path it goes well, fails, is slow or is flagged.
exports.serve = function serve({ createServer, Pool, audit, currentSpan, getLogger, init, keepTrace }) {
  const log = getLogger('tail');
  const pool = new Pool({ host: '127.0.0.1', user: 'postgres', database: 'postgres', max: 4 });

  async function handle(path, of) {
    log.debug('before the query', { of });
    const seconds = path === '/slow' ? 0.4 : 0;
    currentSpan().setAttribute('http.route', path);
    await pool.query('SELECT pg_sleep($1)', [seconds]);
    log.debug('after the query', { of });
    log.info('asked', { of });
    if (path === '/flagged') keepTrace();
    if (path === '/audited') audit('exported', { of });
    if (path === '/failed') await pool.query('SELECT nothing FROM nowhere');
  }

  const server = createServer((req, res) => {
    const of = req.headers['x-correlation-id'];
    handle(req.url, of).then(
      () => res.end('ok'),
      () => {
        res.statusCode = 500;
        res.end('ok');
      },
    );
  });
  server.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ port: server.address().port })));
  process.once('exit', () => console.log(JSON.stringify({ status: init().status() })));
  process.once('SIGTERM', () => {
    server.close();
    server.closeAllConnections();
    pool.end();
  });
};
