const { once } = require('node:events');

/** Serves a view of each engine, with a variable that is there and one that is not, and asks for them. */
exports.show = async ({ ejs, express, handlebars, pug }) => {
  const greet = handlebars.create().compile('Hello {{name}}{{title}}');
  const app = express();
  app.set('views', `${__dirname}/views`);
  app.engine('ejs', ejs.renderFile);
  app.engine('pug', pug.__express);
  app.get('/handlebars', (_request, response) => response.send(greet({ name: 'Ann' })));
  app.get('/:engine', ({ params }, response) => {
    response.render(`hello.${params.engine}`, { name: 'Ann' }, (error, html) =>
      response.send(error ? 'failed' : html),
    );
  });
  const server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
  for (const engine of ['ejs', 'pug', 'handlebars']) {
    const headers = { 'x-correlation-id': engine };
    const answer = await fetch(`http://127.0.0.1:${server.address().port}/${engine}`, { headers });
    console.log(await answer.text());
  }
  server.close();
};
