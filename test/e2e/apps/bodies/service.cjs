// Reads a body in the way that the path names, and logs, with a span of its own, at each moment that a request has.
// What it saw it counts by itself, without any context, and prints at the end.
exports.serve = function serve({ createServer, pipeline, Writable, getLogger, withSpan }) {
  const log = getLogger('bodies');
  const seen = {};

  function witness(id) {
    seen[id] ??= {};
    return (moment) => {
      seen[id][moment] = (seen[id][moment] ?? 0) + 1;
      log.info(moment, { of: id });
      withSpan(moment, { of: id }, () => log.info(moment, { of: id, child: true }));
    };
  }

  /** As `see`; tells the client, too, that a piece was read, so that the next one comes alone. */
  function reporting(req, res, see) {
    let left = Number(req.headers['x-pieces']) - 1;
    return (moment) => {
      see(moment);
      if (moment === 'data' && left-- > 0) res.writeProcessing();
    };
  }

  function answerTo(res, see) {
    for (const event of ['finish', 'close']) {
      res.on(event, () => {
        see(`response ${event}`);
        setImmediate(() => see(`immediate in response ${event}`));
      });
    }
    return (bytes) => {
      setTimeout(() => {
        see('timer in end');
        res.end(`ok ${bytes}`);
      }, 1);
    };
  }

  const readers = {
    events(req, see, done) {
      let bytes = 0;
      req.on('data', (chunk) => {
        bytes += chunk.length;
        see('data');
      });
      req.on('close', () => see('request close'));
      req.on('error', () => see('request error'));
      req.on('end', () => {
        see('end');
        done(bytes);
      });
    },
    pipeline(req, see, done) {
      let bytes = 0;
      const sink = new Writable({
        write(chunk, _encoding, next) {
          bytes += chunk.length;
          see('data');
          next();
        },
      });
      pipeline(req, sink, (error) => {
        see(error ? 'broken' : 'end');
        if (!error) done(bytes);
      });
    },
    async iteration(req, see, done) {
      let bytes = 0;
      try {
        for await (const chunk of req) {
          bytes += chunk.length;
          see('data');
        }
        see('end');
        done(bytes);
      } catch {
        see('broken');
      }
    },
  };

  const server = createServer((req, res) => {
    const see = witness(req.headers['x-correlation-id']);
    see('request');
    readers[req.url.slice(1)](req, reporting(req, res, see), answerTo(res, see));
  });
  server.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ port: server.address().port })));
  process.once('SIGTERM', () => {
    console.log(JSON.stringify({ seen }));
    server.close();
    server.closeAllConnections();
  });
};
