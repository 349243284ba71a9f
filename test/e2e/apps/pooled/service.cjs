// Pools of one connection each, opened by the first request that needs them, and shared by all the others.
exports.serve = function serve({ Agent, createServer, request, HttpPool, undiciRequest, Pool, getLogger }) {
  const log = getLogger('pooled');
  const seen = {};
  const sockets = {};
  const text = 'SELECT $1::text AS id, pg_sleep(0.002)';
  let agent;
  let httpPool;
  let pool;

  function witness(id) {
    seen[id] = {};
    return (moment) => {
      seen[id][moment] = (seen[id][moment] ?? 0) + 1;
      log.info(moment, { of: id });
    };
  }

  function openPool() {
    pool = new Pool({
      host: '127.0.0.1',
      user: 'postgres',
      database: 'postgres',
      max: 1,
      application_name: `pooled-${process.pid}`,
    });
    pool.on('connect', (client) => {
      log.info('connected');
      client.on('notice', () => log.info('notice'));
    });
    pool.on('error', () => log.info('idle error'));
  }

  const routes = {
    agent(see, port, done) {
      agent ??= new Agent({ keepAlive: true, maxSockets: 1 });
      const call = request({ port, agent, path: '/upstream?agent', method: 'POST' }, (response) => {
        see('response callback');
        response.on('data', () => see('data'));
        response.on('close', () => see('response close'));
        response.on('end', () => {
          see('end');
          setTimeout(() => see('timer in end'), 1);
          done();
        });
      });
      for (const event of ['socket', 'finish', 'close']) call.on(event, () => see(`request ${event}`));
      call.end('body');
    },
    async fetch(see, port, done) {
      const response = await fetch(`http://127.0.0.1:${port}/upstream?fetch`);
      see('response');
      for await (const _chunk of response.body) see('data');
      see('end');
      done();
    },
    async undici(see, port, done) {
      httpPool ??= new HttpPool(`http://127.0.0.1:${port}`, { connections: 1 });
      const { body } = await undiciRequest(`http://127.0.0.1:${port}/upstream?undici`, {
        dispatcher: httpPool,
      });
      see('response');
      body.on('data', () => see('data'));
      body.on('end', () => {
        see('end');
        done();
      });
    },
    'pg-callback'(see, _port, done) {
      if (pool === undefined) openPool();
      pool.query(text, ['a'], () => see('pool query'));
      pool.connect((error, client, release) => {
        see('connect');
        if (error) return done();
        client.query("DO $$ BEGIN RAISE NOTICE 'hello'; END $$", () => see('client query'));
        client.query(text, ['b'], () => {
          see('second client query');
          release();
          setImmediate(() => see('immediate in query'));
          done();
        });
      });
    },
    async 'pg-promise'(see, _port, done) {
      if (pool === undefined) openPool();
      await pool.query(text, ['a']);
      see('pool query');
      const client = await pool.connect();
      see('connect');
      await client.query("DO $$ BEGIN RAISE NOTICE 'hello'; END $$");
      see('client query');
      await client.query('SELECT nothing').catch(() => see('failed query'));
      client.release();
      done();
    },
    async 'pg-kill'(see, _port, done) {
      const other = new Pool({ host: '127.0.0.1', user: 'postgres', database: 'postgres', max: 1 });
      const kill = 'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1';
      await other.query(kill, [`pooled-${process.pid}`]);
      see('killed');
      await new Promise((resolve) => setTimeout(resolve, 50));
      await other.end();
      done();
    },
  };

  const server = createServer((req, res) => {
    if (req.url.startsWith('/upstream')) {
      const caller = req.url.slice('/upstream?'.length);
      sockets[caller] ??= new Set();
      sockets[caller].add(req.socket);
      req.resume();
      res.write('up');
      setTimeout(() => res.end('stream'), 5);
      return;
    }
    const see = witness(req.headers['x-correlation-id']);
    routes[req.url.slice(1)](see, server.address().port, () => {
      see('done');
      res.end('ok');
    });
  });
  server.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ port: server.address().port })));
  process.once('SIGTERM', () => {
    const counts = Object.fromEntries(Object.entries(sockets).map(([name, all]) => [name, all.size]));
    console.log(JSON.stringify({ seen, sockets: counts }));
    agent.destroy();
    httpPool.close();
    pool.end();
    server.close();
    server.closeAllConnections();
  });
};
