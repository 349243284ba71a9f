import { createRequire } from 'node:module';
import { expect } from 'chai';
import { templates } from '../../instrumentation/templates.ts';
import { setSinks } from '../../src/logs/pipeline.ts';
import type { LogRecord } from '../../src/logs/record.ts';
import { setLevel } from '../../src/logs/tree.ts';
import { type ArmedProcess, armed } from '../support/armed.ts';

const require = createRequire(import.meta.url);

describe('templates', () => {
  let process: ArmedProcess;
  let records: LogRecord[];
  let sinks: ReturnType<typeof setSinks>;

  beforeEach(() => {
    process = armed([templates()]);
    records = [];
    sinks = setSinks([(record) => void (record.logger === 'sonde.template' && records.push(record))]);
    setLevel('sonde.template', 'debug');
  });

  afterEach(async () => {
    setLevel('sonde.template', undefined);
    setSinks(sinks);
    await process.stop();
  });

  const missing = () => records.flatMap(({ fields }) => fields?.['template.variable'] ?? []);

  it('give what they would have given, as they would have, whatever the variables are', async () => {
    class Order {
      #id = 7;
      readonly name = 'tea';
      get id(): number {
        return this.#id;
      }
    }
    const [ejs, pug, handlebars] = ['ejs', 'pug', 'handlebars'].map((name) => require(name));
    expect(ejs.render('<%= name %>', new Order())).to.equal('tea');
    expect(await ejs.render('<%= await id %>', { id: 7 }, { async: true })).to.equal('7');
    expect(pug.render('p= id', new Order())).to.equal('<p>7</p>');
    expect(pug.compile('p= id', { filename: 'a.pug' }).dependencies).to.deep.equal([]);
    const shown = handlebars.compile('{{#with order}}{{id}}{{/with}}{{#each rows}}{{this}}{{/each}}');
    expect(shown({ order: { id: 7 }, rows: [1, 2] })).to.equal('712');
    expect(() => pug.render('p= id.name.first', {})).to.throw(TypeError);
    expect(() => ejs.render('<%= name %>', null)).to.throw(ReferenceError, 'name is not defined');
    expect(missing()).to.include('name');
  });

  it('name a missing variable once a rendering, and none that is global or may be asked for', () => {
    const handlebars = require('handlebars');
    const rows = '{{#each rows}}{{../title}}{{/each}}{{title}}{{#if name}}{{name}}{{/if}}';
    handlebars.compile(rows)({ rows: [1, 2, 3], name: null });
    require('pug').render('p= Math.max(count, 1)', { count: undefined });
    expect(missing()).to.deep.equal(['title']);
  });

  it('say nothing above DEBUG, and see the variables of the app as they are (A48)', () => {
    setLevel('sonde.template', 'info');
    const variables = { name: 'Ann' };
    const seen: unknown[] = [];
    const handlebars = require('handlebars').create();
    handlebars.registerHelper('note', function (this: unknown) {
      seen.push(this);
    });
    handlebars.compile('{{note}}{{title}}')(variables);
    expect(seen).to.have.length(1);
    expect(seen[0]).to.equal(variables);
    expect(records).to.deep.equal([]);
  });

  it('are as they were when disarmed', () => {
    const [ejs, pug, handlebars] = ['ejs', 'pug', 'handlebars'].map((name) => require(name));
    process.armed.disarm();
    const own = handlebars.create();
    for (const render of [
      () => ejs.render('x'),
      () => pug.render('p'),
      () => own.compile('x')({}),
      () => handlebars.compile('x')({}),
    ])
      render();
    expect(records).to.deep.equal([]);
  });
});
