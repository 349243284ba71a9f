import { expect } from 'chai';
import type { Options } from '../../src/config/config.ts';
import { resolveConfig } from '../../src/config/resolve.ts';

describe('the settings of alerts (A43)', () => {
  const wrong: Record<string, unknown> = {
    adminEmails: ['ops@example.com', 'a@b\r\nBcc: c@d'],
    serverEmail: 'nobody',
    email: 'https://mail.example.com',
    webhook: 'hooks.slack.com/services',
    internalIps: ['10.0.0.0/33'],
    transport: 'sendmail',
    report: {},
    includeHtml: 'perhaps',
  };

  for (const [name, value] of Object.entries(wrong)) {
    it(`refuse what ${name} cannot be`, () => {
      expect(() => resolveConfig({ alerts: { [name]: value } } as Options)).to.throw(`alerts.${name}`);
    });
  }

  it('take what is right, from code and from variables', () => {
    const alerts = {
      adminEmails: ['Ada <ada@example.com>'],
      email: 'smtps://me:pw@mail.example.com',
      internalIps: ['10.0.0.0/8', '::1'],
      transport: () => undefined,
    };
    expect(resolveConfig({ alerts }, {}).config.alerts).to.deep.include(alerts);
    const env = { SONDE_ALERTS__ADMIN_EMAILS: 'a@b.c, d@e.f', SONDE_ALERTS__FILE: 'mails' };
    const { config, problems } = resolveConfig({}, env);
    expect(config.alerts).to.deep.include({ adminEmails: ['a@b.c', 'd@e.f'], file: 'mails' });
    expect(problems).to.deep.equal([]);
  });

  it('never show a webhook or a password in what is said of a wrong one', () => {
    const env = {
      SONDE_ALERTS__WEBHOOK: 'hooks.slack.com/services/s3cr3t',
      SONDE_ALERTS__EMAIL: 'http://me:s3cr3t@mail',
    };
    const { problems } = resolveConfig({}, env);
    expect(problems).to.have.length(2);
    expect(JSON.stringify(problems)).not.to.contain('s3cr3t');
    const given = { alerts: { webhook: 'hooks/s3cr3t', email: 'me:s3cr3t@mail' } };
    expect(() => resolveConfig(given))
      .to.throw()
      .with.property('message')
      .that.does.not.contain('s3cr3t');
  });
});
