const { createServer } = require('node:http');
const { annotate, dictConfig, getLogger } = require('sonde');

const { format } = require('node:util');

const seen = [];
if (process.env.WITH_DICT) {
  dictConfig(
    {
      version: 1,
      disable_existing_loggers: false,
      handlers: { list: { class: 'project.List' } },
      root: { level: 'INFO', handlers: ['list'] },
      ...(process.env.WITH_DICT === 'named' && {
        loggers: { access: { handlers: ['list'], propagate: false } },
      }),
    },
    {
      'project.List': () => ({
        write: (record) => void seen.push(format('%s %s', record.logger, record.message)),
      }),
    },
  );
}

const server = createServer((request, response) => {
  annotate({ coupon: 'SPRING', note: { deep: true } });
  getLogger('shop').info('asked');
  response.statusCode = request.url === '/missing' ? 404 : 200;
  response.end();
});
server.listen(0, '127.0.0.1', async () => {
  for (const path of ['/orders/1?token=hunter2', '/missing', '/healthz']) {
    await fetch(`http://127.0.0.1:${server.address().port}${path}`);
  }
  process.stdout.write(`${JSON.stringify({ seen })}\n`);
  server.close();
});
